#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace weir {

template <class Signature>
class Callback;

/** A callable that can be moved but not copied, so that it may own file descriptors and promises. */
template <class R, class... Args>
class Callback<R(Args...)> {
 public:
  Callback() = default;

  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, Callback> && std::is_invocable_r_v<R, F&, Args...>)
  Callback(F&& run) : held_(std::make_unique<Held<std::decay_t<F>>>(std::forward<F>(run))) {}  // NOLINT

  explicit operator bool() const { return held_ != nullptr; }
  R operator()(Args... args) const { return held_->run(std::forward<Args>(args)...); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R run(Args... args) = 0;
  };
  template <class F>
  struct Held final : Base {
    explicit Held(F&& f) : f_(std::move(f)) {}
    explicit Held(const F& f) : f_(f) {}
    R run(Args... args) override { return f_(std::forward<Args>(args)...); }
    F f_;
  };
  std::unique_ptr<Base> held_;
};

}  // namespace weir

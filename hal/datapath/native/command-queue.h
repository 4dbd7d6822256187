#pragma once

#include <sys/eventfd.h>

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "callback.h"
#include "fd.h"

namespace weir {

/** Commands from any thread to the engine's thread; `fd` is readable while some wait. */
class CommandQueue {
 public:
  using Command = Callback<void()>;

  CommandQueue() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  [[nodiscard]] int fd() const { return wake_.get(); }

  void push(Command command) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = commands_.empty();
      commands_.push_back(std::move(command));
    }
    if (first) {
      const std::uint64_t one = 1;
      // It fails only when the counter is full, and then the descriptor is readable anyway.
      [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
    }
  }

  /** All that wait, in the order they were pushed. */
  [[nodiscard]] std::vector<Command> take() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    return std::exchange(commands_, {});
  }

 private:
  Fd wake_;
  std::mutex mutex_;
  std::vector<Command> commands_;
};

}  // namespace weir

#pragma once

#include <future>
#include <string>
#include <thread>

#include "world.h"

namespace test {

/**
 * A network namespace of viewers behind a pair of virtual NICs: `access` here, `eth0` there. All of 198.18.0.0/16 and
 * fd18::/64 is theirs. Each case makes one; its end takes it away.
 */
class ViewerNetwork {
 public:
  static constexpr const char* kBox4 = "198.19.0.1";
  static constexpr const char* kBox6 = "fd19::1";

  ViewerNetwork();
  ViewerNetwork(const ViewerNetwork&) = delete;
  ViewerNetwork& operator=(const ViewerNetwork&) = delete;
  ~ViewerNetwork();

  /** The interface index of our NIC. */
  [[nodiscard]] unsigned device() const;
  static std::string address4(int viewer) { return "198.18." + std::to_string(viewer / 250) + "." + std::to_string(viewer % 250 + 1); }
  static std::string address6(int viewer);
  /** Runs a command where the viewers are. */
  void there(const std::string& command) const;
  /** Makes a socket, or whatever else, where the viewers are. */
  template <class Make>
  auto inside(Make&& make) const {
    const Fd here = enter();
    auto made = make();
    leave(here);
    return made;
  }
  void makeNics() const;

 private:
  [[nodiscard]] Fd enter() const;
  static void leave(const Fd& here);

  /** A thread that lives there: the namespace ends with it. */
  class Holder {
   public:
    Holder();
    ~Holder();
    /** 0 where it could not be made. */
    [[nodiscard]] int id() const { return id_; }

   private:
    std::promise<void> over_;
    std::thread thread_;
    int id_ = 0;
  };
  Holder holder_;
};

}  // namespace test

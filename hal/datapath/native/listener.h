#pragma once

#include "engine.h"
#include "loop.h"

namespace weir {

/** Accepts connections and hands them out as events. */
class Listener final : Loop::Ready {
 public:
  Listener(Loop& loop, EventSink& sink, ListenerId id, Fd fd);
  /** False when it cannot be watched. */
  [[nodiscard]] bool open() const { return watch_.active(); }
  [[nodiscard]] Address local() const { return local_; }

 private:
  void onReady(std::uint32_t events) override;

  EventSink& sink_;
  ListenerId id_;
  Fd fd_;
  Address local_;
  Loop::Timer resume_;
  Loop::Watch watch_;
};

}  // namespace weir

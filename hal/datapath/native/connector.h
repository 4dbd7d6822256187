#pragma once

#include "engine.h"
#include "loop.h"

namespace weir {

/** One connection under way; completes once and then asks to be freed. */
class Connector final : Loop::Ready {
 public:
  Connector(Loop& loop, Fd fd, std::uint32_t timeoutMs, Completion<Connected> done, Callback<void()> over);
  /** Completes with Code::stopped when it was still under way. */
  ~Connector();

 private:
  void onReady(std::uint32_t events) override;
  void finish(Result<Connected> result);

  Fd fd_;
  Completion<Connected> done_;
  Callback<void()> over_;
  Loop::Timer timeout_;
  Loop::Watch watch_;
};

}  // namespace weir

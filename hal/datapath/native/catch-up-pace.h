#pragma once

#include <cstdint>

#include "clock.h"

namespace weir {

/** At once, whatever the pace: with what the kernel keeps beside each packet, a default receive buffer takes about twice this. */
inline constexpr std::size_t kBurstPackets = 64;
inline constexpr std::uint64_t kBurstBytes = kBurstPackets * 1500;

/**
 * How fast a viewer by UDP comes from its start point to the head: the rest of its start frame at 10 times the feed's
 * rate, for there is no picture without it; what follows at 2.5 times, fast enough to catch up within a group of
 * pictures, slow enough for the access line. The budget is kept as time, so that a rate that changes changes the pace
 * and not what was saved up.
 */
class CatchUpPace {
 public:
  void begin(std::int64_t nowNs) {
    turnedNs_ = nowNs;
    budgetNs_ = 0;
    batchPackets_ = batchBytes_ = 0;
  }
  /** A new batch; `bytesPerSecond` is the feed's rate, 0 when it is not known. */
  void turn(std::int64_t nowNs, std::uint64_t bytesPerSecond);
  /** Takes a packet from the budget; false when it is to wait for another turn. */
  bool take(std::size_t bytes, bool inStartFrame);
  /** How long until the next turn, so that its batch is a small one. */
  [[nodiscard]] std::int64_t turnNs(bool inStartFrame) const;

 private:
  [[nodiscard]] std::uint64_t paced(bool inStartFrame) const;

  std::uint64_t rate_ = 0;
  std::int64_t turnedNs_ = 0;
  std::int64_t budgetNs_ = 0;
  std::size_t batchPackets_ = 0;
  std::uint64_t batchBytes_ = 0;
};

}  // namespace weir

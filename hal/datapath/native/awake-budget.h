#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "clock.h"

namespace weir {

/**
 * How long a thread may do without sleep while it has nothing to do: a hundredth of the time. What is not used is saved, but
 * no more than a second's worth. Times are monotonic, and given by the caller.
 */
class AwakeBudget {
 public:
  /** Awake from now on, for so long at most and as far as the savings go. A time that has begun before ends now. */
  void begin(std::int64_t nowNs, std::int64_t longestNs) {
    end(nowNs);
    savedNs_ = std::min(kMostSavedNs, savedNs_ + (nowNs - savedAtNs_) / kShare);
    savedAtNs_ = nowNs;
    if (savedNs_ <= 0) return;
    beganNs_ = nowNs;
    untilNs_ = nowNs + std::min(longestNs, savedNs_);
  }
  /** A time before the beginning counts as that: whoever ends it may go by an older clock reading. */
  void end(std::int64_t nowNs) {
    if (untilNs_ == 0) return;
    const std::int64_t awakeNs = std::max<std::int64_t>(0, std::min(nowNs, untilNs_) - beganNs_);
    savedNs_ -= awakeNs;
    spentNs_.store(spentNs() + awakeNs, std::memory_order_relaxed);
    untilNs_ = 0;
  }
  [[nodiscard]] bool awake(std::int64_t nowNs) {
    if (untilNs_ != 0 && nowNs >= untilNs_) end(nowNs);
    return untilNs_ != 0;
  }
  /** None has begun: there is no need to ask for the time. */
  [[nodiscard]] bool idle() const { return untilNs_ == 0; }
  /** So far, all times that have ended. May be asked for from any thread. */
  [[nodiscard]] std::int64_t spentNs() const { return spentNs_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::int64_t kShare = 100;
  static constexpr std::int64_t kMostSavedNs = kNsPerSecond / kShare;

  std::int64_t savedNs_ = 0;
  std::atomic<std::int64_t> spentNs_ = 0;
  std::int64_t savedAtNs_ = 0;
  std::int64_t beganNs_ = 0;
  /** 0: none has begun. */
  std::int64_t untilNs_ = 0;
};

}  // namespace weir

#include "catch-up-pace.h"

#include <algorithm>

namespace weir {

namespace {

/** Until the feed has been measured. */
constexpr std::uint64_t kUnknownRate = 1'000'000;
/** Of the feed's own rate, in tenths. */
constexpr std::uint64_t kStartFrameTenths = 100;
constexpr std::uint64_t kCatchUpTenths = 25;
/** A thread that was held up does not make good for it by a burst. */
constexpr std::int64_t kLongestTurnNs = 20 * kNsPerMs;
/** Turns are as far apart as it takes to save up such a batch, within bounds. */
constexpr std::uint64_t kUsualBatchBytes = 16 * 1024;
constexpr std::int64_t kShortestPauseNs = 1 * kNsPerMs;
constexpr std::int64_t kLongestPauseNs = 5 * kNsPerMs;

}  // namespace

void CatchUpPace::turn(std::int64_t nowNs, std::uint64_t bytesPerSecond) {
  rate_ = bytesPerSecond != 0 ? bytesPerSecond : kUnknownRate;
  budgetNs_ += std::min(nowNs - turnedNs_, kLongestTurnNs);
  turnedNs_ = nowNs;
  batchPackets_ = batchBytes_ = 0;
}

bool CatchUpPace::take(std::size_t bytes, bool inStartFrame) {
  if (batchPackets_ == kBurstPackets || batchBytes_ + bytes > kBurstBytes) {
    budgetNs_ = 0;
    return false;
  }
  const auto costNs = static_cast<std::int64_t>(bytes * kNsPerSecond / paced(inStartFrame));
  if (costNs > budgetNs_) return false;
  budgetNs_ -= costNs;
  ++batchPackets_;
  batchBytes_ += bytes;
  return true;
}

std::int64_t CatchUpPace::turnNs(bool inStartFrame) const {
  const auto usualNs = static_cast<std::int64_t>(kUsualBatchBytes * kNsPerSecond / paced(inStartFrame));
  return std::clamp(usualNs, kShortestPauseNs, kLongestPauseNs);
}

std::uint64_t CatchUpPace::paced(bool inStartFrame) const {
  return std::max<std::uint64_t>(1, rate_ * (inStartFrame ? kStartFrameTenths : kCatchUpTenths) / 10);
}

}  // namespace weir

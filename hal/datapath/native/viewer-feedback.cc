#include "viewer-feedback.h"

#include <algorithm>

#include "clock.h"
#include "rtcp.h"

namespace weir {

namespace {

constexpr std::int64_t kRefusalWindowNs = 2 * kNsPerSecond;

}  // namespace

void ViewerFeedback::rtcp(std::uint32_t track, ByteView bytes) {
  RtcpSummary summary;
  if (!parseRtcp(bytes, summary)) return;
  if (summary.lossReported) {
    lost_[track] = summary.cumulativeLost;
    std::int64_t sum = 0;
    // Negative where duplicates outnumber losses: no loss.
    for (const std::int32_t lost : lost_) sum += std::max(0, lost);
    counters_.set(ViewerCounter::reportedLostPackets, static_cast<std::uint64_t>(sum));
  }
  counters_.add(ViewerCounter::rxRtcpPackets, 1);
}

void ViewerFeedback::refused(std::int64_t nowNs) {
  const std::size_t size = refusals_.size();
  refusals_[refusalCount_++ % size] = nowNs;
  counters_.set(ViewerCounter::refusals, refusalCount_);
  // The next place to be overwritten holds the oldest of the last three.
  if (refusalCount_ - refusalsTold_ < size || nowNs - refusals_[refusalCount_ % size] > kRefusalWindowNs) return;
  refusalsTold_ = refusalCount_;
  sink_.refused(id_, refusalCount_);
}

}  // namespace weir

#include "viewer-feedback.h"

#include <algorithm>

#include "clock.h"
#include "rtcp.h"

namespace weir {

namespace {

/**
 * A port is gone when media was refused at so many times, apart by as much and no more: the packets of one picture may all come upon
 * a player that is just opening its socket, and a host tells no more than six of them at once and one a second after that (Linux,
 * icmp_ratelimit).
 */
constexpr std::uint32_t kRefusedTimes = 3;
constexpr std::int64_t kRefusalsApartNs = 250 * kNsPerMs;
constexpr std::int64_t kRefusalsTogetherNs = 3 * kNsPerSecond;

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

void ViewerFeedback::refused(bool rtcp, std::int64_t nowNs) {
  counters_.set(ViewerCounter::refusals, ++refusals_);
  // Who opens no port for reports watches all the same.
  if (rtcp) return;
  const std::int64_t sinceNs = nowNs - refusedNs_;
  if (refusedTimes_ > 0 && sinceNs < kRefusalsApartNs) return;
  if (sinceNs > kRefusalsTogetherNs) refusedTimes_ = 0;
  refusedNs_ = nowNs;
  if (++refusedTimes_ < kRefusedTimes) return;
  refusedTimes_ = 0;
  sink_.refused(id_, refusals_);
}

}  // namespace weir

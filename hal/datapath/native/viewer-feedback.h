#pragma once

#include <array>

#include "engine.h"
#include "fanout.h"

namespace weir {

/** What comes back from a viewer: signs of life, its reports, refusals of its port. */
class ViewerFeedback {
 public:
  ViewerFeedback(EventSink& sink, ViewerId id, ViewerSlot counters) : sink_(sink), id_(id), counters_(counters) {}

  [[nodiscard]] ViewerSlot& counters() { return counters_; }
  void heard(std::int64_t nowNs) {
    counters_.set(ViewerCounter::lastRxMonoNs, static_cast<std::uint64_t>(nowNs));
  }
  /** RTCP, or what pretends to be. */
  void rtcp(std::uint32_t track, ByteView bytes);
  /** ICMP told that nobody listens there: at the port of its media, or of its RTCP. */
  void refused(bool rtcp, std::int64_t nowNs);

 private:
  EventSink& sink_;
  ViewerId id_;
  ViewerSlot counters_;
  /** As last reported, by track. */
  std::array<std::int32_t, kMaxTracks> lost_{};
  std::uint64_t refusals_ = 0;
  /** Times at which media was refused, one after the other and not yet told; when the last one was. */
  std::uint32_t refusedTimes_ = 0;
  std::int64_t refusedNs_ = 0;
};

}  // namespace weir

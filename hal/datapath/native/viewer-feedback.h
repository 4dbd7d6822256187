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
  /** ICMP told that nobody listens there. */
  void refused(std::int64_t nowNs);

 private:
  EventSink& sink_;
  ViewerId id_;
  ViewerSlot counters_;
  /** As last reported, by track. */
  std::array<std::int32_t, kMaxTracks> lost_{};
  std::array<std::int64_t, 3> refusals_{};
  std::uint64_t refusalCount_ = 0;
  /** Those before it have led to an event already. */
  std::uint64_t refusalsTold_ = 0;
};

}  // namespace weir

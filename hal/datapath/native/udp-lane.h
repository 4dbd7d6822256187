#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "catch-up-pace.h"
#include "cursor.h"
#include "feed.h"
#include "viewer-feedback.h"

namespace weir {

/** The tracks of one viewer that go by UDP. Caught up it is live and served with all others; until then it has its own pace. */
class UdpLane final : UdpLeg::Owner {
 public:
  UdpLane(Feed& feed, Loop& loop, ViewerFeedback& feedback);
  UdpLane(const UdpLane&) = delete;
  UdpLane& operator=(const UdpLane&) = delete;
  ~UdpLane();

  Status add(std::uint32_t track, UdpPair& pair, const Address& rtp, const Address& rtcp);
  [[nodiscard]] Cursor& cursor() { return cursor_; }

  /** Sender reports and what of the start frame may go out at once, then the rest at a pace. */
  void play();
  void pause();
  void bye();
  /** When its next turn on the way to the head is due. */
  [[nodiscard]] std::int64_t dueNs() const { return dueNs_; }
  void step(std::int64_t nowNs);

 private:
  enum class State { paused, catchingUp, live };
  struct FrameId {
    std::uint8_t track;
    std::uint32_t rtpTime;
  };

  void onLegHeard(UdpLeg& leg, bool rtcp, ByteView bytes, std::int64_t nowNs) override;
  void onLegMoved(UdpLeg& leg) override;
  void onLegRefused(UdpLeg& leg, bool rtcp, std::int64_t nowNs) override;
  void onLegGone(UdpLeg& leg) override;

  void skipOverrun();
  [[nodiscard]] bool inStartFrame(const RingEntry& entry);
  [[nodiscard]] std::uint64_t burstEnd();
  [[nodiscard]] std::uint64_t affordable();
  /** As far as there is room. */
  void sendTo(std::uint64_t end);
  SendStop sendAlone(UdpLeg& leg, Run& run, PacketKind kind);
  void settle();

  Feed& feed_;
  Loop& loop_;
  ViewerFeedback& feedback_;
  std::vector<std::unique_ptr<UdpLeg>> legs_;
  Cursor cursor_;
  State state_ = State::paused;
  CatchUpPace pace_;
  std::int64_t dueNs_ = 0;
  /** The frame it begins with; nothing before its first packet has come, and behind its last one. */
  std::optional<FrameId> startFrame_;
  bool inStartFrame_ = false;
};

}  // namespace weir

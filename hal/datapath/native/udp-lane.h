#pragma once

#include <memory>
#include <vector>

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

  /** Sender reports, the first frame, then the rest at a pace. */
  void play();
  void pause();
  void bye();
  /** A turn on the way to the head. */
  void step(std::int64_t nowNs);

 private:
  enum class State { paused, catchingUp, live };

  void onLegHeard(UdpLeg& leg, bool rtcp, ByteView bytes, std::int64_t nowNs) override;
  void onLegMoved(UdpLeg& leg) override;
  void onLegRefused(UdpLeg& leg, std::int64_t nowNs) override;
  void onLegGone(UdpLeg& leg) override;

  void skipOverrun();
  [[nodiscard]] std::uint64_t firstFrameEnd() const;
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
  std::int64_t steppedNs_ = 0;
  /** What may be sent now. */
  std::uint64_t budgetBytes_ = 0;
};

}  // namespace weir

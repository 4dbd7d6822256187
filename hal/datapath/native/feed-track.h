#pragma once

#include <variant>

#include "continuity.h"
#include "disposable.h"
#include "interleaved-connection.h"
#include "reorder-window.h"
#include "rtp-sequence.h"
#include "transport-stream-starts.h"
#include "udp-pair.h"

namespace weir {

class Feed;

/** Where a track comes from, with the handles looked up. */
struct UdpFrom {
  UdpPair* pair;
  Address rtpSource;
  Address rtcpSource;
};
struct InterleavedFrom {
  InterleavedConnection* connection;
  std::uint8_t rtpChannel;
  std::uint8_t rtcpChannel;
};
using TrackFrom = std::variant<std::monostate, UdpFrom, InterleavedFrom>;

/** One track of a feed as it comes from the origin: checks, order, statistics, start points, reports of our own. */
class FeedTrack final : UdpUpstream, FrameTaker, OrderedPackets {
 public:
  FeedTrack(Feed& feed, Loop& loop, std::uint32_t index, const TrackOptions& options, bool decidesStart);
  FeedTrack(const FeedTrack&) = delete;
  FeedTrack& operator=(const FeedTrack&) = delete;
  ~FeedTrack() { leave(); }

  /** Receives from there from now on. */
  Status receive(const TrackFrom& from);

  [[nodiscard]] bool hasSource() const { return !std::holds_alternative<std::monostate>(from_); }
  [[nodiscard]] bool decidesStart() const { return decidesStart_; }

  /** The source is gone; the next one begins anew, and media waits for a start point if it is to `wait`. */
  void resume(bool wait);
  /** A start point came, here or on another track. */
  void endWaiting();

  /** The latest compound packet with a sender report, as viewers get it; empty before the first. */
  [[nodiscard]] ByteView senderReport() const { return reportWaits_ ? ByteView{} : ByteView{senderReport_}; }
  /** Where the ring holds that report; who got it first needs none from before. */
  [[nodiscard]] std::uint64_t senderReportPosition() const { return senderReportPosition_; }
  /** Of the media, as viewers know it; nothing before the first packet. */
  [[nodiscard]] std::optional<std::uint32_t> ssrc() const {
    return continuity_.begun() ? std::optional(continuity_.ssrc()) : std::nullopt;
  }

 private:
  void onDatagrams(bool rtcp, const ReceiveArena::Message& message) override;
  void onPairGone() override { from_ = {}; }
  void onFrame(std::uint8_t channel, ByteView bytes) override;
  void onConnectionGone(InterleavedConnection&) override { from_ = {}; }
  void onOrdered(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, std::uint32_t lostBefore) override;

  void takeRtp(ByteView bytes);
  void putInOrder(const RtpPacket& packet, ByteView bytes, bool overtaken);
  void giveUpDue();
  void beginAnew(const RtpPacket& packet);
  void waitOrPassOn(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, bool newest);
  void waitForStart(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, bool newest);
  [[nodiscard]] bool completesStart(const RtpPacket& packet, ByteView bytes);
  void dropWaiting(std::size_t keep = 0);
  void passOn(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, bool newest);
  void goOn(const RtpPacket& packet, std::int64_t arrivalNs);
  [[nodiscard]] std::uint32_t alignedTime(const RtpPacket& packet, std::int64_t arrivalNs) const;
  void takeRtcp(ByteView bytes);
  void sayBye();
  void passReportOn();
  void noteStart(const RtpPacket& packet, std::uint64_t position);
  void sendReport();
  void punch(const UdpFrom& udp);
  void leave();

  Feed& feed_;
  Loop& loop_;
  std::uint32_t index_;
  TrackOptions options_;
  bool decidesStart_;
  TrackFrom from_;
  RtpSequence sequence_;
  ReorderWindow order_;
  Loop::Timer orderTimer_;

  /** The access unit that is coming in. */
  bool inUnit_ = false;
  std::uint32_t unitRtpTime_ = 0;
  std::uint32_t unitSsrc_ = 0;
  std::uint64_t unitPosition_ = 0;
  bool unitMarked_ = false;
  TransportStreamStarts transportStream_;

  Disposable disposable_;
  Continuity continuity_;
  /** The next packet passed on is the first of its source. */
  bool anew_ = false;
  /** Media waits for a start point, at most until then; 0: it does not. */
  std::int64_t waitUntilNs_ = 0;
  /** What comes in meanwhile and may belong to a start point: that shows later. */
  std::vector<Bytes> waiting_;
  /** How many packets have waited in all. */
  std::uint64_t waited_ = 0;
  /** Where the source went on, and its clocks before that: what the other tracks are aligned with. */
  std::uint32_t resumedAt_ = 0;
  std::optional<ReportTime> reportBefore_;

  Bytes senderReport_;
  std::uint64_t senderReportPosition_ = 0;
  /** By the clocks of the source as it is: its newest report. */
  std::optional<ReportTime> sourceReport_;
  std::int64_t sourceReportNs_ = 0;
  /** Until then no other goodbye of the source is told. */
  std::int64_t nextByeNs_ = 0;
  /** A report came before the media it belongs to. */
  bool reportWaits_ = false;
  /** Where RTCP came from last. */
  Address rtcpFrom_;
  std::uint32_t ownSsrc_;
  /** Ours to the source, put together in the same memory each time. */
  Bytes receiverReport_;
  Loop::Timer reportTimer_;
};

}  // namespace weir

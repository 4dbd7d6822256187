#pragma once

#include <variant>

#include "interleaved-connection.h"
#include "rtp-sequence.h"
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

/** One track of a feed as it comes from the origin: checks, statistics, start points, reports of our own. */
class FeedTrack final : UdpUpstream, FrameTaker {
 public:
  FeedTrack(Feed& feed, Loop& loop, std::uint32_t index, const TrackOptions& options, bool decidesStart);
  FeedTrack(const FeedTrack&) = delete;
  FeedTrack& operator=(const FeedTrack&) = delete;
  ~FeedTrack() { leave(); }

  /** Receives from there from now on. */
  Status receive(const TrackFrom& from);

  /** The latest compound packet with a sender report; empty before the first. */
  [[nodiscard]] ByteView senderReport() const { return senderReport_; }
  /** Of the media; nothing before the first packet. */
  [[nodiscard]] std::optional<std::uint32_t> ssrc() const {
    return sequence_.heard() ? std::optional(sequence_.ssrc()) : std::nullopt;
  }

 private:
  void onDatagrams(bool rtcp, const ReceiveArena::Message& message) override;
  void onPairGone() override { from_ = {}; }
  void onFrame(std::uint8_t channel, ByteView bytes) override;
  void onConnectionGone(InterleavedConnection&) override { from_ = {}; }

  void takeRtp(ByteView bytes);
  void passOn(const RtpPacket& packet, ByteView bytes, bool newest);
  void takeRtcp(ByteView bytes);
  void noteStart(const RtpPacket& packet, std::uint64_t position);
  void publishLoss();
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
  std::uint64_t lostPublished_ = 0;

  /** The access unit that is coming in. */
  bool inUnit_ = false;
  std::uint32_t unitRtpTime_ = 0;
  std::uint32_t unitSsrc_ = 0;
  std::uint64_t unitPosition_ = 0;
  bool unitMarked_ = false;

  Bytes senderReport_;
  std::int64_t senderReportNs_ = 0;
  /** Where RTCP came from last. */
  Address rtcpFrom_;
  std::uint32_t ownSsrc_;
  Loop::Timer reportTimer_;
};

}  // namespace weir

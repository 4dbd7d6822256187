#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rtcp.h"
#include "rtp.h"

namespace weir {

/**
 * One track as its viewers see it, however often its source begins anew: one SSRC, sequence numbers that go on, an RTP
 * time that goes on. Before that happens for the first time nothing is changed.
 */
class Continuity {
 public:
  explicit Continuity(std::uint32_t clockRateHz) : clockRateHz_(clockRateHz) {}

  /** A packet has been placed. */
  [[nodiscard]] bool begun() const { return begun_; }
  /** What the viewers know. */
  [[nodiscard]] std::uint32_t ssrc() const { return ssrc_; }
  [[nodiscard]] std::uint32_t clockRateHz() const { return clockRateHz_; }
  /** Headers have to be written anew. */
  [[nodiscard]] bool changes() const { return changes_; }

  struct Place {
    std::uint16_t seq;
    std::uint32_t rtpTime;
  };
  /** The packet's place for the viewers; nothing for one from before the place where its source went on. */
  std::optional<Place> place(const RtpPacket& packet, std::int64_t arrivalNs);

  /** The RTP time at that moment: of the newest packet, and what has passed since. */
  [[nodiscard]] std::uint32_t timeAt(std::int64_t monoNs) const;
  /** The source's clock as it was runs on in this packet, give or take a second. */
  [[nodiscard]] bool runsOn(const RtpPacket& packet, std::int64_t arrivalNs) const;
  [[nodiscard]] std::uint32_t placedTime(std::uint32_t rtpTime) const { return rtpTime + timeOffset_; }
  /** The source begins anew with `first`, which gets the next sequence number and this RTP time, or the next possible one. */
  void goOn(const RtpPacket& first, std::uint32_t rtpTime);

  /** Rewrites a compound packet that begins with a sender report of the source: SSRC, RTP time, counts. */
  void rewrite(std::vector<std::uint8_t>& compound);
  /** The clocks of the newest report that was rewritten, as the viewers know them. */
  [[nodiscard]] const std::optional<ReportTime>& reportTime() const { return reportTime_; }

 private:
  std::uint32_t clockRateHz_;
  bool begun_ = false;
  bool changes_ = false;
  std::uint32_t ssrc_ = 0;
  std::uint16_t seqOffset_ = 0;
  std::uint32_t timeOffset_ = 0;

  /** Of the source as it is: the first packet, and how many came since, up to a few. */
  std::uint16_t firstSeq_ = 0;
  std::uint32_t sinceFirst_ = 0;

  std::uint16_t lastSeq_ = 0;
  std::uint32_t lastTime_ = 0;
  std::int64_t lastArrivalNs_ = 0;

  std::optional<ReportTime> reportTime_;
  /** As the last report told the viewers, and what they got since. */
  std::uint32_t packets_ = 0;
  std::uint32_t octets_ = 0;
  std::uint32_t packetsSince_ = 0;
  std::uint32_t octetsSince_ = 0;
  std::uint32_t packetOffset_ = 0;
  std::uint32_t octetOffset_ = 0;
  /** The source began anew after the last report. */
  bool recount_ = false;
};

/** A track at the packet that a resumed session goes on with, and its reports before and after (RFC 3550 s.6.4.1). */
struct AlignedTrack {
  std::uint32_t clockRateHz;
  /** As the source numbers it, and as the viewers see it; not known yet for the track that is to be aligned. */
  std::uint32_t rtpTime;
  std::uint32_t placedTime;
  /** In the viewers' time. */
  ReportTime before;
  /** In the source's time. */
  ReportTime after;
};

/** The placed time of `track` that keeps it as far from `reference` as the reports say that both belong. */
std::uint32_t alignByReports(const AlignedTrack& reference, const AlignedTrack& track);

}  // namespace weir

#include "continuity.h"

#include <cmath>

#include "clock.h"

namespace weir {

namespace {

/** A packet of the source's beginning is not later than that (RFC 3550 A.1, MAX_MISORDER). */
constexpr std::uint32_t kLatestPackets = 100;
/** An RTP time further back than this is another time, not a picture that is shown later than it is sent. */
constexpr std::uint32_t kLongestReorderSeconds = 10;

std::uint32_t ticks(std::int64_t ns, std::uint32_t clockRateHz) {
  const auto rate = static_cast<std::int64_t>(clockRateHz);
  return static_cast<std::uint32_t>(ns / kNsPerSecond * rate + ns % kNsPerSecond * rate / kNsPerSecond);
}

std::int32_t difference(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b); }

}  // namespace

std::optional<Continuity::Place> Continuity::place(const RtpPacket& packet, std::int64_t arrivalNs) {
  if (!begun_) {
    begun_ = true;
    ssrc_ = packet.ssrc;
    lastSeq_ = static_cast<std::uint16_t>(packet.seq - 1);
    lastTime_ = packet.rtpTime;
  }
  const Place place{static_cast<std::uint16_t>(packet.seq + seqOffset_), placedTime(packet.rtpTime)};
  const bool newest = static_cast<std::int16_t>(place.seq - lastSeq_) > 0;
  if (changes_ && sinceFirst_ < kLatestPackets) {
    // The newest is never from before, however many were lost since.
    if (!newest && static_cast<std::int16_t>(packet.seq - firstSeq_) < 0) return std::nullopt;
    ++sinceFirst_;
  }
  if (newest) lastSeq_ = place.seq;
  const std::int64_t step = difference(place.rtpTime, lastTime_);
  if (step > 0 || -step > std::int64_t{kLongestReorderSeconds} * clockRateHz_) lastTime_ = place.rtpTime;
  lastArrivalNs_ = arrivalNs;
  ++packetsSince_;
  octetsSince_ += static_cast<std::uint32_t>(packet.payload.size());
  return place;
}

std::uint32_t Continuity::timeAt(std::int64_t monoNs) const {
  return lastTime_ + ticks(monoNs - lastArrivalNs_, clockRateHz_);
}

bool Continuity::runsOn(const RtpPacket& packet, std::int64_t arrivalNs) const {
  const std::int64_t away = difference(placedTime(packet.rtpTime), timeAt(arrivalNs));
  return std::abs(away) <= clockRateHz_;
}

void Continuity::goOn(const RtpPacket& first, std::uint32_t rtpTime) {
  if (!begun_) return;
  if (difference(rtpTime, lastTime_) <= 0) rtpTime = lastTime_ + 1;
  changes_ = true;
  seqOffset_ = static_cast<std::uint16_t>(lastSeq_ + 1 - first.seq);
  timeOffset_ = rtpTime - first.rtpTime;
  firstSeq_ = first.seq;
  sinceFirst_ = 0;
  recount_ = reportTime_.has_value();
}

void Continuity::rewrite(std::vector<std::uint8_t>& compound) {
  std::optional<SenderInfo> info = senderInfo(compound);
  if (!info) return;
  if (recount_) {
    recount_ = false;
    packetOffset_ = packets_ + packetsSince_ - info->packets;
    octetOffset_ = octets_ + octetsSince_ - info->octets;
  }
  info->time.rtpTime = placedTime(info->time.rtpTime);
  info->packets += packetOffset_;
  info->octets += octetOffset_;
  if (changes_) rewriteRtcp(compound, ssrc_, *info);
  reportTime_ = info->time;
  packets_ = info->packets;
  octets_ = info->octets;
  packetsSince_ = 0;
  octetsSince_ = 0;
}

std::uint32_t alignByReports(const AlignedTrack& reference, const AlignedTrack& track) {
  const auto since = [](std::uint32_t rtpTime, const ReportTime& report, std::uint32_t clockRateHz) {
    return static_cast<double>(difference(rtpTime, report.rtpTime)) / clockRateHz;
  };
  // NTP time is in units of 2^-32 s; it wraps like everything here.
  const auto apart = [](std::uint64_t a, std::uint64_t b) { return std::ldexp(static_cast<double>(static_cast<std::int64_t>(a - b)), -32); };
  /** The reference's packet in the viewers' time, seen from the track's last report before. */
  const double goesOn = apart(reference.before.ntp, track.before.ntp) +
                        since(reference.placedTime, reference.before, reference.clockRateHz);
  /** How far the track's packet stands behind the reference's in the source's time. */
  const double behind = apart(track.after.ntp, reference.after.ntp) + since(track.rtpTime, track.after, track.clockRateHz) -
                        since(reference.rtpTime, reference.after, reference.clockRateHz);
  const auto offset = std::llround((goesOn + behind) * track.clockRateHz);
  return track.before.rtpTime + static_cast<std::uint32_t>(offset);
}

}  // namespace weir

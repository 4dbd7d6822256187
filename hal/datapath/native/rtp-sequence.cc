#include "rtp-sequence.h"

#include <algorithm>

#include "clock.h"

namespace weir {

namespace {

constexpr std::uint16_t kMaxDropout = 3000;
constexpr std::uint16_t kMaxMisorder = 100;
constexpr std::uint32_t kNoSeq = 0x10000;

}  // namespace

void RtpSequence::begin(const RtpPacket& packet) {
  started_ = true;
  ssrc_ = packet.ssrc;
  payloadType_ = packet.payloadType;
  maxSeq_ = packet.seq;
  cycles_ = 0;
  baseSeq_ = packet.seq;
  badSeq_ = kNoSeq;
  received_ = 0;
  expectedPrior_ = 0;
  receivedPrior_ = 0;
  jitter_ = 0;
  transitKnown_ = false;
  window_ = {};
}

RtpSequence::Verdict RtpSequence::take(const RtpPacket& packet, std::int64_t arrivalNs) {
  if (!started_) {
    begin(packet);
    follow(packet, arrivalNs);
    return Verdict::next;
  }
  if (packet.ssrc != ssrc_) {
    // Of another type it may be repair data beside the media (RFC 4588 s.5.1): only when that is silent is it a source.
    if (packet.payloadType != payloadType_ && arrivalNs - followedNs_ < kNsPerSecond) return Verdict::astray;
    begin(packet);
    follow(packet, arrivalNs);
    return Verdict::anew;
  }
  const auto ahead = static_cast<std::uint16_t>(packet.seq - maxSeq_);
  if (ahead != 0 && ahead < kMaxDropout) {
    if (packet.seq < maxSeq_) cycles_ += 0x10000;
    // What lies between has not come; the window forgets what was there a round ago.
    for (std::uint32_t i = 1; i < std::min<std::uint32_t>(ahead, kWindow); ++i) {
      unsee(static_cast<std::uint16_t>(packet.seq - i));
    }
    maxSeq_ = packet.seq;
    badSeq_ = kNoSeq;
    follow(packet, arrivalNs);
    return Verdict::next;
  }
  const auto behind = static_cast<std::uint16_t>(maxSeq_ - packet.seq);
  if (behind >= kMaxMisorder) {
    if (packet.seq == badSeq_) {
      begin(packet);
      follow(packet, arrivalNs);
      return Verdict::anew;
    }
    badSeq_ = static_cast<std::uint16_t>(packet.seq + 1);
    return Verdict::astray;
  }
  if (seen(packet.seq)) return Verdict::duplicate;
  // Older than the first one: expected from there on, so that it makes no loss negative.
  if (cycles_ + maxSeq_ - behind < baseSeq_) baseSeq_ = cycles_ + maxSeq_ - behind;
  follow(packet, arrivalNs);
  return Verdict::late;
}

void RtpSequence::follow(const RtpPacket& packet, std::int64_t arrivalNs) {
  see(packet.seq);
  ++received_;
  followedNs_ = arrivalNs;
  // Arrival in clock units; it wraps like rtpTime does, and only differences count.
  const auto rate = static_cast<std::int64_t>(clockRateHz_);
  const auto arrival = static_cast<std::uint32_t>(arrivalNs / kNsPerSecond * rate +
                                                  arrivalNs % kNsPerSecond * rate / kNsPerSecond);
  const std::uint32_t transit = arrival - packet.rtpTime;
  if (transitKnown_) {
    const auto difference = static_cast<std::int32_t>(transit - lastTransit_);
    const std::uint32_t distance = difference < 0 ? 0U - static_cast<std::uint32_t>(difference)
                                                  : static_cast<std::uint32_t>(difference);
    // A source whose clock jumps would push it to nonsense for minutes.
    if (distance < clockRateHz_ * std::uint64_t{60}) jitter_ += distance - ((jitter_ + 8) >> 4);
  }
  lastTransit_ = transit;
  transitKnown_ = true;
}

std::int64_t RtpSequence::expected() const {
  return started_ ? static_cast<std::int64_t>(cycles_ + maxSeq_ - baseSeq_) + 1 : 0;
}

ReceptionFigures RtpSequence::report() {
  const std::int64_t expectedNow = expected();
  const std::int64_t expectedInterval = expectedNow - expectedPrior_;
  const std::int64_t lostInterval = expectedInterval - (received_ - receivedPrior_);
  expectedPrior_ = expectedNow;
  receivedPrior_ = received_;
  ReceptionFigures figures;
  figures.ssrc = ssrc_;
  if (expectedInterval > 0 && lostInterval > 0) {
    figures.fractionLost = static_cast<std::uint8_t>(std::min<std::int64_t>(255, (lostInterval << 8) / expectedInterval));
  }
  figures.cumulativeLost =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(expectedNow - received_, -0x800000, 0x7fffff));
  figures.highestSeq = static_cast<std::uint32_t>(cycles_ + maxSeq_);
  figures.jitter = jitter_ >> 4;
  return figures;
}

}  // namespace weir

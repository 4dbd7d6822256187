#pragma once

#include <array>
#include <cstdint>

#include "rtp.h"

namespace weir {

/** The figures of a reception report block (RFC 3550 s.6.4.1). */
struct ReceptionFigures {
  std::uint32_t ssrc = 0;
  std::uint8_t fractionLost = 0;
  std::int32_t cumulativeLost = 0;
  std::uint32_t highestSeq = 0;
  std::uint32_t jitter = 0;
};

/** Follows the sequence numbers of one track (RFC 3550 A.1), its losses (A.3) and its jitter (A.8). */
class RtpSequence {
 public:
  explicit RtpSequence(std::uint32_t clockRateHz) : clockRateHz_(clockRateHz) {}

  enum class Verdict {
    /** The newest so far. */
    next,
    /** The first packet of another source: another SSRC (s.8), or sequence numbers that began anew. */
    anew,
    /** Belongs before one that has come already. */
    late,
    duplicate,
    /** Too far away to be of this stream; when the next one follows on it the source has started anew (A.1). */
    astray,
  };

  Verdict take(const RtpPacket& packet, std::int64_t arrivalNs);
  /** What comes next is the first packet of a new session. */
  void restart() { started_ = false; }

  [[nodiscard]] bool heard() const { return started_; }
  [[nodiscard]] std::uint32_t ssrc() const { return ssrc_; }
  /** For the next report; begins a new interval. */
  ReceptionFigures report();

 private:
  static constexpr std::uint32_t kWindow = 1024;

  void begin(const RtpPacket& packet);
  void follow(const RtpPacket& packet, std::int64_t arrivalNs);
  [[nodiscard]] bool seen(std::uint16_t seq) const { return (window_[seq % kWindow / 64] >> (seq % 64) & 1) != 0; }
  void see(std::uint16_t seq) { window_[seq % kWindow / 64] |= std::uint64_t{1} << (seq % 64); }
  void unsee(std::uint16_t seq) { window_[seq % kWindow / 64] &= ~(std::uint64_t{1} << (seq % 64)); }
  [[nodiscard]] std::int64_t expected() const;

  std::uint32_t clockRateHz_;
  bool started_ = false;
  std::uint32_t ssrc_ = 0;
  std::uint8_t payloadType_ = 0;
  std::uint16_t maxSeq_ = 0;
  /** Not only the 16 bits that reports have room for: at a thousand packets a second those are used up after 50 days. */
  std::uint64_t cycles_ = 0;
  std::uint64_t baseSeq_ = 0;
  /** The packet that would follow on one that was astray; above 65535: none. */
  std::uint32_t badSeq_ = 0x10000;
  std::int64_t received_ = 0;
  std::int64_t followedNs_ = 0;
  std::int64_t expectedPrior_ = 0;
  std::int64_t receivedPrior_ = 0;
  std::uint32_t lastTransit_ = 0;
  /** Scaled by 16 (A.8). */
  std::uint32_t jitter_ = 0;
  bool transitKnown_ = false;
  /** Which of the last sequence numbers have come. */
  std::array<std::uint64_t, kWindow / 64> window_{};
};

}  // namespace weir

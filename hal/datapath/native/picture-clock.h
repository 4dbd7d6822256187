#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "clock.h"

namespace weir {

/**
 * Tells when the next picture of a video track is likely to begin to come. Sources send by the picture's time (RTP time), give or take
 * what their timers and the network do to it; a timer that counts whole milliseconds is early or late by turns, and after the same
 * lateness the same one follows. So what came after pictures that were about as late as the last one tells how late the next will be.
 */
class PictureClock {
 public:
  explicit PictureClock(std::uint32_t clockRateHz) : clockRateHz_(clockRateHz) {}

  /** The first packet of a picture came, with that RTP time. */
  void add(std::int64_t arrivalNs, std::uint32_t rtpTime);
  /**
   * Where the 0.8 ms begin in which the next picture is most likely to begin. Nothing where too little is known, where RTP time does not
   * rise from picture to picture (B-frames), and where lately less than a third of what was foretold was right.
   */
  [[nodiscard]] std::optional<std::int64_t> nextNs() const;

 private:
  static constexpr std::size_t kKept = 128;
  /** With fewer nothing is foretold: about two seconds of most feeds. */
  static constexpr std::size_t kLeast = 48;
  static constexpr std::size_t kAlike = 14;

  void begin(std::int64_t arrivalNs, std::uint32_t rtpTime);
  [[nodiscard]] std::int64_t lateNs(std::size_t index) const { return lateNs_[index % kKept]; }
  void foretell();

  std::uint32_t clockRateHz_;
  /** Pictures since the rhythm began; how late each of the last ones was against its RTP time. */
  std::size_t count_ = 0;
  std::array<std::int64_t, kKept> lateNs_{};
  /** The first picture's arrival, and how far RTP time has gone since. */
  std::int64_t beganNs_ = 0;
  std::int64_t mediaNs_ = 0;
  std::int64_t mediaTicks_ = 0;
  std::uint32_t rtpTime_ = 0;
  std::int64_t stepTicks_ = 0;
  std::optional<std::int64_t> nextNs_;
  /** Of what was foretold lately, how much was right: in 1/1024. */
  std::int32_t right_ = 512;
};

}  // namespace weir

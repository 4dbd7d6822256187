#pragma once

#include <optional>

#include "engine.h"
#include "rtp.h"

namespace weir {

/**
 * Tells packets of pictures that no other picture is decoded from: a viewer that is behind can do without them. One
 * for each track: it learns which temporal layers there are.
 */
class Disposable {
 public:
  explicit Disposable(StartPointCodec codec) : codec_(codec) {}

  [[nodiscard]] bool shows(const RtpPacket& packet);

 private:
  [[nodiscard]] bool h265(ByteView payload);
  [[nodiscard]] bool mpeg4(const RtpPacket& packet);

  StartPointCodec codec_;
  /** RTP time of the picture that came last, where no other one is decoded from it. */
  std::optional<std::uint32_t> disposableTime_;
  /** The highest TemporalId seen (H.265 7.4.2.2). */
  unsigned topLayer_ = 0;
};

}  // namespace weir

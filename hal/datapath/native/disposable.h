#pragma once

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

  StartPointCodec codec_;
  /** The highest TemporalId seen (H.265 7.4.2.2). */
  unsigned topLayer_ = 0;
};

}  // namespace weir

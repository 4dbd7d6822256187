#pragma once

#include "engine.h"
#include "rtp.h"

namespace weir {

/**
 * True when this packet shows that its access unit is one a decoder can start at. The start point itself is the first
 * packet of that access unit, so that parameter sets and delimiters sent before the picture belong to it.
 */
bool showsStart(StartPointCodec codec, const RtpPacket& packet);

/** True when this packet has a sequence parameter set (H.264 7.3.2.1, H.265 7.3.2.2): a picture parameter set comes with it. */
bool hasParameterSets(StartPointCodec codec, const RtpPacket& packet);

}  // namespace weir

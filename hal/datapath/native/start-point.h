#pragma once

#include "engine.h"
#include "rtp.h"

namespace weir {

/**
 * True when this packet shows that its access unit is one a decoder can start at. The start point itself is the first
 * packet of that access unit, so that parameter sets and delimiters sent before the picture belong to it.
 */
bool showsStart(StartPointCodec codec, const RtpPacket& packet);

}  // namespace weir

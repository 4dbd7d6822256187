#pragma once

#include <cstdint>
#include <optional>

#include "bytes.h"

namespace weir {

/** What the datapath wants to know of an RTP packet (RFC 3550 s.5.1). */
struct RtpPacket {
  std::uint16_t seq = 0;
  std::uint32_t rtpTime = 0;
  std::uint32_t ssrc = 0;
  std::uint8_t payloadType = 0;
  bool marker = false;
  /** Without CSRCs, header extension (s.5.3.1) and padding. */
  ByteView payload;
};

/** Nothing when it is no RTP packet by the tests of RFC 3550 A.1. */
std::optional<RtpPacket> parseRtp(ByteView bytes);

}  // namespace weir

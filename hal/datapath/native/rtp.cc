#include "rtp.h"

namespace weir {

std::optional<RtpPacket> parseRtp(ByteView bytes) {
  constexpr std::size_t kHeader = 12;
  if (bytes.size() < kHeader || bytes[0] >> 6 != 2) return std::nullopt;
  const std::uint8_t payloadType = bytes[1] & 0x7f;
  // 200 to 204 of RTCP with the top bit taken as the marker: an RTCP packet astray.
  if (payloadType >= 72 && payloadType <= 76) return std::nullopt;
  std::size_t begin = kHeader + 4U * (bytes[0] & 0x0f);
  std::size_t end = bytes.size();
  if ((bytes[0] & 0x10) != 0) {
    if (begin + 4 > end) return std::nullopt;
    begin += 4 + 4U * readU16(&bytes[begin + 2]);
  }
  if (begin > end) return std::nullopt;
  if ((bytes[0] & 0x20) != 0) {
    const std::size_t padding = bytes[end - 1];
    if (padding == 0 || padding > end - begin) return std::nullopt;
    end -= padding;
  }
  return RtpPacket{
      .seq = readU16(&bytes[2]),
      .rtpTime = readU32(&bytes[4]),
      .ssrc = readU32(&bytes[8]),
      .payloadType = payloadType,
      .marker = (bytes[1] & 0x80) != 0,
      .payload = bytes.subspan(begin, end - begin),
  };
}

}  // namespace weir

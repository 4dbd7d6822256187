#include "disposable.h"

#include <algorithm>

namespace weir {

namespace {

constexpr unsigned kNoReference = 0;

/** Slices of pictures that are not IDR (H.264 table 7-1); SEI and delimiters have nal_ref_idc 0 too, but are no picture. */
bool isH264Slice(unsigned type) { return type >= 1 && type <= 4; }

/** Specification: RFC 6184 s.5.3: the octet of single units, of aggregates and of fragments all carry nal_ref_idc. */
bool h264(ByteView payload) {
  constexpr unsigned kIdr = 5;
  constexpr unsigned kStapA = 24;
  constexpr unsigned kFuA = 28;
  constexpr unsigned kFuB = 29;
  if (payload.size() < 2 || (payload[0] >> 5 & 3) != kNoReference) return false;
  const unsigned type = payload[0] & 0x1f;
  if (type == kFuA || type == kFuB) return isH264Slice(payload[1] & 0x1f);
  if (type != kStapA) return isH264Slice(type);
  bool slice = false;
  for (ByteView rest = payload.subspan(1); rest.size() > 2;) {
    const std::size_t size = readU16(rest.data());
    if (size == 0 || size > rest.size() - 2 || (rest[2] >> 5 & 3) != kNoReference) return false;
    const unsigned unit = rest[2] & 0x1f;
    // Nobody may send one with nal_ref_idc 0 (H.264 7.4.1); who does needs it all the same.
    if (unit == kIdr) return false;
    slice = slice || isH264Slice(unit);
    rest = rest.subspan(2 + size);
  }
  return slice;
}

/** Specification: RFC 7741 s.4.2: N, a frame that no other one depends on. */
bool vp8(ByteView payload) { return !payload.empty() && (payload[0] & 0x20) != 0; }

}  // namespace

/**
 * Specification: H.265 7.4.2.2, table 7-1: even types below 16 are sub-layer non-reference pictures: none of their own
 * layer is decoded from them, but one of a higher layer may be. RFC 7798 s.4.4 for aggregates and fragments, and for the
 * decoding order numbers in aggregates (DONL, DOND).
 */
bool Disposable::h265(ByteView payload) {
  constexpr unsigned kAp = 48;
  constexpr unsigned kFu = 49;
  constexpr unsigned kFirstNoPicture = 32;
  const auto isDisposable = [](unsigned type) { return type <= 14 && type % 2 == 0; };
  if (payload.size() < 3) return false;
  const unsigned layer = (payload[1] & 7U) - ((payload[1] & 7U) > 0 ? 1 : 0);
  topLayer_ = std::max(topLayer_, layer);
  if (layer < topLayer_) return false;
  const unsigned type = payload[0] >> 1 & 0x3f;
  if (type == kFu) return isDisposable(payload[2] & 0x3f);
  if (type != kAp) return isDisposable(type);
  const bool withDon = codec_ == StartPointCodec::h265WithDon;
  const std::size_t donl = withDon ? 2 : 0;
  const std::size_t dond = withDon ? 1 : 0;
  bool picture = false;
  for (ByteView rest = payload.subspan(std::min(2 + donl, payload.size())); rest.size() > 2;) {
    const std::size_t size = readU16(rest.data());
    if (size == 0 || size > rest.size() - 2) return false;
    const unsigned unit = rest[2] >> 1 & 0x3f;
    if (unit < kFirstNoPicture && !isDisposable(unit)) return false;
    picture = picture || unit < kFirstNoPicture;
    rest = rest.subspan(std::min(2 + size + dond, rest.size()));
  }
  return picture;
}

/**
 * Specification: ISO/IEC 14496-2 6.3.5: vop_coding_type behind the start code of a picture; B-VOPs are never decoded from. RFC 6416
 * s.5.2: the start code begins its packet, so what has none is more of the picture that it has the time of.
 */
bool Disposable::mpeg4(const RtpPacket& packet) {
  constexpr unsigned kBidirectional = 2;
  const ByteView payload = packet.payload;
  const bool begins = payload.size() >= 4 && payload[0] == 0 && payload[1] == 0 && payload[2] == 1;
  if (begins && payload[3] == 0xb6) {
    const bool disposable = payload.size() > 4 && payload[4] >> 6 == kBidirectional;
    disposableTime_ = disposable ? std::optional(packet.rtpTime) : std::nullopt;
    return disposable;
  }
  // What begins with another header (a new sequence, a group of pictures) is for the pictures that follow.
  if (begins) disposableTime_.reset();
  return disposableTime_ == packet.rtpTime;
}

bool Disposable::shows(const RtpPacket& packet) {
  switch (codec_) {
    case StartPointCodec::h264: return h264(packet.payload);
    case StartPointCodec::h265:
    case StartPointCodec::h265WithDon: return h265(packet.payload);
    case StartPointCodec::vp8: return vp8(packet.payload);
    case StartPointCodec::mpeg4: return mpeg4(packet);
    // VP9 and AV1 show it only to who decodes; the others have no such pictures, or no way to tell.
    default: return false;
  }
}

}  // namespace weir

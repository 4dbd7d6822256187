#include "start-point.h"

#include <algorithm>
#include <array>

namespace weir {

namespace {

/** Of one NAL unit as much as is looked at. */
constexpr std::size_t kMaxSeiBytes = 256;

/**
 * Specification: ITU-T H.264 7.3.2.3.1 and D.1.8, H.265 7.3.5 and D.2.8, which agree. A recovery point message begins
 * the start of a stream that refreshes gradually and never sends an IDR picture. `sei` is the NAL unit behind its
 * header; sizes in it do not count emulation prevention bytes (H.264 7.4.1.1).
 */
bool isRecoveryPoint(ByteView sei) {
  constexpr unsigned kRecoveryPoint = 6;
  std::array<std::uint8_t, kMaxSeiBytes> bytes;
  std::size_t size = 0;
  std::size_t zeros = 0;
  for (const std::uint8_t byte : sei) {
    if (size == bytes.size()) break;
    const bool inserted = zeros >= 2 && byte == 3;
    zeros = byte == 0 ? zeros + 1 : 0;
    if (!inserted) bytes[size++] = byte;
  }
  for (std::size_t at = 0; at + 2 < size;) {
    unsigned type = 0;
    unsigned length = 0;
    for (unsigned* value : {&type, &length}) {
      for (; at < size && bytes[at] == 0xff; ++at) *value += 255;
      if (at == size) return false;
      *value += bytes[at++];
    }
    if (type == kRecoveryPoint) return true;
    at += length;
  }
  return false;
}

/** `content`: behind the header of the NAL unit. */
bool isH264Start(unsigned type, ByteView content) {
  constexpr unsigned kIdr = 5;
  constexpr unsigned kSei = 6;
  return type == kIdr || (type == kSei && isRecoveryPoint(content));
}

/** How an aggregate is laid out (RFC 6184 s.5.7): bytes before its first unit, and between a unit's size and the unit. */
struct H264Aggregate {
  std::size_t head;
  std::size_t beforeUnit;
};

/** By type 24 to 27: a decoding order number follows the type but in STAP-A; each unit of an MTAP has its own, and a time offset. */
constexpr std::array<H264Aggregate, 4> kH264Aggregates{{{1, 0}, {3, 0}, {3, 3}, {3, 4}}};

/**
 * Has a packet a NAL unit that `is(type, content)` says so of? One in fragments counts by its type alone, where it begins.
 * Specification: RFC 6184 s.5.6 (single), s.5.7.1 (STAP-A, STAP-B), s.5.7.2 (MTAP16, MTAP24), s.5.8 (FU-A and FU-B with the S bit).
 */
template <class Is>
bool h264(ByteView payload, Is is) {
  constexpr unsigned kFirstAggregate = 24;
  constexpr unsigned kFuA = 28;
  constexpr unsigned kFuB = 29;
  if (payload.empty()) return false;
  const unsigned type = payload[0] & 0x1f;
  if (type == kFuA || type == kFuB) return payload.size() > 2 && (payload[1] & 0x80) != 0 && is(payload[1] & 0x1fU, ByteView{});
  if (type < kFirstAggregate || type > kFuB) return is(type, payload.subspan(1));
  const auto [head, beforeUnit] = kH264Aggregates[type - kFirstAggregate];
  if (payload.size() < head) return false;
  for (ByteView rest = payload.subspan(head); rest.size() > 2 + beforeUnit;) {
    const std::size_t size = readU16(rest.data());
    rest = rest.subspan(2 + beforeUnit);
    if (size > rest.size()) return false;
    if (size > 0 && is(rest[0] & 0x1fU, rest.subspan(1, size - 1))) return true;
    rest = rest.subspan(size);
  }
  return false;
}

/** Pictures at which decoding may begin (H.265 7.4.2.2). */
constexpr bool isIrap(unsigned type) { return type >= 16 && type <= 23; }

/** A stream without IRAP pictures has recovery points (prefix SEI, 39). `content`: behind the header of the NAL unit. */
bool isH265Start(unsigned type, ByteView content) {
  constexpr unsigned kPrefixSei = 39;
  return isIrap(type) || (type == kPrefixSei && isRecoveryPoint(content));
}

/**
 * As for H.264. Specification: RFC 7798 s.4.4.1 (single), s.4.4.2 (AP), s.4.4.3 (FU), s.4.4.4 (PACI: the type of what it carries is in its own
 * fields, and behind them the content without its payload header). With decoding order numbers one is before the first unit of a
 * packet (DONL), and before each further one of an AP how far it is from the one before (DOND); the header of an FU is before them.
 */
template <class Is>
bool h265(ByteView payload, bool withDon, Is is) {
  constexpr unsigned kAp = 48;
  constexpr unsigned kFu = 49;
  constexpr unsigned kPaci = 50;
  if (payload.size() < 3) return false;
  unsigned type = payload[0] >> 1 & 0x3f;
  ByteView content = payload.subspan(2);
  if (type == kPaci) {
    if (content.size() < 2) return false;
    const unsigned fields = readU16(content.data());
    const std::size_t head = 2 + (fields >> 4 & 0x1f);
    if (content.size() <= head) return false;
    type = fields >> 9 & 0x3f;
    content = content.subspan(head);
  }
  if (type == kFu) return (content[0] & 0x80) != 0 && is(content[0] & 0x3fU, ByteView{});
  const std::size_t donl = withDon ? 2 : 0;
  const std::size_t dond = withDon ? 1 : 0;
  if (content.size() <= donl) return false;
  content = content.subspan(donl);
  if (type != kAp) return is(type, content);
  while (content.size() > 2) {
    const std::size_t size = readU16(content.data());
    content = content.subspan(2);
    if (size < 2 || size > content.size()) return false;
    if (is(content[0] >> 1 & 0x3fU, content.subspan(2, size - 2))) return true;
    content = content.subspan(std::min(size + dond, content.size()));
  }
  return false;
}

/** Specification: AV1 RTP payload 1.0 s.4.4: N is set on the first packet of a coded video sequence, and never with Z. */
bool av1(ByteView payload) { return !payload.empty() && (payload[0] & 0x88) == 0x08; }

/** Specification: RFC 7741 s.4.2 (descriptor), s.4.3 (P bit of the payload header; 0 is a key frame). */
bool vp8(ByteView payload) {
  if (payload.empty() || (payload[0] & 0x10) == 0 || (payload[0] & 0x07) != 0) return false;
  std::size_t at = 1;
  if ((payload[0] & 0x80) != 0) {
    if (payload.size() < 2) return false;
    const unsigned extension = payload[1];
    at = 2;
    if ((extension & 0x80) != 0) {
      if (payload.size() <= at) return false;
      at += (payload[at] & 0x80) != 0 ? 2 : 1;
    }
    if ((extension & 0x40) != 0) ++at;
    if ((extension & 0x30) != 0) ++at;
  }
  return at < payload.size() && (payload[at] & 0x01) == 0;
}

/** Specification: RFC 9628 s.4.2: begin of a frame (B) that is not inter-predicted (P), lowest spatial layer. */
bool vp9(ByteView payload) {
  if (payload.empty()) return false;
  const unsigned flags = payload[0];
  if ((flags & 0x08) == 0 || (flags & 0x40) != 0) return false;
  if ((flags & 0x20) == 0) return true;
  std::size_t at = 1;
  if ((flags & 0x80) != 0) {
    if (payload.size() <= at) return false;
    at += (payload[at] & 0x80) != 0 ? 2 : 1;
  }
  // Layer indices: T (3 bits), U, S (3 bits), D.
  return at < payload.size() && (payload[at] >> 1 & 0x07) == 0;
}

/** Specification: RFC 2435 s.3.1.2: every picture stands alone; fragment offset 0 begins one. */
bool mjpeg(ByteView payload) { return payload.size() >= 8 && (readU32(payload.data()) & 0xffffff) == 0; }

/** Specification: RFC 6416 s.5; ISO 14496-2: VOS, VOL or GOV header, or a VOP that is intra coded. */
bool mpeg4(ByteView payload) {
  if (payload.size() < 5 || payload[0] != 0 || payload[1] != 0 || payload[2] != 1) return false;
  const unsigned code = payload[3];
  if (code == 0xb0 || code == 0xb3 || (code >= 0x20 && code <= 0x2f)) return true;
  return code == 0xb6 && payload[4] >> 6 == 0;
}

}  // namespace

bool showsStart(StartPointCodec codec, const RtpPacket& packet) {
  switch (codec) {
    case StartPointCodec::h264: return h264(packet.payload, isH264Start);
    case StartPointCodec::h265: return h265(packet.payload, false, isH265Start);
    case StartPointCodec::h265WithDon: return h265(packet.payload, true, isH265Start);
    case StartPointCodec::av1: return av1(packet.payload);
    case StartPointCodec::vp8: return vp8(packet.payload);
    case StartPointCodec::vp9: return vp9(packet.payload);
    // A packet alone does not show it: TransportStreamStarts.
    case StartPointCodec::mp2t: return false;
    case StartPointCodec::mjpeg: return mjpeg(packet.payload);
    case StartPointCodec::mpeg4: return mpeg4(packet.payload);
    case StartPointCodec::none: return true;
  }
  return true;
}

bool hasParameterSets(StartPointCodec codec, const RtpPacket& packet) {
  const auto isH264Set = [](unsigned type, ByteView) { return type == 7; };
  const auto isH265Set = [](unsigned type, ByteView) { return type == 33; };
  switch (codec) {
    case StartPointCodec::h264: return h264(packet.payload, isH264Set);
    case StartPointCodec::h265: return h265(packet.payload, false, isH265Set);
    case StartPointCodec::h265WithDon: return h265(packet.payload, true, isH265Set);
    default: return false;
  }
}

}  // namespace weir

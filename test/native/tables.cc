#include "tables.h"

#include <string>

namespace tables {

namespace {

Bytes text(const std::string& from) { return {from.begin(), from.end()}; }

Bytes padded(Bytes bytes, std::size_t size) {
  bytes.resize(size, 0);
  return bytes;
}

Bytes transportPacket(std::uint8_t pidHigh, std::uint8_t pidLow, std::uint8_t control, std::uint8_t adaptationFlags) {
  Bytes packet{0x47, pidHigh, pidLow, control, 0x07, adaptationFlags};
  packet.resize(188, 0xff);
  return packet;
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

const std::vector<StartCase>& startCases() {
  using Codec = StartPointCodec;
  static const std::vector<StartCase> cases{
      {"H.264 IDR slice alone", Codec::h264, {0x65, 0x88}, true},
      {"H.264 other slice", Codec::h264, {0x41, 0x9a}, false},
      {"H.264 sequence parameter set without a picture", Codec::h264, {0x67, 0x42, 0x00}, false},
      {"H.264 recovery point SEI", Codec::h264, {0x06, 0x06, 0x01, 0xc4, 0x80}, true},
      {"H.264 SEI of another type", Codec::h264, {0x06, 0x05, 0x01, 0x00, 0x80}, false},
      {"H.264 SEI with a recovery point behind another message", Codec::h264, {0x06, 0x05, 0x01, 0x00, 0x06, 0x01, 0xc4, 0x80}, true},
      {"H.264 SEI cut within a long size", Codec::h264, {0x06, 0x05, 0xff, 0xff}, false},
      {"H.264 SEI with a recovery point behind one with an emulation prevention byte (7.4.1.1)", Codec::h264,
       {0x06, 0x00, 0x04, 0x00, 0x00, 0x03, 0x01, 0x00, 0x06, 0x01, 0xc4, 0x80}, true},
      {"H.264 STAP-A with SPS, PPS and IDR", Codec::h264, {0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68, 0, 2, 0x65, 0x88}, true},
      {"H.264 STAP-A without IDR", Codec::h264, {0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}, false},
      {"H.264 STAP-A with a length past its end", Codec::h264, {0x78, 0, 9, 0x65, 0x88}, false},
      {"H.264 FU-A, first of an IDR slice", Codec::h264, {0x7c, 0x85, 0x88}, true},
      {"H.264 FU-A, middle of an IDR slice", Codec::h264, {0x7c, 0x05, 0x88}, false},
      {"H.264 FU-A, first of another slice", Codec::h264, {0x7c, 0x81, 0x9a}, false},
      {"H.264 STAP-B with decoding order number, SPS and IDR (RFC 6184 s.5.7.1)", Codec::h264,
       {0x79, 0x65, 0x65, 0, 2, 0x67, 0x42, 0, 2, 0x65, 0x88}, true},
      {"H.264 STAP-B whose decoding order number looks like an IDR", Codec::h264, {0x79, 0, 1, 0x65, 0x88, 0x41}, false},
      {"H.264 STAP-B cut in its decoding order number", Codec::h264, {0x79, 0}, false},
      {"H.264 MTAP16 with a slice, then an IDR of a later time (RFC 6184 s.5.7.2)", Codec::h264,
       {0x7a, 0, 7, 0, 2, 0, 0, 0, 0x41, 0x9a, 0, 2, 1, 0x0e, 0x10, 0x65, 0x88}, true},
      {"H.264 MTAP16 of other slices, with a time offset that looks like an IDR", Codec::h264,
       {0x7a, 0, 7, 0, 2, 0x65, 0x65, 0x65, 0x41, 0x9a}, false},
      {"H.264 MTAP16 with a length past its end", Codec::h264, {0x7a, 0, 7, 0, 3, 0, 0, 0, 0x65, 0x88}, false},
      {"H.264 MTAP16 cut before its first unit", Codec::h264, {0x7a, 0, 7, 0, 2, 0, 0, 0}, false},
      {"H.264 MTAP24 with an IDR", Codec::h264, {0x7b, 0, 7, 0, 2, 0, 0, 0, 0, 0x65, 0x88}, true},
      {"H.264 MTAP24 with an IDR where that of an MTAP16 would be", Codec::h264, {0x7b, 0, 7, 0, 2, 0, 0, 0, 0x65, 0x41, 0x9a}, false},
      {"H.264 FU-B, first of an IDR slice (RFC 6184 s.5.8)", Codec::h264, {0x7d, 0x85, 0, 7, 0x88}, true},
      {"H.264 FU-B, first of another slice", Codec::h264, {0x7d, 0x81, 0, 7, 0x9a}, false},
      {"H.264 type without meaning", Codec::h264, {0x7e, 0x85, 0x88}, false},
      {"H.264 nothing", Codec::h264, {}, false},
      {"H.265 IDR_W_RADL", Codec::h265, {0x26, 0x01, 0xaf}, true},
      {"H.265 CRA", Codec::h265, {0x2a, 0x01, 0xaf}, true},
      {"H.265 TRAIL_R", Codec::h265, {0x02, 0x01, 0xd0}, false},
      {"H.265 parameter set without a picture", Codec::h265, {0x40, 0x01, 0x0c}, false},
      {"H.265 AP with parameter sets and IDR", Codec::h265, {0x60, 0x01, 0, 3, 0x40, 0x01, 0x0c, 0, 3, 0x26, 0x01, 0xaf}, true},
      {"H.265 AP with an empty unit", Codec::h265, {0x60, 0x01, 0, 0, 0x26, 0x01}, false},
      {"H.265 FU, first of an IDR", Codec::h265, {0x62, 0x01, 0x93, 0xaf}, true},
      {"H.265 FU, end of an IDR", Codec::h265, {0x62, 0x01, 0x53, 0xaf}, false},
      {"H.265 recovery point SEI", Codec::h265, {0x4e, 0x01, 0x06, 0x01, 0xd0, 0x80}, true},
      {"H.265 SEI of another type", Codec::h265, {0x4e, 0x01, 0x81, 0x01, 0xd0, 0x80}, false},
      {"H.265 AP with a recovery point SEI", Codec::h265, {0x60, 0x01, 0, 6, 0x4e, 0x01, 0x06, 0x01, 0xd0, 0x80}, true},
      {"H.265 PACI with an IDR, a temporal scalability extension before it (RFC 7798 s.4.4.4)", Codec::h265,
       {0x64, 0x01, 0x26, 0x38, 0x07, 0x01, 0x80, 0xaf}, true},
      {"H.265 PACI with a slice, whose extension looks like an IDR", Codec::h265, {0x64, 0x01, 0x02, 0x38, 0x26, 0x01, 0xaf, 0xd0}, false},
      {"H.265 PACI without extension, first fragment of an IDR", Codec::h265, {0x64, 0x01, 0x62, 0x00, 0x93, 0xaf}, true},
      {"H.265 PACI without extension, later fragment of an IDR", Codec::h265, {0x64, 0x01, 0x62, 0x00, 0x13, 0xaf}, false},
      {"H.265 PACI with an AP of parameter set and IDR", Codec::h265,
       {0x64, 0x01, 0x60, 0x00, 0, 3, 0x40, 0x01, 0x0c, 0, 3, 0x26, 0x01, 0xaf}, true},
      {"H.265 PACI with a recovery point SEI", Codec::h265, {0x64, 0x01, 0x4e, 0x00, 0x06, 0x01, 0xd0, 0x80}, true},
      {"H.265 PACI whose extension is longer than the packet", Codec::h265, {0x64, 0x01, 0x27, 0xf0, 0x26, 0x01, 0xaf}, false},
      {"H.265 PACI with nothing in it", Codec::h265, {0x64, 0x01, 0x26, 0x00}, false},
      {"H.265 PACI cut in its fields", Codec::h265, {0x64, 0x01, 0x26}, false},
      {"H.265 with decoding order numbers, IDR (RFC 7798 s.4.4.1)", Codec::h265WithDon, {0x26, 0x01, 0, 7, 0xaf}, true},
      {"H.265 with decoding order numbers, slice", Codec::h265WithDon, {0x02, 0x01, 0x26, 0x01, 0xd0}, false},
      {"H.265 with decoding order numbers, recovery point SEI", Codec::h265WithDon, {0x4e, 0x01, 0, 7, 0x06, 0x01, 0xd0, 0x80}, true},
      {"H.265 with decoding order numbers, one of which looks like a recovery point", Codec::h265WithDon,
       {0x4e, 0x01, 0x06, 0x01, 0x81, 0x01, 0xd0, 0x80}, false},
      {"H.265 with decoding order numbers, cut in one", Codec::h265WithDon, {0x26, 0x01, 0}, false},
      {"H.265 with decoding order numbers, AP with parameter sets and IDR (RFC 7798 s.4.4.2)", Codec::h265WithDon,
       {0x60, 0x01, 0, 7, 0, 3, 0x40, 0x01, 0x0c, 0, 0, 3, 0x42, 0x01, 0x01, 0, 0, 3, 0x26, 0x01, 0xaf}, true},
      {"H.265 with decoding order numbers, AP with a recovery point SEI behind a delimiter", Codec::h265WithDon,
       {0x60, 0x01, 0, 7, 0, 3, 0x46, 0x01, 0x50, 0, 0, 6, 0x4e, 0x01, 0x06, 0x01, 0xd0, 0x80}, true},
      {"H.265 with decoding order numbers, AP with a slice, read without them with an IDR", Codec::h265WithDon,
       {0x60, 0x01, 0, 4, 0, 7, 0x02, 0x01, 0, 3, 0x26, 0x01, 0xaf}, false},
      {"H.265 with decoding order numbers, AP of slices whose numbers look like an IDR", Codec::h265WithDon,
       {0x60, 0x01, 0, 3, 0, 3, 0x02, 0x01, 0xd0, 0x26, 0, 3, 0x02, 0x01, 0xd0}, false},
      {"H.265 with decoding order numbers, AP cut behind its first unit's number", Codec::h265WithDon, {0x60, 0x01, 0, 7}, false},
      {"H.265 with decoding order numbers, AP cut behind a difference", Codec::h265WithDon,
       {0x60, 0x01, 0, 7, 0, 3, 0x40, 0x01, 0x0c, 0}, false},
      {"H.265 with decoding order numbers, AP with a length past its end", Codec::h265WithDon,
       {0x60, 0x01, 0, 7, 0, 3, 0x40, 0x01, 0x0c, 0, 0, 4, 0x26, 0x01, 0xaf}, false},
      {"H.265 AP with decoding order numbers that nobody announced", Codec::h265,
       {0x60, 0x01, 0, 7, 0, 3, 0x40, 0x01, 0x0c, 0, 0, 3, 0x26, 0x01, 0xaf}, false},
      {"H.265 with decoding order numbers, FU, first of an IDR (RFC 7798 s.4.4.3)", Codec::h265WithDon, {0x62, 0x01, 0x93, 0, 7, 0xaf}, true},
      {"H.265 with decoding order numbers, FU, end of an IDR", Codec::h265WithDon, {0x62, 0x01, 0x53, 0xaf}, false},
      {"H.265 with decoding order numbers, PACI with an AP of parameter set and IDR (RFC 7798 s.4.4.4)", Codec::h265WithDon,
       {0x64, 0x01, 0x60, 0x00, 0, 7, 0, 3, 0x40, 0x01, 0x0c, 0, 0, 3, 0x26, 0x01, 0xaf}, true},
      {"AV1 first packet of a coded video sequence", Codec::av1, {0x18, 0x0a}, true},
      {"AV1 N on a packet that goes on with a fragment", Codec::av1, {0x98, 0x0a}, false},
      {"AV1 another packet", Codec::av1, {0x10, 0x30}, false},
      {"VP8 key frame", Codec::vp8, {0x10, 0x50}, true},
      {"VP8 interframe", Codec::vp8, {0x10, 0x51}, false},
      {"VP8 key frame with picture id of 15 bits and TL0PICIDX", Codec::vp8, {0x90, 0xc0, 0x80, 0x01, 0x07, 0x50}, true},
      {"VP8 second partition", Codec::vp8, {0x11, 0x50}, false},
      {"VP8 cut in its descriptor", Codec::vp8, {0x90, 0x80}, false},
      {"VP8 key frame with picture id of 7 bits", Codec::vp8, {0x90, 0x80, 0x11, 0x50}, true},
      {"VP8 interframe with temporal layer and key index", Codec::vp8, {0x90, 0x30, 0x25, 0x51}, false},
      {"VP8 key frame with all extensions", Codec::vp8, {0x90, 0xf0, 0x92, 0x34, 0x07, 0x25, 0x50}, true},
      {"VP8 continuation of a partition", Codec::vp8, {0x00, 0x50}, false},
      {"VP8 nothing behind its descriptor", Codec::vp8, {0x10}, false},
      {"VP9 key frame with picture id of 15 bits and scalability structure", Codec::vp9,
       {0x8a, 0x81, 0x23, 0x18, 0x02, 0x80, 0x01, 0xe0, 0x82}, true},
      {"VP9 key frame, layers and picture id of 15 bits", Codec::vp9, {0xa8, 0x81, 0x23, 0x00, 0x82}, true},
      {"VP9 later packet of a key frame", Codec::vp9, {0x00, 0x82}, false},
      {"VP9 cut in its layer indices", Codec::vp9, {0xa8, 0x81, 0x23}, false},
      {"VP9 nothing", Codec::vp9, {}, false},
      {"VP9 key frame, one layer", Codec::vp9, {0x08, 0x82}, true},
      {"VP9 inter-predicted", Codec::vp9, {0x48, 0x82}, false},
      {"VP9 lowest spatial layer", Codec::vp9, {0xa8, 0x05, 0x00, 0x82}, true},
      {"VP9 higher spatial layer", Codec::vp9, {0xa8, 0x05, 0x02, 0x82}, false},
      {"MPEG-TS tables without their picture", Codec::mp2t, transportPacket(0x40, 0x00, 0x10, 0x00), false},
      {"MPEG-TS with random access indicator, without the tables that tell whose", Codec::mp2t,
       joined(transportPacket(0x01, 0x00, 0x10, 0x00), transportPacket(0x01, 0x00, 0x30, 0x40)), false},
      {"MPEG-TS out of step", Codec::mp2t, padded({0x46}, 188), false},
      {"JPEG first fragment", Codec::mjpeg, {0, 0, 0, 0, 1, 60, 40, 30}, true},
      {"JPEG later fragment", Codec::mjpeg, {0, 0, 5, 0, 1, 60, 40, 30}, false},
      {"JPEG first fragment with a type-specific octet, and restart markers", Codec::mjpeg, {3, 0, 0, 0, 65, 60, 40, 30, 0, 4, 0xff, 0xff}, true},
      {"JPEG fragment at 65,536", Codec::mjpeg, {0, 1, 0, 0, 1, 60, 40, 30}, false},
      {"JPEG cut in its header", Codec::mjpeg, {0, 0, 0, 0, 1, 60, 40}, false},
      {"MPEG-4 visual object sequence", Codec::mpeg4, {0, 0, 1, 0xb0, 0xf5}, true},
      {"MPEG-4 group of VOP", Codec::mpeg4, {0, 0, 1, 0xb3, 0}, true},
      {"MPEG-4 I-VOP", Codec::mpeg4, {0, 0, 1, 0xb6, 0x10}, true},
      {"MPEG-4 P-VOP", Codec::mpeg4, {0, 0, 1, 0xb6, 0x50}, false},
      {"MPEG-4 B-VOP", Codec::mpeg4, {0, 0, 1, 0xb6, 0x90}, false},
      {"MPEG-4 sprite VOP", Codec::mpeg4, {0, 0, 1, 0xb6, 0xd0}, false},
      {"MPEG-4 video object layer", Codec::mpeg4, {0, 0, 1, 0x20, 0x00}, true},
      {"MPEG-4 user data", Codec::mpeg4, {0, 0, 1, 0xb2, 0x58}, false},
      {"MPEG-4 packet in the middle of a VOP", Codec::mpeg4, {0x5a, 0, 0, 1, 0xb6, 0x10}, false},
      {"MPEG-4 cut behind a start code", Codec::mpeg4, {0, 0, 1, 0xb6}, false},
      {"anything where nothing is known", Codec::none, {1}, true},
  };
  return cases;
}

const std::vector<DisposableCase>& disposableCases() {
  using Codec = StartPointCodec;
  static const std::vector<DisposableCase> cases{
      {"H.264 slice, nal_ref_idc 0", Codec::h264, {0x01, 0x9a}, true},
      {"H.264 slice, nal_ref_idc 2", Codec::h264, {0x41, 0x9a}, false},
      {"H.264 SEI", Codec::h264, {0x06, 0x05, 0x00}, false},
      {"H.264 delimiter", Codec::h264, {0x09, 0xf0}, false},
      {"H.264 FU-A, any part", Codec::h264, {0x1c, 0x01, 0x9a}, true},
      {"H.264 FU-A of a reference", Codec::h264, {0x5c, 0x81, 0x9a}, false},
      {"H.264 STAP-A, delimiter and slice", Codec::h264, {0x18, 0, 2, 0x09, 0xf0, 0, 2, 0x01, 0x9a}, true},
      {"H.264 STAP-A without slice", Codec::h264, {0x18, 0, 2, 0x09, 0xf0}, false},
      {"H.264 STAP-A with a reference", Codec::h264, {0x18, 0, 2, 0x01, 0x9a, 0, 2, 0x41, 0x9a}, false},
      {"H.264 STAP-A with a slice, and an IDR of nal_ref_idc 0", Codec::h264, {0x18, 0, 2, 0x01, 0x9a, 0, 2, 0x05, 0x88}, false},
      {"H.264 STAP-A cut", Codec::h264, {0x18, 0, 9, 0x01, 0x9a}, false},
      {"H.264 nothing", Codec::h264, {}, false},
      {"H.265 TRAIL_N in the only layer", Codec::h265, {0x00, 0x01, 0xd0}, true},
      {"H.265 TRAIL_R", Codec::h265, {0x02, 0x01, 0xd0}, false},
      {"H.265 TSA_N in a higher layer", Codec::h265, {0x04, 0x02, 0xd0}, true},
      {"H.265 TRAIL_N below a higher layer", Codec::h265, {0x00, 0x01, 0xd0}, false},
      {"H.265 FU of RASL_N", Codec::h265, {0x62, 0x02, 0x88, 0xaf}, true},
      {"H.265 FU of IDR", Codec::h265, {0x62, 0x02, 0x93, 0xaf}, false},
      {"H.265 AP, SEI and TRAIL_N", Codec::h265, {0x60, 0x02, 0, 3, 0x4e, 0x01, 0x05, 0, 3, 0x00, 0x02, 0xd0}, true},
      {"H.265 AP of parameter sets", Codec::h265, {0x60, 0x02, 0, 3, 0x40, 0x01, 0x0c}, false},
      {"H.265 AP with an empty unit", Codec::h265, {0x60, 0x02, 0, 0, 0x00, 0x02}, false},
      {"H.265 with decoding order numbers, TRAIL_N (RFC 7798 s.4.4.1)", Codec::h265WithDon, {0x00, 0x02, 0, 7, 0xd0}, true},
      {"H.265 with decoding order numbers, AP, SEI and TRAIL_N (RFC 7798 s.4.4.2)", Codec::h265WithDon,
       {0x60, 0x02, 0, 7, 0, 3, 0x4e, 0x01, 0x05, 0, 0, 3, 0x00, 0x02, 0xd0}, true},
      {"H.265 with decoding order numbers, AP, TRAIL_N and TRAIL_R", Codec::h265WithDon,
       {0x60, 0x02, 0, 7, 0, 3, 0x00, 0x02, 0xd0, 0, 0, 3, 0x02, 0x02, 0xd0}, false},
      {"H.265 with decoding order numbers, AP with a TRAIL_R, read without them of TRAIL_N alone", Codec::h265WithDon,
       {0x60, 0x02, 0, 4, 0, 7, 0x02, 0x02, 0, 3, 0x00, 0x02, 0xd0}, false},
      {"H.265 with decoding order numbers, AP cut in one", Codec::h265WithDon, {0x60, 0x02, 0}, false},
      {"H.265 with decoding order numbers, FU of RASL_N (RFC 7798 s.4.4.3)", Codec::h265WithDon, {0x62, 0x02, 0x88, 0, 7, 0xaf}, true},
      {"VP8 non-reference frame", Codec::vp8, {0x30, 0x51}, true},
      {"VP8 reference frame", Codec::vp8, {0x10, 0x51}, false},
      {"MPEG-4 B-VOP", Codec::mpeg4, {0, 0, 1, 0xb6, 0x90, 0x01}, true},
      {"MPEG-4 B-VOP, its second packet", Codec::mpeg4, {0x12, 0x34, 0x56, 0x78, 0x9a}, true},
      {"MPEG-4 P-VOP", Codec::mpeg4, {0, 0, 1, 0xb6, 0x50, 0x01}, false},
      {"MPEG-4 P-VOP, its second packet", Codec::mpeg4, {0x12, 0x34, 0x56, 0x78, 0x9a}, false},
      {"MPEG-4 B-VOP again", Codec::mpeg4, {0, 0, 1, 0xb6, 0x80}, true},
      {"MPEG-4 rest of a picture whose first packet was lost", Codec::mpeg4, {0x12, 0x34}, false, 3600},
      {"MPEG-4 group of pictures", Codec::mpeg4, {0, 0, 1, 0xb3, 0x00}, false},
      {"MPEG-4 more of what the group's packet began", Codec::mpeg4, {0x12, 0x34}, false},
      {"MPEG-4 start code cut off", Codec::mpeg4, {0, 0, 1, 0xb6}, false},
      {"VP9 and the others show none", Codec::vp9, {0x49, 0x82}, false},
  };
  return cases;
}

const std::vector<RtpCase>& rtpCases() {
  static const std::vector<RtpCase> cases{
      {"plain", padded({0x80, 96}, 20), true, 8},
      {"shorter than a header", padded({0x80, 96}, 11), false, 0},
      {"version 1", padded({0x40, 96}, 20), false, 0},
      {"payload type of a sender report", padded({0x80, 0xc8}, 20), false, 0},
      {"two CSRCs", padded({0x82, 96}, 24), true, 4},
      {"CSRCs past the end", padded({0x8f, 96}, 24), false, 0},
      {"header extension of one word", {0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 9}, true, 1},
      {"header extension past the end", {0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 9, 1, 2, 3, 4}, false, 0},
      {"header extension cut", {0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde}, false, 0},
      {"padding", {0xa0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 0, 0, 3}, true, 2},
      {"padding of nothing", {0xa0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0}, false, 0},
      {"padding longer than the payload", {0xa0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 9}, false, 0},
      {"nothing", {}, false, 0},
  };
  return cases;
}

const std::vector<RtcpCase>& rtcpCases() {
  const Bytes sr = padded({0x80, 200, 0, 6, 0, 0, 0, 1}, 28);
  const Bytes bye{0x81, 203, 0, 1, 0, 0, 0, 1};
  const Bytes emptyRr{0x80, 201, 0, 1, 0, 0, 0, 2};
  Bytes rr = padded({0x81, 201, 0, 7, 0, 0, 0, 2, 0, 0, 0, 1, 0x10, 0x00, 0x01, 0x02}, 32);
  Bytes gained = rr;
  gained[13] = 0xff;
  gained[14] = 0xff;
  gained[15] = 0xfe;
  static const std::vector<RtcpCase> cases{
      {"sender report", sr, true, true, false, false, 0},
      {"sender report cut", padded({0x80, 200, 0, 5, 0, 0, 0, 1}, 24), false, false, false, false, 0},
      {"receiver report without blocks (a punch)", emptyRr, true, false, false, false, 0},
      {"receiver report", rr, true, false, false, true, 0x102},
      {"receiver report with more duplicates than losses", gained, true, false, false, true, -2},
      {"receiver report that promises a block and has none", {0x81, 201, 0, 1, 0, 0, 0, 2}, true, false, false, false, 0},
      {"receiver report and BYE", joined(emptyRr, bye), true, false, true, false, 0},
      {"length past the end", {0x80, 201, 0, 2, 0, 0, 0, 2}, false, false, false, false, 0},
      {"good packet, then a cut one", joined(emptyRr, {0x81, 203, 0}), false, false, false, false, 0},
      {"version 1", {0x40, 201, 0, 1, 0, 0, 0, 2}, false, false, false, false, 0},
      {"RTP astray", padded({0x80, 96}, 20), false, false, false, false, 0},
      {"four bytes", {0xce, 0xfa, 0xed, 0xfe}, false, false, false, false, 0},
      {"nothing", {}, false, false, false, false, 0},
  };
  return cases;
}

const std::vector<FramerCase>& framerCases() {
  const Bytes frame{'$', 1, 0, 3, 'a', 'b', 'c'};
  const Bytes request = text("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
  const Bytes body = text("SET_PARAMETER * RTSP/1.0\r\nContent-Length: 5\r\n\r\n$0\r\n!");
  static const std::vector<FramerCase> cases{
      {"frame", frame, "f"},
      {"empty frame", {'$', 0, 0, 0}, "f"},
      {"cut frame", {'$', 0, 0, 9, 1}, ""},
      {"message", request, "m"},
      {"message, frame, message", joined(joined(request, frame), request), "mfm"},
      {"body that looks like a frame", joined(body, frame), "mf"},
      {"line ends without CR", text("PLAY * RTSP/1.0\nCSeq: 2\n\nPAUSE * RTSP/1.0\n\n"), "mm"},
      {"mixed line ends", text("PLAY * RTSP/1.0\nCSeq: 2\n\r\n"), "m"},
      {"empty lines between messages", joined(text("\r\n\r\n"), joined(request, text("\r\n\n"))), "m"},
      {"length in other case and with blanks", text("A / RTSP/1.0\r\ncontent-LENGTH :\t2 \r\n\r\nab"), "m"},
      {"same length twice", text("A\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab"), "m"},
      {"two lengths", text("A\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"), "b"},
      {"negative length", text("A\r\nContent-Length: -1\r\n\r\n"), "b"},
      {"length that is no number", text("A\r\nContent-Length: 1x\r\n\r\n"), "b"},
      {"empty length", text("A\r\nContent-Length:\r\n\r\n"), "b"},
      {"length of many digits", text("A\r\nContent-Length: 9999999999\r\n\r\n"), "b"},
      {"body over the limit", text("A\r\nContent-Length: 17\r\n\r\n"), "b"},
      {"head over the limit", text("A: " + std::string(70, 'x') + "\r\n\r\n"), "b"},
      {"head over the limit without an end", text(std::string(70, 'x')), "b"},
      {"TLS hello", {0x16, 0x03, 0x01, 0x02, 0x00}, "b"},
      {"bad after good", joined(request, {0x80, 0x00}), "mb"},
      {"nothing", {}, ""},
  };
  return cases;
}

}  // namespace tables

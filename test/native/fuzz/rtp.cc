#include <algorithm>
#include <cstdlib>
#include <vector>

#include "disposable.h"
#include "rtcp.h"
#include "rtp-sequence.h"
#include "rtp.h"
#include "start-point.h"
#include "transport-stream-starts.h"

using namespace weir;

namespace {

/** Slices of an IDR picture, in any unit of the packet (H.264 table 7-1, RFC 6184 s.5.7.1, s.5.8). */
bool holdsH264Idr(ByteView payload) {
  if (payload.empty()) return false;
  const unsigned type = payload[0] & 0x1f;
  if (type == 28 || type == 29) return payload.size() > 1 && (payload[1] & 0x1f) == 5;
  if (type != 24) return type == 5;
  for (std::size_t at = 1; at + 2 < payload.size(); at += 2U + readU16(&payload[at])) {
    if ((payload[at + 2] & 0x1f) == 5) return true;
  }
  return false;
}

/** IRAP pictures (H.265 table 7-1, RFC 7798 s.4.4). With decoding order numbers each unit of an AP has one before its size. */
bool holdsH265Irap(ByteView payload, bool withDon) {
  const auto isIrap = [](std::uint8_t type) { return type >= 16 && type <= 23; };
  if (payload.size() < 3) return false;
  const std::uint8_t type = payload[0] >> 1 & 0x3f;
  if (type == 49) return isIrap(payload[2] & 0x3f);
  if (type != 48) return isIrap(type);
  for (std::size_t at = withDon ? 4 : 2; at + 2 < payload.size(); at += readU16(&payload[at]) + (withDon ? 3U : 2U)) {
    if (isIrap(payload[at + 2] >> 1 & 0x3f)) return true;
  }
  return false;
}

/** What a codec finds disposable, packet by packet of one stream. */
class DisposableCheck {
 public:
  void see(const RtpPacket& packet) {
    if (h264_.shows(packet) && holdsH264Idr(packet.payload)) std::abort();
    if (h265_.shows(packet) && holdsH265Irap(packet.payload, false)) std::abort();
    if (h265WithDon_.shows(packet) && holdsH265Irap(packet.payload, true)) std::abort();
    static_cast<void>(vp8_.shows(packet));
  }

 private:
  Disposable h264_{StartPointCodec::h264};
  Disposable h265_{StartPointCodec::h265};
  Disposable h265WithDon_{StartPointCodec::h265WithDon};
  Disposable vp8_{StartPointCodec::vp8};
};

}  // namespace

/** RTP, RTCP and every payload format read the same bytes; the first byte tells how they are cut into packets. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] + std::size_t{1};
  RtpSequence sequence(90'000);
  TransportStreamStarts transportStream;
  DisposableCheck disposable;
  std::uint64_t taken = 0;
  for (std::size_t at = 1; at < size; at += step) {
    // A copy of its own: the sanitizer sees a byte read behind it.
    const std::vector<std::uint8_t> packet(data + at, data + std::min(size, at + step));
    RtcpSummary summary;
    if (parseRtcp(packet, summary) && packet.size() % 4 != 0) std::abort();
    if (std::vector<std::uint8_t> compound = packet; parseRtcp(packet, summary)) {
      const std::optional<SenderInfo> info = senderInfo(compound);
      if (info) rewriteRtcp(compound, 0xcafe, *info);
      if (!parseRtcp(compound, summary)) std::abort();
    }
    RtpPacket bare;
    bare.payload = packet;
    const auto parsed = parseRtp(packet);
    if (parsed && parsed->payload.size() + 12 > packet.size()) std::abort();
    disposable.see(bare);
    if (parsed) disposable.see(*parsed);
    if (const auto start = transportStream.take(packet, at, static_cast<std::int64_t>(at)); start > at) std::abort();
    for (int codec = 0; codec <= static_cast<int>(StartPointCodec::none); ++codec) {
      showsStart(static_cast<StartPointCodec>(codec), bare);
      hasParameterSets(static_cast<StartPointCodec>(codec), bare);
      if (!parsed) continue;
      showsStart(static_cast<StartPointCodec>(codec), *parsed);
      hasParameterSets(static_cast<StartPointCodec>(codec), *parsed);
    }
    if (parsed && sequence.take(*parsed, static_cast<std::int64_t>(at) * 1'000'000) == RtpSequence::Verdict::next) ++taken;
  }
  const ReceptionFigures figures = sequence.report();
  if (taken == 0 && sequence.heard()) std::abort();
  RtcpSummary own;
  std::vector<std::uint8_t> report;
  buildReceiverReport(report, 1, &figures, {}, "fuzz");
  if (!parseRtcp(report, own) || own.cumulativeLost != figures.cumulativeLost) std::abort();
  return 0;
}

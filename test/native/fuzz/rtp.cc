#include <algorithm>
#include <cstdlib>
#include <vector>

#include "rtcp.h"
#include "rtp-sequence.h"
#include "rtp.h"
#include "start-point.h"

using namespace weir;

/** RTP, RTCP and every payload format read the same bytes; the first byte tells how they are cut into packets. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] + std::size_t{1};
  RtpSequence sequence(90'000);
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
    for (int codec = 0; codec <= static_cast<int>(StartPointCodec::none); ++codec) {
      showsStart(static_cast<StartPointCodec>(codec), bare);
      if (parsed) showsStart(static_cast<StartPointCodec>(codec), *parsed);
    }
    if (parsed && sequence.take(*parsed, static_cast<std::int64_t>(at) * 1'000'000) == RtpSequence::Verdict::next) ++taken;
  }
  const ReceptionFigures figures = sequence.report();
  if (taken == 0 && sequence.heard()) std::abort();
  RtcpSummary own;
  if (!parseRtcp(buildReceiverReport(1, &figures, {}, "fuzz"), own) || own.cumulativeLost != figures.cumulativeLost) std::abort();
  return 0;
}

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtp-sequence.h"

namespace weir {

/** What the datapath wants to know of a compound RTCP packet (RFC 3550 s.6.1). */
struct RtcpSummary {
  bool senderReport = false;
  bool bye = false;
  /** Some receiver or sender report was in it; a mere punch has none. */
  bool report = false;
  /** There was at least one report block, and this is what the first one said (s.6.4.1), negative for duplicates. */
  bool lossReported = false;
  std::int32_t cumulativeLost = 0;
  /** Who sent it: the SSRC of the first packet. */
  std::uint32_t senderSsrc = 0;
};

/** False when the bytes are no compound RTCP by the tests of RFC 3550 A.2; reduced-size ones (RFC 5506) are taken. */
bool parseRtcp(ByteView bytes, RtcpSummary& summary);

/** When the source's clock was last told. */
struct SenderReportTime {
  /** Middle 32 bits of the NTP time of the last sender report; 0: none. */
  std::uint32_t lastSr = 0;
  /** Since then, in 1/65536 s. */
  std::uint32_t delay = 0;
};
/**
 * A receiver report with one block (none while `figures` is null) and SDES CNAME. It takes the place of what is in
 * `out`, whose memory serves again.
 */
void buildReceiverReport(std::vector<std::uint8_t>& out, std::uint32_t ownSsrc, const ReceptionFigures* figures,
                         SenderReportTime time, std::string_view cname);

/** An empty receiver report and BYE (s.6.6) in the name of `ssrc`. */
std::vector<std::uint8_t> buildBye(std::uint32_t ssrc);

/** One moment by the two clocks of a sender report (s.6.4.1): NTP in units of 2^-32 s, and RTP time. */
struct ReportTime {
  std::uint64_t ntp = 0;
  std::uint32_t rtpTime = 0;
};
/** What a sender report says of its sender. */
struct SenderInfo {
  ReportTime time;
  std::uint32_t packets = 0;
  std::uint32_t octets = 0;
};
/** Of the sender report that `bytes` begins with; nothing when it begins with none. */
std::optional<SenderInfo> senderInfo(ByteView bytes);

/**
 * Writes `info` into the sender report that `compound` begins with, and `ssrc` wherever its sender names itself: in
 * reports, SDES chunks (s.6.5), BYE (s.6.6) and what else there is. `compound` has passed `parseRtcp`.
 */
void rewriteRtcp(std::vector<std::uint8_t>& compound, std::uint32_t ssrc, const SenderInfo& info);

}  // namespace weir

#pragma once

#include <cstdint>
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

/** A receiver report with one block (none while `figures` is null) and SDES CNAME. */
struct SenderReportTime {
  /** Middle 32 bits of the NTP time of the last sender report; 0: none. */
  std::uint32_t lastSr = 0;
  /** Since then, in 1/65536 s. */
  std::uint32_t delay = 0;
};
std::vector<std::uint8_t> buildReceiverReport(std::uint32_t ownSsrc, const ReceptionFigures* figures,
                                              SenderReportTime time, std::string_view cname);

/** An empty receiver report and BYE (s.6.6) in the name of `ssrc`. */
std::vector<std::uint8_t> buildBye(std::uint32_t ssrc);

/** Middle 32 bits of the NTP time of the sender report that `bytes` begins with; 0 when it begins with none. */
std::uint32_t senderReportNtp(ByteView bytes);

}  // namespace weir

#include "rtcp.h"

namespace weir {

namespace {

constexpr std::uint8_t kSenderReport = 200;
constexpr std::uint8_t kReceiverReport = 201;
constexpr std::uint8_t kSourceDescription = 202;
constexpr std::uint8_t kBye = 203;
/** 204 is APP, 205 and 206 are feedback (RFC 4585), 207 extended reports (RFC 3611). */
constexpr std::uint8_t kLastKnown = 207;
constexpr std::uint8_t kCname = 1;
constexpr std::size_t kReportBlock = 24;
/** One block, and a CNAME of 255 bytes. */
constexpr std::size_t kMaxReceiverReportBytes = 300;

void readBlocks(ByteView packet, std::size_t header, RtcpSummary& summary) {
  summary.report = true;
  const std::size_t count = packet[0] & 0x1f;
  if (count == 0 || packet.size() < header + kReportBlock || summary.lossReported) return;
  const std::uint32_t lost = readU32(&packet[header + 4]) & 0xffffff;
  summary.lossReported = true;
  // 24 bits, signed.
  summary.cumulativeLost = static_cast<std::int32_t>(lost << 8) >> 8;
}

void putHeader(std::vector<std::uint8_t>& out, std::uint8_t count, std::uint8_t type, std::size_t words) {
  const std::size_t at = out.size();
  out.resize(at + 4);
  out[at] = static_cast<std::uint8_t>(0x80 | count);
  out[at + 1] = type;
  writeU16(&out[at + 2], static_cast<std::uint16_t>(words - 1));
}

void putU32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  out.resize(out.size() + 4);
  writeU32(&out[out.size() - 4], value);
}

}  // namespace

bool parseRtcp(ByteView bytes, RtcpSummary& summary) {
  summary = {};
  if (bytes.size() < 8 || bytes[0] >> 6 != 2 || bytes[1] < kSenderReport || bytes[1] > kLastKnown) return false;
  summary.senderSsrc = readU32(&bytes[4]);
  while (!bytes.empty()) {
    if (bytes.size() < 4 || bytes[0] >> 6 != 2) return false;
    const std::size_t length = 4 * (std::size_t{readU16(&bytes[2])} + 1);
    if (length > bytes.size()) return false;
    const ByteView packet = bytes.first(length);
    switch (packet[1]) {
      case kSenderReport:
        if (length < 28) return false;
        summary.senderReport = true;
        readBlocks(packet, 28, summary);
        break;
      case kReceiverReport:
        if (length < 8) return false;
        readBlocks(packet, 8, summary);
        break;
      case kBye:
        summary.bye = true;
        break;
      default:
        break;
    }
    bytes = bytes.subspan(length);
  }
  return true;
}

void buildReceiverReport(std::vector<std::uint8_t>& out, std::uint32_t ownSsrc, const ReceptionFigures* figures,
                         SenderReportTime time, std::string_view cname) {
  out.clear();
  out.reserve(kMaxReceiverReportBytes);
  putHeader(out, figures != nullptr ? 1 : 0, kReceiverReport, figures != nullptr ? 8 : 2);
  putU32(out, ownSsrc);
  if (figures != nullptr) {
    putU32(out, figures->ssrc);
    putU32(out, std::uint32_t{figures->fractionLost} << 24 |
                    (static_cast<std::uint32_t>(figures->cumulativeLost) & 0xffffff));
    putU32(out, figures->highestSeq);
    putU32(out, figures->jitter);
    putU32(out, time.lastSr);
    putU32(out, time.delay);
  }
  // One chunk: SSRC, CNAME item, at least one zero byte up to the next word (s.6.5).
  const std::string_view shown = cname.substr(0, 255);
  const std::size_t words = 1 + (2 + shown.size() + 4) / 4;
  putHeader(out, 1, kSourceDescription, words + 1);
  putU32(out, ownSsrc);
  const std::size_t end = out.size() + 4 * (words - 1);
  out.push_back(kCname);
  out.push_back(static_cast<std::uint8_t>(shown.size()));
  out.insert(out.end(), shown.begin(), shown.end());
  out.resize(end, 0);
}

std::vector<std::uint8_t> buildBye(std::uint32_t ssrc) {
  std::vector<std::uint8_t> out;
  putHeader(out, 0, kReceiverReport, 2);
  putU32(out, ssrc);
  putHeader(out, 1, kBye, 2);
  putU32(out, ssrc);
  return out;
}

std::optional<SenderInfo> senderInfo(ByteView bytes) {
  if (bytes.size() < 28 || bytes[1] != kSenderReport) return std::nullopt;
  return SenderInfo{
      .time = {std::uint64_t{readU32(&bytes[8])} << 32 | readU32(&bytes[12]), readU32(&bytes[16])},
      .packets = readU32(&bytes[20]),
      .octets = readU32(&bytes[24]),
  };
}

void rewriteRtcp(std::vector<std::uint8_t>& compound, std::uint32_t ssrc, const SenderInfo& info) {
  const std::uint32_t theirs = readU32(&compound[4]);
  const auto rename = [&](std::size_t at, std::size_t end) {
    if (at + 4 <= end && readU32(&compound[at]) == theirs) writeU32(&compound[at], ssrc);
  };
  writeU32(&compound[16], info.time.rtpTime);
  writeU32(&compound[20], info.packets);
  writeU32(&compound[24], info.octets);
  for (std::size_t begin = 0; begin + 4 <= compound.size();) {
    const std::size_t end = begin + 4 * (std::size_t{readU16(&compound[begin + 2])} + 1);
    if (end > compound.size()) return;
    const std::size_t count = compound[begin] & 0x1f;
    const std::uint8_t type = compound[begin + 1];
    if (type == kSourceDescription) {
      std::size_t chunk = begin + 4;
      for (std::size_t i = 0; i < count && chunk + 4 <= end; ++i) {
        rename(chunk, end);
        chunk += 4;
        while (chunk + 2 <= end && compound[chunk] != 0) chunk += 2U + compound[chunk + 1];
        // The list of items ends with a zero byte, filled up to the next word.
        chunk = begin + (chunk - begin) / 4 * 4 + 4;
      }
    } else if (type == kBye) {
      for (std::size_t i = 0; i < count; ++i) rename(begin + 4 + 4 * i, end);
    } else {
      rename(begin + 4, end);
    }
    begin = end;
  }
}

}  // namespace weir

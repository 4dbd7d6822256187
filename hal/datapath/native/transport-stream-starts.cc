#include "transport-stream-starts.h"

#include <algorithm>

#include "clock.h"

namespace weir {

namespace {

constexpr std::size_t kPacketBytes = 188;
constexpr std::uint8_t kSyncByte = 0x47;
/** Tables come every 100 ms (ETSI TR 101 290: at least every 500 ms); older ones are not those of the picture. */
constexpr std::int64_t kOldestTablesNs = kNsPerSecond;
/** A stream that has shown no indicator for so long does not use it: then every association table has to do. */
constexpr std::int64_t kIndicatorPatienceNs = 4 * kNsPerSecond;
/** Before and behind the entries of a section: its header, and its CRC. */
constexpr std::size_t kSectionHead = 8;
constexpr std::size_t kCrcBytes = 4;

/** ISO/IEC 13818-1 table 2-34, and ETSI TS 101 154 for what came later. */
bool isVideo(unsigned streamType) {
  switch (streamType) {
    case 0x01:  // MPEG-1
    case 0x02:  // MPEG-2
    case 0x10:  // MPEG-4
    case 0x1b:  // H.264
    case 0x20:  // H.264 MVC
    case 0x24:  // H.265
    case 0x33:  // H.266
    case 0x42:  // AVS
    case 0xd2:  // AVS2
    case 0xea:  // VC-1
      return true;
    default:
      return false;
  }
}

/** 2.4.4: the part of a section that begins in this packet, without its CRC; empty where it is another table. */
ByteView sectionOf(ByteView payload, unsigned tableId) {
  if (payload.empty() || payload[0] + 1U + kSectionHead > payload.size()) return {};
  const ByteView section = payload.subspan(payload[0] + 1U);
  const std::size_t end = 3U + (readU16(&section[1]) & 0x0fffU);
  if (section[0] != tableId || end < kSectionHead + kCrcBytes) return {};
  return section.first(std::min(section.size(), end - kCrcBytes));
}

}  // namespace

std::optional<std::uint64_t> TransportStreamStarts::take(ByteView payload, std::uint64_t position, std::int64_t nowNs) {
  if (sinceNs_ == 0) sinceNs_ = nowNs;
  std::optional<std::uint64_t> start;
  for (; payload.size() >= kPacketBytes && payload[0] == kSyncByte; payload = payload.subspan(kPacketBytes)) {
    const unsigned pid = readU16(&payload[1]) & 0x1fffU;
    const bool begins = (payload[1] & 0x40) != 0;
    const bool adapted = (payload[3] & 0x20) != 0;
    const bool carries = (payload[3] & 0x10) != 0;
    const std::size_t at = 4U + (adapted ? 1U + payload[4] : 0U);
    if (begins && carries && at < kPacketBytes && pid == 0) {
      takeAssociation(payload.subspan(at, kPacketBytes - at));
      tablesAt_ = position;
      tablesNs_ = nowNs;
      mapped_ = false;
    } else if (begins && carries && at < kPacketBytes && pid == mapPid_) {
      takeMap(payload.subspan(at, kPacketBytes - at));
      mapped_ = tablesAt_.has_value();
      if (mapped_ && withoutIndicator(nowNs)) start = tablesAt_;
    } else if (pid == videoPid_ && adapted && payload[4] > 0 && (payload[5] & 0x40) != 0) {
      indicates_ = true;
      start = mapped_ && nowNs - tablesNs_ <= kOldestTablesNs ? tablesAt_ : position;
    }
  }
  return start;
}

void TransportStreamStarts::restart() {
  mapPid_.reset();
  videoPid_.reset();
  tablesAt_.reset();
  mapped_ = false;
}

/** No picture will have it: there are none, or it is not used. */
bool TransportStreamStarts::withoutIndicator(std::int64_t nowNs) const {
  return !videoPid_ || (!indicates_ && nowNs - sinceNs_ > kIndicatorPatienceNs);
}

/** 2.4.4.3: pairs of programme number and PID; number 0 is the network's table. */
void TransportStreamStarts::takeAssociation(ByteView payload) {
  const ByteView section = sectionOf(payload, 0x00);
  for (std::size_t at = kSectionHead; at + 4 <= section.size(); at += 4) {
    if (readU16(&section[at]) == 0) continue;
    mapPid_ = readU16(&section[at + 2]) & 0x1fffU;
    return;
  }
}

/** 2.4.4.8: the programme's descriptors, then each stream's type, PID and descriptors. */
void TransportStreamStarts::takeMap(ByteView payload) {
  const ByteView section = sectionOf(payload, 0x02);
  if (section.size() < kSectionHead + 4) return;
  videoPid_.reset();
  std::size_t at = kSectionHead + 4 + (readU16(&section[kSectionHead + 2]) & 0x0fffU);
  while (at + 5 <= section.size()) {
    if (isVideo(section[at])) {
      videoPid_ = readU16(&section[at + 1]) & 0x1fffU;
      return;
    }
    at += 5U + (readU16(&section[at + 3]) & 0x0fffU);
  }
}

}  // namespace weir

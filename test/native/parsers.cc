#include <string>

#include "check.h"
#include "rtcp.h"
#include "rtp-sequence.h"
#include "rtp.h"
#include "rtsp-framer.h"
#include "start-point.h"
#include "tables.h"

using namespace weir;

namespace {

/** Gives the framer the bytes in pieces and tells what came out: kinds, and the bytes of each item. */
std::pair<std::string, std::vector<Bytes>> frame(const Bytes& bytes, const std::vector<std::size_t>& cuts) {
  RtspFramer framer(tables::kFramerLimits);
  std::string kinds;
  std::vector<Bytes> items;
  Bytes waiting;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    waiting.insert(waiting.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    at = cut;
    for (;;) {
      const RtspItem item = framer.next(waiting);
      if (item.kind == RtspItem::Kind::frame) kinds += 'f';
      if (item.kind == RtspItem::Kind::message) kinds += 'm';
      if (item.kind == RtspItem::Kind::bad) return {kinds + 'b', items};
      if (item.kind != RtspItem::Kind::more) items.emplace_back(item.bytes.begin(), item.bytes.end());
      waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(item.consumed));
      if (item.kind == RtspItem::Kind::more) break;
    }
  }
  return {kinds, items};
}

RtpPacket packet(std::uint16_t seq, std::uint32_t rtpTime = 0, std::uint32_t ssrc = 7) {
  RtpPacket made;
  made.seq = seq;
  made.rtpTime = rtpTime;
  made.ssrc = ssrc;
  return made;
}

}  // namespace

TEST("the framer parts '$' frames from messages (RFC 2326 s.10.12) wherever the stream is cut, byte by byte too") {
  for (const tables::FramerCase& test : tables::framerCases()) {
    const std::size_t size = test.bytes.size();
    const auto whole = frame(test.bytes, {size});
    check::equal(whole.first, std::string(test.items), test.name, __FILE__, __LINE__);
    std::vector<std::size_t> everyByte;
    for (std::size_t i = 1; i <= size; ++i) everyByte.push_back(i);
    check::holds(frame(test.bytes, everyByte) == whole, test.name, __FILE__, __LINE__);
    for (std::size_t a = 0; a <= size; ++a) {
      for (std::size_t b = a; b <= size; ++b) {
        check::holds(frame(test.bytes, {a, b, size}) == whole, test.name, __FILE__, __LINE__);
      }
    }
  }
}

TEST("RTP headers are read as RFC 3550 s.5.1 and A.1 say, and refused where they lie") {
  for (const tables::RtpCase& test : tables::rtpCases()) {
    const auto parsed = parseRtp(test.packet);
    check::equal(parsed.has_value(), test.valid, test.name, __FILE__, __LINE__);
    if (parsed) check::equal(parsed->payload.size(), test.payloadBytes, test.name, __FILE__, __LINE__);
  }
}

TEST("compound RTCP is read as RFC 3550 s.6 and A.2 say") {
  for (const tables::RtcpCase& test : tables::rtcpCases()) {
    RtcpSummary summary;
    check::equal(parseRtcp(test.packet, summary), test.valid, test.name, __FILE__, __LINE__);
    if (!test.valid) continue;
    check::equal(summary.senderReport, test.senderReport, test.name, __FILE__, __LINE__);
    check::equal(summary.bye, test.bye, test.name, __FILE__, __LINE__);
    check::equal(summary.lossReported, test.lossReported, test.name, __FILE__, __LINE__);
    check::equal(summary.cumulativeLost, test.lost, test.name, __FILE__, __LINE__);
  }
}

TEST("our receiver report says what RFC 3550 s.6.4.2 wants and carries a CNAME (s.6.5)") {
  const ReceptionFigures figures{0xaabbccdd, 12, -3, 0x10005, 99};
  Bytes report;
  buildReceiverReport(report, 0x01020304, &figures, {0x11223344, 65'536}, "weir");
  RtcpSummary summary;
  CHECK(parseRtcp(report, summary));
  CHECK_EQ(summary.senderSsrc, 0x01020304U);
  CHECK_EQ(summary.cumulativeLost, -3);
  CHECK_EQ(report.size() % 4, 0U);
  CHECK_EQ(readU32(&report[8]), 0xaabbccddU);
  CHECK_EQ(report[12], 12);
  CHECK_EQ(readU32(&report[16]), 0x10005U);
  CHECK_EQ(readU32(&report[20]), 99U);
  CHECK_EQ(readU32(&report[24]), 0x11223344U);
  CHECK_EQ(readU32(&report[28]), 65'536U);
  CHECK_EQ(report[33], 202);
  CHECK_EQ(report[40], 1);
  CHECK_EQ(std::string(report.begin() + 42, report.begin() + 46), "weir");
  // The item list ends with at least one zero, whatever the length of the name.
  for (std::size_t length = 0; length < 9; ++length) {
    buildReceiverReport(report, 1, nullptr, {}, std::string(length, 'n'));
    CHECK(parseRtcp(report, summary));
    CHECK_EQ(report.back(), 0);
  }
  // A name's length is one byte; memory that was taken once serves for the longest report.
  const std::uint8_t* const memory = report.data();
  buildReceiverReport(report, 1, &figures, {}, std::string(300, 'n'));
  CHECK(parseRtcp(report, summary));
  CHECK_EQ(report[41], 255);
  CHECK(report.data() == memory);
}

TEST("start points are told by their payload formats") {
  for (const tables::StartCase& test : tables::startCases()) {
    RtpPacket made;
    made.payload = test.payload;
    check::equal(showsStart(test.codec, made), test.start, test.name, __FILE__, __LINE__);
  }
}

TEST("parameter sets in band are told by their payload formats") {
  using Codec = StartPointCodec;
  const auto has = [](Codec codec, const Bytes& payload) {
    RtpPacket made;
    made.payload = payload;
    return hasParameterSets(codec, made);
  };
  CHECK(has(Codec::h264, {0x67, 0x42, 0x00}));
  CHECK(has(Codec::h264, {0x78, 0, 2, 0x06, 0x05, 0, 2, 0x67, 0x42, 0, 2, 0x65, 0x88}));
  CHECK(has(Codec::h264, {0x7c, 0x87, 0x42}));
  CHECK(!has(Codec::h264, {0x7c, 0x07, 0x42}));
  CHECK(!has(Codec::h264, {0x7c, 0x85, 0x88}));
  CHECK(!has(Codec::h264, {0x68, 0xeb}));
  CHECK(!has(Codec::h264, {0x65, 0x88}));
  CHECK(!has(Codec::h264, {}));
  CHECK(has(Codec::h265, {0x42, 0x01, 0x01}));
  CHECK(has(Codec::h265, {0x60, 0x01, 0, 3, 0x40, 0x01, 0x0c, 0, 3, 0x42, 0x01, 0x01}));
  CHECK(has(Codec::h265WithDon, {0x60, 0x01, 0, 0, 0, 3, 0x40, 0x01, 0x0c, 0, 0, 3, 0x42, 0x01, 0x01}));
  CHECK(!has(Codec::h265, {0x40, 0x01, 0x0c}));
  CHECK(!has(Codec::h265, {0x26, 0x01, 0xaf}));
  CHECK(!has(Codec::vp8, {0x67, 0x42, 0x00}));
}

TEST("sequence numbers are followed over their wrap, with losses, late packets and duplicates (RFC 3550 A.1, A.3)") {
  using Verdict = RtpSequence::Verdict;
  RtpSequence sequence(90'000);
  CHECK(sequence.take(packet(65'534), 0) == Verdict::next);
  CHECK(sequence.take(packet(65'535), 0) == Verdict::next);
  CHECK(sequence.take(packet(1), 0) == Verdict::next);
  CHECK_EQ(sequence.report().cumulativeLost, 1);
  CHECK(sequence.take(packet(0), 0) == Verdict::late);
  CHECK(sequence.take(packet(1), 0) == Verdict::duplicate);
  CHECK(sequence.take(packet(0), 0) == Verdict::duplicate);
  const ReceptionFigures figures = sequence.report();
  CHECK_EQ(figures.highestSeq, 0x10001U);
  CHECK_EQ(figures.cumulativeLost, 0);
  // A jump is not believed at first, only when the next packet follows on it.
  CHECK(sequence.take(packet(20'000), 0) == Verdict::astray);
  CHECK(sequence.take(packet(2), 0) == Verdict::next);
  CHECK(sequence.take(packet(30'000), 0) == Verdict::astray);
  CHECK(sequence.take(packet(30'001), 0) == Verdict::anew);
}

TEST("losses are counted on behind the 2^32nd packet, where reports begin anew with the highest number (RFC 3550 A.3)") {
  RtpSequence sequence(90'000);
  std::uint64_t number = 0;
  sequence.take(packet(0), 0);
  constexpr std::uint64_t kStep = 2999;
  while (number < (std::uint64_t{1} << 32) + 10 * kStep) {
    number += kStep;
    sequence.take(packet(static_cast<std::uint16_t>(number)), 0);
  }
  const ReceptionFigures figures = sequence.report();
  CHECK_EQ(figures.highestSeq, static_cast<std::uint32_t>(number));
  CHECK_EQ(figures.cumulativeLost, 0x7fffff);
  sequence.take(packet(static_cast<std::uint16_t>(number + 4)), 0);
  CHECK_EQ(sequence.report().fractionLost, 192);
}

TEST("losses of a source are none of the SSRC that follows it (RFC 3550 s.8)") {
  RtpSequence sequence(90'000);
  sequence.take(packet(1), 0);
  sequence.take(packet(4), 0);
  CHECK_EQ(sequence.report().cumulativeLost, 2);
  sequence.take(packet(500, 0, 8), 0);
  CHECK_EQ(sequence.ssrc(), 8U);
  CHECK_EQ(sequence.report().cumulativeLost, 0);
}

TEST("the fraction lost covers the time since the last report (RFC 3550 s.6.4.1)") {
  RtpSequence sequence(90'000);
  sequence.take(packet(1), 0);
  sequence.take(packet(2), 0);
  CHECK_EQ(sequence.report().fractionLost, 0);
  sequence.take(packet(6), 0);
  CHECK_EQ(sequence.report().fractionLost, 192);
  sequence.take(packet(7), 0);
  CHECK_EQ(sequence.report().fractionLost, 0);
}

TEST("jitter is measured in clock units and is none for a steady source (RFC 3550 A.8)") {
  RtpSequence steady(90'000);
  RtpSequence shaky(90'000);
  for (std::uint16_t i = 0; i < 100; ++i) {
    const std::int64_t dueNs = i * std::int64_t{40'000'000};
    steady.take(packet(i, i * 3600U), dueNs);
    shaky.take(packet(i, i * 3600U), dueNs + (i % 2) * std::int64_t{10'000'000});
  }
  CHECK_EQ(steady.report().jitter, 0U);
  const std::uint32_t jitter = shaky.report().jitter;
  CHECK(jitter > 800 && jitter < 1000);
}

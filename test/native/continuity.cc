#include "continuity.h"

#include "clock.h"
#include "world.h"

using namespace test;

namespace {

RtpPacket packet(std::uint16_t seq, std::uint32_t rtpTime, std::uint32_t ssrc = 7) {
  RtpPacket made;
  made.seq = seq;
  made.rtpTime = rtpTime;
  made.ssrc = ssrc;
  return made;
}

void put(Bytes& packet, std::size_t at, std::uint32_t value) { writeU32(&packet[at], value); }

Bytes report(std::uint32_t ssrc, std::uint64_t ntp, std::uint32_t rtpTime, std::uint32_t packets, std::uint32_t octets) {
  Bytes made = senderReport(ssrc);
  put(made, 8, static_cast<std::uint32_t>(ntp >> 32));
  put(made, 12, static_cast<std::uint32_t>(ntp));
  put(made, 16, rtpTime);
  put(made, 20, packets);
  put(made, 24, octets);
  return made;
}

}  // namespace

TEST("a source that never begins anew is passed on as it is") {
  Continuity track(90'000);
  CHECK(!track.begun());
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    const auto place = track.place(packet(static_cast<std::uint16_t>(65'000 + i), 0xffff'0000 + i * 3600), i * kNsPerMs);
    CHECK(place && place->seq == static_cast<std::uint16_t>(65'000 + i));
    CHECK_EQ(place->rtpTime, 0xffff'0000 + i * 3600);
  }
  CHECK(!track.changes());
  CHECK_EQ(track.ssrc(), 7U);
}

TEST("a source that begins anew goes on behind the last packet, over the wraps of seq and rtpTime") {
  Continuity track(90'000);
  track.place(packet(65'535, 0xffff'ff00), 0);
  const RtpPacket first = packet(65'530, 123, 8);
  track.goOn(first, track.timeAt(2 * kNsPerSecond));
  const auto place = track.place(first, 2 * kNsPerSecond);
  CHECK_EQ(place->seq, 0);
  CHECK_EQ(place->rtpTime, 0xffff'ff00U + 180'000U);
  CHECK(track.changes());
  CHECK_EQ(track.ssrc(), 7U);
  const auto next = track.place(packet(4, 123 + 3600, 8), 2 * kNsPerSecond);
  CHECK_EQ(next->seq, 10);
  CHECK_EQ(next->rtpTime, 0xffff'ff00U + 183'600U);
}

TEST("it goes on from the newest picture time, not from that of a picture shown earlier (B frames)") {
  Continuity track(90'000);
  track.place(packet(1, 9'000), 0);
  track.place(packet(2, 3'000), 0);
  CHECK_EQ(track.timeAt(kNsPerSecond), 99'000U);
  // But a clock that was set back is another clock.
  track.place(packet(3, 9'000 - 20 * 90'000U), 0);
  CHECK_EQ(track.timeAt(0), 9'000 - 20 * 90'000U);
}

TEST("several sources in a row keep one numbering, and the RTP time never goes back") {
  Continuity track(48'000);
  track.place(packet(10, 1000), 0);
  for (std::uint16_t round = 1; round <= 5; ++round) {
    const RtpPacket first = packet(static_cast<std::uint16_t>(round * 9'000), round * 777'777U, 100U + round);
    // No time has passed by the clock: the next possible RTP time it is.
    track.goOn(first, track.timeAt(0));
    const auto place = track.place(first, 0);
    CHECK_EQ(place->seq, 10 + round);
    CHECK_EQ(place->rtpTime, 1000U + round);
  }
}

TEST("packets from before the place where the source went on have no place") {
  Continuity track(90'000);
  track.place(packet(10, 0), 0);
  const RtpPacket first = packet(500, 9000);
  track.goOn(first, 90'000);
  CHECK(track.place(first, 0));
  CHECK(!track.place(packet(499, 9000), 0));
  CHECK(!track.place(packet(401, 9000), 0));
  CHECK(track.place(packet(501, 9000), 0));
  CHECK_EQ(track.place(packet(502, 9000), 0)->seq, 13);
}

TEST("a source that loses half a round of its numbers right after it went on is none from before") {
  Continuity track(90'000);
  track.place(packet(10, 0), 0);
  track.goOn(packet(500, 9000), 90'000);
  for (std::uint32_t i = 0; i < 30; ++i) {
    const auto place = track.place(packet(static_cast<std::uint16_t>(500 + i * 2'500), 9000), 0);
    CHECK(place && place->seq == static_cast<std::uint16_t>(11 + i * 2'500));
  }
}

TEST("sender reports go on: SSRC, RTP time, counts; NTP time stays the source's (RFC 3550 s.6.4.1)") {
  Continuity track(90'000);
  track.place(packet(1, 1000), 0);
  Bytes first = report(7, 5, 1000, 40, 4000);
  const Bytes asItWas = first;
  track.rewrite(first);
  CHECK(first == asItWas);
  RtpPacket filled = packet(2, 4600);
  const Bytes payload(100);
  filled.payload = payload;
  track.place(filled, 0);

  const RtpPacket anew = packet(9, 0, 8);
  track.goOn(anew, 100'000);
  track.place(anew, 0);
  Bytes second = report(8, 6, 900, 1000, 2000);
  track.rewrite(second);
  const auto info = senderInfo(second);
  CHECK_EQ(readU32(&second[4]), 7U);
  CHECK_EQ(info->time.ntp, 6U);
  CHECK_EQ(info->time.rtpTime, 100'900U);
  CHECK_EQ(info->packets, 42U);
  CHECK_EQ(info->octets, 4100U);
  Bytes third = report(8, 7, 1800, 1010, 3000);
  track.rewrite(third);
  CHECK_EQ(senderInfo(third)->packets, 52U);
  CHECK_EQ(senderInfo(third)->octets, 5100U);
}

TEST("the sender's name changes in every packet of the compound, nobody else's (RFC 3550 s.6.5, s.6.6)") {
  Bytes compound = report(8, 1, 2, 3, 4);
  // Two chunks: ours with a CNAME of three characters, and a stranger's; then BYE of both, and APP.
  const Bytes rest{0x82, 202, 0, 5, 0, 0, 0, 8, 1, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0,
                   0x82, 203, 0, 2, 0, 0, 0, 9, 0, 0, 0, 8,
                   0x80, 204, 0, 2, 0, 0, 0, 8, 'n', 'a', 'm', 'e'};
  compound.insert(compound.end(), rest.begin(), rest.end());
  RtcpSummary summary;
  CHECK(parseRtcp(compound, summary));
  Bytes wanted = compound;
  for (const std::size_t at : {4U, 28U + 4U, 28U + 24U + 8U, 28U + 36U + 4U}) put(wanted, at, 0xcafe);
  put(wanted, 16, 20);
  put(wanted, 20, 30);
  put(wanted, 24, 40);
  rewriteRtcp(compound, 0xcafe, {{1, 20}, 30, 40});
  CHECK(compound == wanted);
}

TEST("tracks are aligned by the sender reports of both sessions") {
  const std::uint64_t second = std::uint64_t{1} << 32;
  // Before: video at 90000 and sound at 48000 belong to second 10. It goes on with video at second 13 of that clock.
  const AlignedTrack video{90'000, 500, 90'000 + 3 * 90'000, {10 * second, 90'000}, {100 * second, 500}};
  // The new clock says 100 there, and the sound's packet belongs to 100.25.
  const AlignedTrack sound{48'000, 7'000 + 12'000, 0, {10 * second, 48'000}, {100 * second, 7'000}};
  CHECK_EQ(alignByReports(video, sound), 48'000U + 3 * 48'000U + 12'000U);
  // Over the wraps of both clocks, with reports of different moments.
  const AlignedTrack late{90'000, 500, 0xffff'ff00U + 3 * 90'000U, {~std::uint64_t{0}, 0xffff'ff00U}, {second / 2, 500}};
  const AlignedTrack heard{48'000, 0xffff'fff0U, 0, {second - 1, 5'000}, {second, 0xffff'fff0U}};
  CHECK_EQ(alignByReports(late, heard), 5'000U + 2 * 48'000U + 24'000U);
}

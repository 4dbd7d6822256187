#include <algorithm>
#include <chrono>

#include "clock.h"
#include "feed-rig.h"
#include "rtcp.h"

using namespace test;

namespace {

constexpr std::uint32_t kSsrc = 0x1234;

RtpPacket parsed(const Bytes& bytes) {
  const std::optional<RtpPacket> packet = parseRtp(bytes);
  CHECK(packet);
  return *packet;
}

/** The same packet under another SSRC. */
Bytes renamed(Bytes packet, std::uint32_t ssrc) {
  writeU32(&packet[8], ssrc);
  return packet;
}

/** The payload is the origin's; the rest is what viewers know. */
void checkGoesOn(const Bytes& got, const Bytes& sent, std::uint16_t seq) {
  CHECK_EQ(parsed(got).ssrc, kSsrc);
  CHECK_EQ(parsed(got).seq, seq);
  CHECK(Bytes(got.begin() + 12, got.end()) == Bytes(sent.begin() + 12, sent.end()));
}

}  // namespace

TEST("a resumed session goes on for its viewers: SSRC, seq, RTP time by the time that passed") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  const auto tcp = rig.addTcp();
  rig.play(viewer->id);
  rig.play(tcp->id);
  rig.renumber(65'535, 0xffff'ff00);
  const Bytes last = rig.video(true);
  const std::int64_t before = monoNs();
  rig.send(0, last);
  const std::int64_t since = monoNs();
  CHECK(viewer->rtp.receive() == last);
  rig.resume();
  rig.renumber(777, 5);
  const Bytes sent = renamed(rig.video(true), 0xabcd);
  const std::int64_t earliest = monoNs();
  rig.send(0, sent);
  const std::int64_t latest = monoNs();
  const Bytes got = viewer->rtp.receive();
  checkGoesOn(got, sent, 0);
  const std::uint32_t step = parsed(got).rtpTime - parsed(last).rtpTime;
  CHECK(step >= static_cast<std::uint32_t>((earliest - since) * 90 / kNsPerMs));
  CHECK(step <= static_cast<std::uint32_t>((latest - before) * 90 / kNsPerMs) + 1);
  const Bytes next = renamed(rig.video(false), 0xabcd);
  rig.send(0, next);
  const Bytes after = viewer->rtp.receive();
  checkGoesOn(after, next, 1);
  CHECK_EQ(parsed(after).rtpTime - parsed(got).rtpTime, 3600U);
  for (const Bytes* packet : {&last, &got, &after}) CHECK(tcp->peer.receive(packet->size() + 4) == frame(0, *packet));
  CHECK_EQ(world.counter(rig.slot, FeedCounter::resumes), 1U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 0U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::rejectedPackets), 0U);
}

TEST("a resumed session begins at a start point, parameter sets included; what comes before is dropped and counted") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp();
  rig.play(viewer->id);
  const Bytes last = rig.video(true);
  rig.send(0, last);
  rig.resume();
  rig.send(1, rtp(5, 100, Bytes(50)));
  rig.send(0, rig.video(false));
  rig.send(0, rig.video(false, 500, true));
  Bytes sps = rig.video(false, 20);
  sps[12] = 0x67;
  rig.send(0, sps);
  rig.send(1, rtp(6, 1060, Bytes(50)));
  const Bytes idr = rig.video(true, 1000, true);
  rig.send(0, idr);
  const Bytes sound = rtp(7, 2020, Bytes(50));
  rig.send(1, sound);
  CHECK(viewer->peer.receive(last.size() + 4) == frame(0, last));
  const Bytes frames = viewer->peer.receive(sps.size() + idr.size() + sound.size() + 12);
  checkGoesOn(Bytes(frames.begin() + 4, frames.begin() + 36), sps, 101);
  CHECK(Bytes(frames.end() - 66, frames.end()) == frame(2, sound));
  CHECK_EQ(world.counter(rig.slot, FeedCounter::resumeDroppedPackets), 4U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 0U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::startPoints), 2U);
}

TEST("several resumes in a row, and one before any packet came, leave no jump and no old source") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  rig.resume();
  const Bytes first = rig.video(true);
  rig.send(0, first);
  CHECK(viewer->rtp.receive() == first);
  const PairOpened stale = rig.upstream[0];
  UdpPeer old = std::move(*rig.originRtp[0]);
  rig.resume();
  rig.resume();
  rig.resume();
  old.send(renamed(rig.video(true), 9), stale.rtp);
  const Bytes sent = renamed(rig.video(true), 10);
  rig.send(0, sent);
  checkGoesOn(viewer->rtp.receive(), sent, 101);
  rig.resume();
  const Bytes again = renamed(rig.video(true), 11);
  rig.send(0, again);
  checkGoesOn(viewer->rtp.receive(), again, 102);
  CHECK(viewer->rtp.silent());
  CHECK_EQ(world.counter(rig.slot, FeedCounter::rxPackets), 3U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::resumes), 5U);
}

TEST("sender reports of a resumed session are the viewers' own, and none of the old clock is left over") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  rig.send(0, rig.video(true));
  rig.sendRtcp(0, senderReport(kSsrc));
  viewer->rtp.receive();
  viewer->rtcp.receive();
  rig.resume();
  // Before the media: it waits until it is known what it has to say.
  Bytes early = senderReport(0xabcd);
  writeU32(&early[16], 50'000);
  rig.sendRtcp(0, early);
  CHECK(viewer->rtcp.silent());
  rig.renumber(7, 50'000 - 3600);
  rig.send(0, renamed(rig.video(true), 0xabcd));
  const RtpPacket got = parsed(viewer->rtp.receive());
  const Bytes report = viewer->rtcp.receive();
  CHECK_EQ(readU32(&report[4]), kSsrc);
  CHECK_EQ(senderInfo(report)->time.rtpTime, got.rtpTime);
  CHECK_EQ(senderInfo(report)->packets, 0U);
  const auto second = rig.addUdp();
  rig.play(second->id);
  CHECK(second->rtcp.receive() == report);
  rig.resume();
  rig.send(0, renamed(rig.video(true), 0xef));
  const auto third = rig.addUdp();
  rig.play(third->id);
  third->rtp.receive();
  CHECK(third->rtcp.silent());
}

TEST("reports to the origin name its new SSRC and count its new numbers (RFC 3550 s.6.4.2)") {
  World world;
  FeedRig rig(world);
  for (int i = 0; i < 5; ++i) rig.send(0, rig.video(true));
  rig.resume();
  rig.renumber(3, 0);
  rig.send(0, renamed(rig.video(true), 0xabcd));
  Bytes report;
  do {
    report = rig.originRtcp[0]->receive();
  } while ((report[0] & 0x1f) == 0);
  CHECK_EQ(readU32(&report[8]), 0xabcdU);
  CHECK_EQ(readU32(&report[12]), 0U);
  CHECK_EQ(readU32(&report[16]), 3U);
}

TEST("a source that changes its SSRC within its session is a resume of that track (RFC 3550 s.8)") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  const Bytes first = rig.video(true);
  rig.send(0, first);
  CHECK(viewer->rtp.receive() == first);
  // The clock runs on: only a new name.
  rig.renumber(5000, parsed(first).rtpTime);
  const Bytes same = renamed(rig.video(false), 8);
  rig.send(0, same);
  Bytes got = viewer->rtp.receive();
  checkGoesOn(got, same, 101);
  CHECK_EQ(parsed(got).rtpTime, parsed(same).rtpTime);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::resumes), 0U);
  // Another clock: it goes on at the next start point.
  rig.renumber(9000, 0x8000'0000);
  rig.send(0, renamed(rig.video(false), 9));
  CHECK_EQ(world.counter(rig.slot, FeedCounter::resumes), 1U);
  const Bytes key = renamed(rig.video(true), 9);
  rig.send(0, key);
  got = viewer->rtp.receive();
  checkGoesOn(got, key, 102);
  CHECK(parsed(got).rtpTime - parsed(same).rtpTime < 90'000U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::resumeDroppedPackets), 1U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 0U);
}

TEST("packets of another type and SSRC beside the media are no new source (RFC 4588 s.5.1)") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  const Bytes first = rig.video(true);
  rig.send(0, first);
  Bytes repair = renamed(rig.video(false), 8);
  repair[1] = 97;
  rig.originRtp[0]->send(repair, rig.upstream[0].rtp);
  world.awaitCounter(rig.slot, FeedCounter::rejectedPackets, 1);
  rig.renumber(101, parsed(first).rtpTime);
  const Bytes next = rig.video(false);
  rig.send(0, next);
  CHECK(viewer->rtp.receive() == first);
  CHECK(viewer->rtp.receive() == next);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::resumes), 0U);
}

TEST("reports and goodbyes of another SSRC than the media's are not the media's (RFC 3550 s.8.2, RFC 4588 s.5.1)") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  rig.send(0, rig.video(true));
  viewer->rtp.receive();
  rig.resume();
  rig.send(0, renamed(rig.video(true), 0xabcd));
  viewer->rtp.receive();
  rig.sendRtcp(0, senderReport(0xbeef));
  rig.sendRtcp(0, buildBye(0xbeef));
  CHECK(viewer->rtcp.silent());
  CHECK_EQ(world.byesWaiting(), 0U);
  const auto second = rig.addUdp();
  rig.play(second->id);
  second->rtp.receive();
  CHECK(second->rtcp.silent());
  rig.sendRtcp(0, senderReport(0xabcd));
  CHECK_EQ(readU32(&viewer->rtcp.receive()[4]), kSsrc);
  rig.sendRtcp(0, buildBye(0xabcd));
  CHECK_EQ(world.nextBye(), 0U);
}

TEST("a report that its source has not made yet is not sent, though one was due") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp(0, 1);
  rig.send(0, rig.video(true));
  rig.sendRtcp(0, senderReport(kSsrc));
  rig.play(viewer->id);
  const auto behind = [&] { return world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs) != 0; };
  for (int full = 0; full < 100;) {
    rig.send(0, rig.video(false, 1300));
    full = behind() ? full + 1 : 0;
  }
  // A report is due again, and waits for room; meanwhile its source is gone.
  CHECK(World::callDone([&](Done done) { world.engine().pause(viewer->id, std::move(done)); }).ok());
  rig.play(viewer->id);
  rig.resume();
  const Bytes last = renamed(rig.video(true, 700), 0xabcd);
  rig.send(0, last);
  for (bool found = false; !found;) {
    const Bytes header = viewer->peer.receive(4);
    const std::size_t length = readU16(&header[2]);
    CHECK(length > 0);
    const Bytes packet = viewer->peer.receive(length);
    found = packet.size() == last.size() && std::equal(packet.begin() + 12, packet.end(), last.begin() + 12);
  }
}

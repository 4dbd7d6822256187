
#include "clock.h"
#include "feed-rig.h"
#include "rtcp.h"

using namespace test;

namespace {

const Bytes kPunch(12, 0x80);

/** Sends packets until the viewer has got one at that socket. */
Bytes sendUntilHeard(FeedRig& rig, UdpPeer& at) {
  for (int i = 0; i < 100 && at.silent(); ++i) rig.send(0, rig.video(true));
  return at.receive();
}

/** Sends media until it is told that the viewer's port refuses it; how often it has by then. */
std::uint64_t sendUntilRefused(FeedRig& rig) {
  const auto told = [&rig] {
    if (rig.world.refusedWaiting() > 0) return true;
    rig.send(0, rig.video(false));
    return false;
  };
  World::awaitTrue(told, "refused");
  return rig.world.nextRefused();
}

}  // namespace

TEST("a UDP viewer gets the origin's packets byte for byte, from the newest start point on") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(false));
  const Bytes key = rig.video(true);
  const Bytes after = rig.video(false);
  rig.send(0, key);
  rig.send(0, after);
  const auto viewer = rig.addUdp();
  CHECK_EQ(viewer->starts.size(), 1U);
  CHECK_EQ(viewer->starts[0].seq, 101);
  CHECK_EQ(viewer->starts[0].rtpTime, 9000U + 7200);
  rig.play(viewer->id);
  CHECK(viewer->rtp.receive() == key);
  CHECK(viewer->rtp.lastFrom == viewer->pair.rtp);
  CHECK(viewer->rtp.receive() == after);
  const Bytes live = rig.video(false);
  rig.send(0, live);
  CHECK(viewer->rtp.receive() == live);
  world.awaitCounter(viewer->slot, ViewerCounter::txPackets, 3);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txBytes), key.size() + after.size() + live.size());
}

TEST("the same over IPv6") {
  World world;
  FeedRig rig(world, 4 * 1024 * 1024, "::1");
  const Bytes key = rig.video(true);
  rig.send(0, key);
  const auto viewer = rig.addUdp(0, "::1");
  rig.play(viewer->id);
  CHECK(viewer->rtp.receive() == key);
  const Bytes live = rig.video(false);
  rig.send(0, live);
  CHECK(viewer->rtp.receive() == live);
}

TEST("the start point is the first packet of its access unit, parameter sets included") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(false));
  Bytes sps = rig.video(false, 20);
  sps[12] = 0x67;
  rig.send(0, sps);
  rig.send(0, rig.video(true, 1000, true));
  CHECK_EQ(world.counter(rig.slot, FeedCounter::startPoints), 1U);
  const auto viewer = rig.addUdp();
  CHECK_EQ(viewer->starts[0].seq, 101);
  rig.play(viewer->id);
  CHECK(viewer->rtp.receive() == sps);
}

TEST("viewers that share a pair and viewers with pairs of their own get the same packets") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const PairOpened shared = rig.openPair();
  std::vector<std::unique_ptr<FeedRig::UdpViewer>> viewers;
  for (int i = 0; i < 20; ++i) {
    const std::string address = "127.0.1." + std::to_string(i + 1);
    viewers.push_back(rig.addUdp(0, address, i % 4 == 0 ? nullptr : &shared));
    rig.play(viewers.back()->id);
  }
  std::vector<Bytes> sent;
  for (int unit = 0; unit < 30; ++unit) {
    for (int i = 0; i < 8; ++i) {
      sent.push_back(rig.video(unit % 10 == 0, i == 7 ? 300 : 1316, i > 0));
      // Some sources mark the last packet of a picture, some do not.
      if (i == 7 && unit % 2 == 0) sent.back()[1] |= 0x80;
      rig.send(0, sent.back());
    }
  }
  for (const auto& viewer : viewers) {
    viewer->rtp.receive();
    for (const Bytes& packet : sent) CHECK(viewer->rtp.receive() == packet);
  }
  // The end of the last picture was waited for.
  world.settle();
  for (const auto& viewer : viewers) {
    CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txPackets), sent.size() + 1);
    CHECK_EQ(world.counter(viewer->slot, ViewerCounter::droppedPackets), 0U);
  }
}

TEST("a second viewer of the same address on one pair is refused with wrong-state") {
  World world;
  FeedRig rig(world);
  const auto first = rig.addUdp();
  ViewerOptions options;
  options.tracks = {{0, UdpTarget{first->pair.id, first->rtp.local().withPort(9000), first->rtp.local().withPort(9001)}}};
  options.slot = world.newSlot();
  const auto second =
      World::call<ViewerAdded>([&](auto done) { world.engine().addViewer(rig.feed, options, std::move(done)); });
  CHECK(second.status.code == Code::wrongState);
}

TEST("a viewer gets the latest sender report before the first media, and later ones in their place") {
  World world;
  FeedRig rig(world);
  const Bytes early = senderReport(0x1234);
  rig.sendRtcp(0, early);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  CHECK(viewer->rtcp.receive() == early);
  viewer->rtp.receive();
  Bytes late = senderReport(0x1234);
  late[10] = 0x42;
  rig.sendRtcp(0, late);
  CHECK(viewer->rtcp.receive() == late);
  CHECK(viewer->rtcp.lastFrom == viewer->pair.rtcp);
  world.awaitCounter(viewer->slot, ViewerCounter::txRtcpPackets, 2);
}

TEST("sender reports in the ring that are older than the one sent first are not sent again") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  Bytes report = senderReport(0x1234);
  for (std::uint8_t i = 0; i < 3; ++i) {
    report[10] = i;
    rig.sendRtcp(0, report);
    rig.send(0, rig.video(false));
  }
  const auto viewer = rig.addUdp();
  const auto tcp = rig.addTcp();
  rig.play(viewer->id);
  rig.play(tcp->id);
  CHECK(viewer->rtcp.receive() == report);
  CHECK(tcp->peer.receive(report.size() + 4) == frame(1, report));
  for (int i = 0; i < 4; ++i) {
    const Bytes packet = viewer->rtp.receive();
    CHECK(tcp->peer.receive(packet.size() + 4) == frame(0, packet));
  }
  report[10] = 9;
  rig.sendRtcp(0, report);
  CHECK(viewer->rtcp.receive() == report);
  CHECK(tcp->peer.receive(report.size() + 4) == frame(1, report));
}

TEST("a viewer behind the head gets its first frame at once and the rest at a pace, in order, without a gap") {
  World world;
  FeedRig rig(world);
  std::vector<Bytes> sent;
  for (int unit = 0; unit < 40; ++unit) {
    for (int i = 0; i < 5; ++i) {
      sent.push_back(rig.video(unit == 0, 1200, i > 0));
      rig.send(0, sent.back());
    }
  }
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  for (std::size_t i = 0; i < 5; ++i) CHECK(viewer->rtp.receive() == sent[i]);
  // 195 packets at the pace of an unmeasured or a fast feed take some turns; live packets must queue behind them.
  sent.push_back(rig.video(false));
  rig.send(0, sent.back());
  for (std::size_t i = 5; i < sent.size(); ++i) CHECK(viewer->rtp.receive() == sent[i]);
}

TEST("a paused viewer gets nothing and goes on from a new start point after seekToStart") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  viewer->rtp.receive();
  const auto seek = [&] {
    return World::call<std::vector<TrackStart>>([&](auto done) { world.engine().seekToStart(viewer->id, 0, std::move(done)); });
  };
  CHECK(seek().status.code == Code::wrongState);
  CHECK(World::callDone([&](Done done) { world.engine().pause(viewer->id, std::move(done)); }).ok());
  rig.send(0, rig.video(false));
  const Bytes key = rig.video(true);
  rig.send(0, key);
  CHECK(viewer->rtp.silent());
  const auto starts = seek();
  CHECK_EQ(starts.value.size(), 1U);
  CHECK_EQ(starts.value[0].seq, 102);
  rig.play(viewer->id);
  CHECK(viewer->rtp.receive() == key);
}

TEST("a viewer that is paused and played without a seek goes on where it stood") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  viewer->rtp.receive();
  CHECK(World::callDone([&](Done done) { world.engine().pause(viewer->id, std::move(done)); }).ok());
  const Bytes missed = rig.video(false);
  rig.send(0, missed);
  rig.play(viewer->id);
  CHECK(viewer->rtp.receive() == missed);
}

TEST("addViewer waits for every track of the viewer, and after the wait tells those that came") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addTcp(50);
  CHECK_EQ(viewer->starts.size(), 1U);
  CHECK_EQ(viewer->starts[0].track, 0U);

  auto promise = std::make_shared<std::promise<ViewerAdded>>();
  auto added = promise->get_future();
  ViewerOptions options;
  const PairOpened video = rig.openPair();
  const PairOpened audio = rig.openPair();
  const UdpPeer peer;
  options.tracks = {{0, UdpTarget{video.id, peer.local(), peer.local()}}, {1, UdpTarget{audio.id, peer.local(), peer.local()}}};
  options.startWaitMs = kWaitMs;
  options.slot = world.newSlot();
  world.engine().addViewer(rig.feed, options, [promise](Result<ViewerAdded> result) { promise->set_value(result.value); });
  rig.send(0, rig.video(false));
  rig.send(1, rtp(7, 4800, Bytes(100)));
  const ViewerAdded found = added.get();
  CHECK_EQ(found.starts.size(), 2U);
  CHECK_EQ(found.starts[1].track, 1U);
  CHECK_EQ(found.starts[1].seq, 7);
}

TEST("a viewer that comes before any packet begins with the first one, where that is a start point") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  CHECK(viewer->starts.empty());
  rig.play(viewer->id);
  const Bytes first = rig.video(true);
  rig.send(0, first);
  CHECK(viewer->rtp.receive() == first);
}

TEST("media follows a viewer's punch to the port it came from, RTP and RTCP apart (latching)") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  viewer->rtp.receive();
  UdpPeer behindNat;
  behindNat.send(kPunch, viewer->pair.rtp);
  world.awaitCounter(viewer->slot, ViewerCounter::lastRxMonoNs, 1);
  sendUntilHeard(rig, behindNat);
  CHECK(viewer->rtp.silent());
  rig.sendRtcp(0, senderReport(0x1234));
  viewer->rtcp.receive();
  // A punch from the declared port, once heard, wins for good.
  viewer->rtp.send(kPunch, viewer->pair.rtp);
  sendUntilHeard(rig, viewer->rtp);
  behindNat.send(kPunch, viewer->pair.rtp);
  behindNat.send(kPunch, viewer->pair.rtp);
  for (int i = 0; i < 3; ++i) {
    const Bytes packet = rig.video(false);
    rig.send(0, packet);
    Bytes got = viewer->rtp.receive();
    while (got != packet) got = viewer->rtp.receive();
  }
}

TEST("a punch that comes before the viewer is added is remembered") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const PairOpened shared = rig.openPair();
  const auto other = rig.addUdp(0, "127.0.0.1", &shared);
  UdpPeer natted("127.0.0.9");
  natted.send(kPunch, shared.rtp);
  // What the other viewer says is read after it: when it has been heard, so was the punch.
  other->rtp.send(kPunch, shared.rtp);
  world.awaitCounter(other->slot, ViewerCounter::lastRxMonoNs, 1);
  const auto viewer = rig.addUdp(0, "127.0.0.9", &shared);
  CHECK(world.counter(viewer->slot, ViewerCounter::lastRxMonoNs) > 0);
  rig.play(viewer->id);
  natted.receive();
  CHECK(viewer->rtp.silent());
}

TEST("a viewer's receiver reports are counted and its reported loss is kept (RFC 3550 s.6.4.1)") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  viewer->rtcp.send(receiverReport(17), viewer->pair.rtcp);
  world.awaitCounter(viewer->slot, ViewerCounter::rxRtcpPackets, 1);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::reportedLostPackets), 17U);
  viewer->rtcp.send({0xce, 0xfa, 0xed, 0xfe}, viewer->pair.rtcp);
  viewer->rtcp.send(receiverReport(-5), viewer->pair.rtcp);
  world.awaitCounter(viewer->slot, ViewerCounter::rxRtcpPackets, 2);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::reportedLostPackets), 0U);
  CHECK(world.counter(viewer->slot, ViewerCounter::lastRxMonoNs) > 0);
}

TEST("a viewer's port that refuses media again and again is told, and others on the pair get every packet") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const PairOpened shared = rig.openPair();
  const auto gone = rig.addUdp(0, "127.0.0.2", &shared);
  const auto here = rig.addUdp(0, "127.0.0.3", &shared);
  gone->rtp.close();
  rig.play(gone->id);
  rig.play(here->id);
  here->rtp.receive();
  while (world.refusedWaiting() == 0) {
    const Bytes packet = rig.video(false);
    rig.send(0, packet);
    CHECK(here->rtp.receive() == packet);
  }
  CHECK(world.nextRefused() >= 3);
  CHECK_EQ(world.counter(here->slot, ViewerCounter::refusals), 0U);
  CHECK_EQ(world.counter(here->slot, ViewerCounter::droppedPackets), 0U);
}

TEST("a picture whose packets are all refused ends no viewer: it may be opening its port just then (RFC 8085 s.5.2)") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  const std::uint16_t port = viewer->rtp.local().port;
  viewer->rtp.close();
  rig.play(viewer->id);
  // Each one longer than the last: none is a segment of a run, for which one refusal would come.
  std::vector<Bytes> picture;
  for (std::size_t i = 0; i < 5; ++i) picture.push_back(rig.video(i == 0, 1000 + i, i > 0));
  rig.burst(0, picture);
  const auto of = [&](ViewerCounter name) { return world.counter(viewer->slot, name); };
  CHECK_EQ(of(ViewerCounter::txPackets) + of(ViewerCounter::droppedPackets), picture.size());
  // What comes back for the last of them comes after it.
  World::awaitTrue([&] { return of(ViewerCounter::refusals) == of(ViewerCounter::txPackets); }, "refusals");
  const std::uint64_t refusals = of(ViewerCounter::refusals);
  CHECK(refusals >= 3);
  viewer->rtp = UdpPeer("127.0.0.1", port);
  const Bytes packet = rig.video(false);
  rig.send(0, packet);
  CHECK(viewer->rtp.receive() == packet);
  // Told of is only what comes after this.
  viewer->rtp.close();
  CHECK(sendUntilRefused(rig) > refusals);
}

TEST("a viewer that opens no port for reports goes on watching: refused RTCP is counted, and no more") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  viewer->rtcp.close();
  rig.play(viewer->id);
  viewer->rtp.receive();
  const std::int64_t begunNs = monoNs();
  do {
    rig.sendRtcp(0, senderReport(0x1234));
    const Bytes packet = rig.video(false);
    rig.send(0, packet);
    CHECK(viewer->rtp.receive() == packet);
  } while (monoNs() - begunNs < kNsPerSecond || world.counter(viewer->slot, ViewerCounter::refusals) < 3);
  const std::uint64_t refusals = world.counter(viewer->slot, ViewerCounter::refusals);
  viewer->rtp.close();
  CHECK(sendUntilRefused(rig) > refusals);
}

TEST("closing a viewer with bye sends RTCP BYE for the media's SSRC (RFC 3550 s.6.6)") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  viewer->rtp.receive();
  CHECK(World::callDone([&](Done done) { world.engine().closeViewer(viewer->id, true, std::move(done)); }).ok());
  const Bytes bye = viewer->rtcp.receive();
  RtcpSummary summary;
  CHECK(parseRtcp(bye, summary));
  CHECK(summary.bye);
  CHECK_EQ(summary.senderSsrc, 0x1234U);
  rig.send(0, rig.video(true));
  CHECK(viewer->rtp.silent());
}

TEST("the origin's BYE is told and not passed on") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  rig.sendRtcp(0, buildBye(0x1234));
  CHECK_EQ(world.nextBye(), 0U);
  CHECK(viewer->rtcp.silent());
}

TEST("packets that are no RTP or not from the origin are counted and go nowhere") {
  World world;
  FeedRig rig(world);
  UdpPeer stranger;
  stranger.send(rig.video(true), rig.upstream[0].rtp);
  world.awaitCounter(rig.slot, FeedCounter::rejectedPackets, 1);
  rig.originRtp[0]->send({1, 2, 3}, rig.upstream[0].rtp);
  world.awaitCounter(rig.slot, FeedCounter::rejectedPackets, 2);
  rig.originRtcp[0]->send({1, 2, 3}, rig.upstream[0].rtcp);
  world.awaitCounter(rig.slot, FeedCounter::rejectedPackets, 3);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::rxPackets), 0U);
}

TEST("losses, late packets and duplicates of the origin are counted, and only what is in order is passed on") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  const Bytes one = rig.video(true);
  const Bytes two = rig.video(false);
  const Bytes three = rig.video(false);
  rig.send(0, one);
  rig.send(0, three);
  world.awaitCounter(rig.slot, FeedCounter::lostPackets, 1U);
  rig.send(0, two);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 1U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::latePackets), 1U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::reorderedPackets), 0U);
  rig.send(0, two);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::duplicatePackets), 1U);
  for (const Bytes* packet : {&one, &three}) CHECK(viewer->rtp.receive() == *packet);
  CHECK(viewer->rtp.silent());
}

TEST("receive() punches to the origin's ports, and reports go there about every 5 s (RFC 3550 s.6.2)") {
  World world;
  FeedRig rig(world);
  const Bytes punch = rig.originRtp[0]->receive();
  CHECK_EQ(punch.size(), 12U);
  RtcpSummary summary;
  CHECK(parseRtcp(rig.originRtcp[0]->receive(), summary));
  rig.send(0, rig.video(true));
  CHECK(parseRtcp(rig.originRtcp[0]->receive(), summary));
  CHECK(summary.lossReported);
  world.awaitCounter(rig.slot, FeedCounter::txRtcpPackets, 1);
}

TEST("a track given again is received from its new source only") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  UdpPeer rtpAgain;
  const UdpPeer rtcpAgain;
  const std::vector<UpstreamTrack> moved{{0, UdpSource{rig.upstream[0].id, rtpAgain.local(), rtcpAgain.local()}}};
  CHECK(World::callDone([&](Done done) { world.engine().receive(rig.feed, moved, false, std::move(done)); }).ok());
  rig.originRtp[0]->send(rig.video(true), rig.upstream[0].rtp);
  world.awaitCounter(rig.slot, FeedCounter::rejectedPackets, 1);
  rtpAgain.send(rig.video(true), rig.upstream[0].rtp);
  world.awaitCounter(rig.slot, FeedCounter::rxPackets, 2);
}

TEST("closing a pair ends the sending by it and leaves the feed and the viewer alive") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  viewer->rtp.receive();
  CHECK(World::callDone([&](Done done) { world.engine().closePair(viewer->pair.id, std::move(done)); }).ok());
  rig.send(0, rig.video(false));
  CHECK(World::callDone([&](Done done) { world.engine().closePair(rig.upstream[0].id, std::move(done)); }).ok());
  CHECK(World::callDone([&](Done done) { world.engine().play(viewer->id, std::move(done)); }).ok());
  CHECK(World::callDone([&](Done done) { world.engine().closeViewer(viewer->id, true, std::move(done)); }).ok());
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txPackets), 1U);
}

#include "reorder-window.h"

#include "feed-rig.h"
#include "rtcp.h"

using namespace test;

namespace {

/** What a window has passed on. */
class Passed : public OrderedPackets {
 public:
  void onOrdered(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, std::uint32_t lostBefore) override {
    seqs.push_back(packet.seq);
    arrivals.push_back(arrivalNs);
    lost += lostBefore;
    last = bytes.data();
  }

  std::vector<std::uint16_t> seqs;
  std::vector<std::int64_t> arrivals;
  std::uint32_t lost = 0;
  const std::uint8_t* last = nullptr;
};

struct Window {
  bool take(std::uint16_t seq, std::int64_t nowMs = 0) {
    const Bytes bytes = rtp(seq, 0, Bytes(20));
    return window.take(*parseRtp(bytes), bytes, nowMs * kNsPerMs, passed);
  }

  ReorderWindow window;
  Passed passed;
};

using Seqs = std::vector<std::uint16_t>;

Bytes renamed(Bytes packet, std::uint32_t ssrc) {
  writeU32(&packet[8], ssrc);
  return packet;
}

}  // namespace

TEST("packets in order go on at once and are not copied, over the wrap of seq") {
  Window w;
  for (std::uint32_t i = 0; i < 70'000; ++i) {
    const Bytes bytes = rtp(static_cast<std::uint16_t>(65'000 + i), 0, {});
    CHECK(w.window.take(*parseRtp(bytes), bytes, i, w.passed));
    CHECK(w.passed.last == bytes.data());
    CHECK_EQ(w.passed.seqs.back(), static_cast<std::uint16_t>(65'000 + i));
    CHECK(!w.window.dueNs());
  }
  CHECK_EQ(w.passed.lost, 0U);
}

TEST("packets that were overtaken go on in their order as soon as the gap has filled, over the wrap of seq") {
  Window w;
  for (const std::uint16_t seq : {65'533, 65'535, 1, 0, 2}) CHECK(w.take(seq));
  CHECK(w.passed.seqs == Seqs{65'533});
  CHECK(w.take(65'534, 29));
  CHECK((w.passed.seqs == Seqs{65'533, 65'534, 65'535, 0, 1, 2}));
  CHECK_EQ(w.passed.lost, 0U);
  CHECK(!w.window.dueNs());
}

TEST("a packet that comes ten places late is put right") {
  Window w;
  w.take(100);
  for (std::uint16_t seq = 102; seq <= 111; ++seq) w.take(seq);
  CHECK_EQ(w.passed.seqs.size(), 1U);
  CHECK(w.take(101));
  CHECK_EQ(w.passed.seqs.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) CHECK_EQ(w.passed.seqs[i], 100 + i);
}

TEST("a gap is given up when sixteen packets behind it are held and one more comes; what comes after that is late") {
  Window w;
  w.take(1);
  for (std::uint16_t seq = 4; seq < 20; ++seq) CHECK(w.take(seq));
  CHECK_EQ(w.passed.seqs.size(), 1U);
  CHECK(w.take(20));
  CHECK_EQ(w.passed.seqs.size(), 18U);
  CHECK_EQ(w.passed.lost, 2U);
  CHECK(!w.take(2));
  CHECK(!w.take(3));
  CHECK(w.take(21));
  CHECK_EQ(w.passed.seqs.back(), 21);
}

TEST("what comes into a gap last, in front of sixteen that are held, gives up only what is before it") {
  Window w;
  w.take(1);
  for (std::uint16_t seq = 5; seq < 21; ++seq) w.take(seq);
  CHECK(w.take(3));
  CHECK((w.passed.seqs == Seqs{1, 3}));
  CHECK_EQ(w.passed.lost, 1U);
  CHECK(w.take(4));
  CHECK_EQ(w.passed.seqs.size(), 19U);
  CHECK_EQ(w.passed.lost, 1U);
}

TEST("every gap has 30 ms from the packet that showed it, and nobody waits longer") {
  Window w;
  w.take(1, 0);
  w.take(3, 10);
  w.take(5, 20);
  w.take(6, 21);
  CHECK_EQ(*w.window.dueNs(), 40 * kNsPerMs);
  w.window.giveUpDue(40 * kNsPerMs - 1, w.passed);
  CHECK(w.passed.seqs == Seqs{1});
  w.window.giveUpDue(40 * kNsPerMs, w.passed);
  CHECK((w.passed.seqs == Seqs{1, 3}));
  CHECK_EQ(*w.window.dueNs(), 50 * kNsPerMs);
  w.window.giveUpDue(50 * kNsPerMs, w.passed);
  CHECK((w.passed.seqs == Seqs{1, 3, 5, 6}));
  CHECK_EQ(w.passed.lost, 2U);
  // It is placed by when it came, not by when it went on.
  CHECK_EQ(w.passed.arrivals[1], 10 * kNsPerMs);
  // The second came before the first: it must not wait for 30 ms more.
  w.take(10, 100);
  w.take(8, 120);
  w.window.giveUpDue(130 * kNsPerMs, w.passed);
  CHECK((w.passed.seqs == Seqs{1, 3, 5, 6, 8, 10}));
  CHECK(!w.window.dueNs());
}

TEST("gaps as long as a source may jump (RFC 3550 A.1) are counted whole, several of them in one window too") {
  Window w;
  w.take(0);
  std::uint16_t seq = 0;
  for (int i = 0; i < 16; ++i) CHECK(w.take(seq = static_cast<std::uint16_t>(seq + 2999)));
  CHECK_EQ(w.passed.seqs.size(), 1U);
  w.window.giveUpAll(w.passed);
  CHECK_EQ(w.passed.seqs.size(), 17U);
  CHECK_EQ(w.passed.lost, 16U * 2998U);
}

TEST("another source finds nothing of the one before it, and its first packet goes on at once") {
  Window w;
  w.take(1);
  w.take(3);
  w.window.restart(w.passed);
  CHECK((w.passed.seqs == Seqs{1, 3}));
  CHECK(w.take(40'000));
  CHECK(!w.take(39'999));
  CHECK_EQ(w.passed.seqs.back(), 40'000);
  CHECK_EQ(w.passed.lost, 1U);
}

TEST("viewers by UDP and TCP get what came in disorder in its order, around a start point and a frame's end") {
  World world;
  FeedRig rig(world);
  const auto udp = rig.addUdp();
  const auto tcp = rig.addTcp();
  rig.play(udp->id);
  rig.play(tcp->id);
  rig.renumber(65'533, 0);
  std::vector<Bytes> sent{rig.video(true), rig.video(false), rig.video(false, 300, true)};
  Bytes sps = rig.video(false, 20);
  sps[12] = 0x67;
  sent.push_back(sps);
  sent.push_back(rig.video(true, 1000, true));
  sent.push_back(rig.video(false));
  // The frame's end after the next one's parameter sets; the picture in front of them.
  rig.burst(0, {sent[0], sent[1], sent[4], sent[3], sent[2], sent[5]});
  for (const Bytes& packet : sent) CHECK(udp->rtp.receive() == packet);
  for (const Bytes& packet : sent) CHECK(tcp->peer.receive(packet.size() + 4) == frame(0, packet));
  CHECK_EQ(world.counter(rig.slot, FeedCounter::reorderedPackets), 2U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 0U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::latePackets), 0U);
  const auto joined = rig.addUdp();
  rig.play(joined->id);
  CHECK_EQ(joined->starts.at(0).seq, parseRtp(sps)->seq);
  for (std::size_t i = 3; i < sent.size(); ++i) CHECK(joined->rtp.receive() == sent[i]);
}

TEST("behind a lost packet the next one waits for time only, not for more packets; other tracks wait for nothing") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp();
  rig.play(viewer->id);
  const Bytes first = rig.video(true);
  rig.send(0, first);
  rig.video(false);
  const Bytes second = rig.video(false);
  rig.send(0, second);
  const Bytes sound = rtp(9, 9, Bytes(40));
  rig.send(1, sound);
  CHECK(viewer->peer.receive(first.size() + 4) == frame(0, first));
  const Bytes both = viewer->peer.receive(second.size() + sound.size() + 8);
  const Bytes held = frame(0, second);
  const Bytes passing = frame(2, sound);
  CHECK(std::search(both.begin(), both.end(), held.begin(), held.end()) != both.end());
  CHECK(std::search(both.begin(), both.end(), passing.begin(), passing.end()) != both.end());
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 1U);
}

TEST("a burst of losses costs what was lost and nothing more, with duplicates of what is held") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  std::vector<Bytes> sent;
  for (int i = 0; i < 50; ++i) sent.push_back(rig.video(i == 0));
  std::vector<Bytes> arriving{sent[0], sent[21], sent[21], sent[23], sent[22], sent[23]};
  for (std::size_t i = 24; i < sent.size(); ++i) arriving.push_back(sent[i]);
  rig.burst(0, arriving);
  CHECK(viewer->rtp.receive() == sent[0]);
  for (std::size_t i = 21; i < sent.size(); ++i) CHECK(viewer->rtp.receive() == sent[i]);
  CHECK(viewer->rtp.silent());
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 20U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::duplicatePackets), 2U);
  CHECK_EQ(world.counter(rig.slot, FeedCounter::reorderedPackets), 1U);
}

TEST("what is held behind a gap goes on before a resumed session, another SSRC or new numbers (RFC 3550 A.1, s.8)") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  const auto seqOf = [&viewer] { return parseRtp(viewer->rtp.receive())->seq; };
  rig.renumber(10, 0);
  const Bytes first = rig.video(true);
  rig.renumber(12, 3600);
  // One after a gap of one, then another source whose clock runs on.
  Bytes other = rtp(7000, 7200, h264(true, 100));
  rig.burst(0, {first, rig.video(false), renamed(other, 8)});
  for (const int seq : {10, 12, 13}) CHECK_EQ(seqOf(), seq);
  // The same, with numbers that begin anew.
  rig.burst(0, {renamed(rtp(7002, 10'800, h264(false, 100)), 8), renamed(rtp(20'000, 14'400, h264(true, 100)), 8),
                renamed(rtp(20'001, 14'400, h264(true, 100)), 8)});
  for (const int seq : {15, 16}) CHECK_EQ(seqOf(), seq);
  // And a session that is resumed with a gap open.
  rig.burst(0, {renamed(rtp(20'003, 18'000, h264(false, 100)), 8)});
  rig.resume();
  rig.burst(0, {renamed(rtp(5, 0, h264(true, 100)), 9), renamed(rtp(6, 0, h264(false, 100)), 9)});
  for (const int seq : {18, 19, 20}) CHECK_EQ(seqOf(), seq);
  CHECK(viewer->rtp.silent());
  CHECK_EQ(world.counter(rig.slot, FeedCounter::lostPackets), 3U);
}

TEST("a feed or its source that goes away with a gap open leaves nothing behind") {
  World world;
  {
    FeedRig rig(world);
    rig.burst(0, {rtp(1, 0, h264(true, 100)), rtp(3, 0, h264(false, 100))});
    CHECK(World::callDone([&](Done done) { world.engine().closePair(rig.upstream[0].id, std::move(done)); }).ok());
    world.awaitCounter(rig.slot, FeedCounter::lostPackets, 1);
  }
  FeedRig rig(world);
  rig.burst(0, {rtp(1, 0, h264(true, 100)), rtp(3, 0, h264(false, 100))});
  CHECK(World::callDone([&](Done done) { world.engine().closeFeed(rig.feed, std::move(done)); }).ok());
}

TEST("a late packet is received all the same for the reports to the origin (RFC 3550 A.3)") {
  World world;
  FeedRig rig(world);
  rig.burst(0, {rtp(1, 0, h264(true, 100)), rtp(3, 0, h264(false, 100))});
  world.awaitCounter(rig.slot, FeedCounter::lostPackets, 1);
  rig.send(0, rtp(2, 0, h264(false, 100)));
  CHECK_EQ(world.counter(rig.slot, FeedCounter::latePackets), 1U);
  Bytes report;
  do {
    report = rig.originRtcp[0]->receive();
  } while ((report[0] & 0x1f) == 0);
  CHECK_EQ(readU32(&report[12]) & 0xff'ffff, 0U);
}

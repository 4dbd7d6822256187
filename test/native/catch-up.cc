#include "catch-up-pace.h"
#include "clock.h"
#include "feed-rig.h"
#include "rtp.h"

using namespace test;

namespace {

constexpr std::uint64_t kRate = 1'000'000;

/** How many packets of that size one turn lets out. */
int batch(CatchUpPace& pace, std::size_t bytes, bool inStartFrame) {
  int packets = 0;
  while (pace.take(bytes, inStartFrame)) ++packets;
  return packets;
}

/** Bytes let out in a second of turns as far apart as the pace wants them. */
std::uint64_t inASecond(std::uint64_t rate, std::size_t bytes, bool inStartFrame) {
  CatchUpPace pace;
  pace.begin(0);
  pace.turn(0, rate);
  std::uint64_t sent = 0;
  for (std::int64_t now = 0; now < kNsPerSecond;) {
    now += pace.turnNs(inStartFrame);
    pace.turn(now, rate);
    sent += static_cast<std::uint64_t>(batch(pace, bytes, inStartFrame)) * bytes;
  }
  return sent;
}

std::unique_ptr<FeedRig::UdpViewer> join(FeedRig& rig, std::uint32_t startWaitMs = 0) {
  auto viewer = rig.addUdp(startWaitMs);
  rig.play(viewer->id);
  return viewer;
}

/** Sends and waits until `viewer` has it; nothing else came before. */
void checkGets(FeedRig& rig, FeedRig::UdpViewer& viewer, const Bytes& packet) {
  rig.send(0, packet);
  CHECK(viewer.rtp.receive() == packet);
}

FeedRig rigWith(World& world, std::optional<CatchUp> catchUp) {
  return FeedRig(world, 4 * 1024 * 1024, "127.0.0.1", 60'000, catchUp);
}

}  // namespace

TEST("the pace is 10 times the feed's rate within the start frame and 2.5 times behind it") {
  for (const std::uint64_t rate : {kRate / 100, kRate, 5 * kRate}) {
    for (const bool inStartFrame : {true, false}) {
      const std::uint64_t wanted = inStartFrame ? rate * 10 : rate * 25 / 10;
      const std::uint64_t sent = inASecond(rate, 1316, inStartFrame);
      CHECK(sent <= wanted + wanted / 100 + 2 * 1316);
      CHECK(sent >= wanted - wanted / 100 - 2 * 1316);
    }
  }
}

TEST("a turn sends a small batch, however high the rate, and never more than a default receive buffer takes") {
  CatchUpPace pace;
  pace.begin(0);
  pace.turn(0, 2 * kRate);
  CHECK_EQ(batch(pace, 1316, true), 0);
  const std::int64_t next = pace.turnNs(true);
  pace.turn(next, 2 * kRate);
  CHECK(batch(pace, 1316, true) <= 20);
  pace.turn(next + kNsPerSecond, 1000 * kRate);
  CHECK_EQ(batch(pace, 1316, true), 64);
  pace.turn(next + 2 * kNsPerSecond, 1000 * kRate);
  CHECK_EQ(batch(pace, 9000, true), 10);
}

TEST("a thread that was held up makes good for 20 ms at most, and what a full batch left is not saved up") {
  CatchUpPace pace;
  pace.begin(0);
  pace.turn(10 * kNsPerSecond, kRate);
  CHECK_EQ(batch(pace, 1000, false), 50);
  pace.turn(20 * kNsPerSecond, 1000 * kRate);
  CHECK_EQ(batch(pace, 1000, false), 64);
  pace.turn(20 * kNsPerSecond, 1000 * kRate);
  CHECK_EQ(batch(pace, 1000, false), 0);
}

TEST("a feed of a few packets a second is caught up with as well, one whole packet at a time") {
  CatchUpPace pace;
  pace.begin(0);
  int turns = 0;
  for (std::int64_t now = 0; turns < 1000 && !pace.take(1316, false); ++turns) pace.turn(now += 5 * kNsPerMs, 1316);
  // At 3290 bytes a second a packet is due every 400 ms.
  CHECK_EQ(turns, 80);
}

TEST("a start frame of 150 packets reaches the viewer whole and in order, what follows behind it") {
  World world;
  FeedRig rig(world);
  std::vector<Bytes> sent;
  for (int i = 0; i < 150; ++i) sent.push_back(rig.video(true, 1200, i > 0));
  for (int i = 0; i < 30; ++i) sent.push_back(rig.video(false, 1200));
  for (const Bytes& packet : sent) rig.send(0, packet);
  const auto viewer = join(rig);
  CHECK_EQ(viewer->starts[0].seq, 100);
  for (const Bytes& packet : sent) CHECK(viewer->rtp.receive() == packet);
  checkGets(rig, *viewer, rig.video(false));
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::droppedPackets), 0U);
}

TEST("a viewer of a feed that was opened within a group of pictures begins at the first start point, all tracks") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(false));
  rig.send(1, rtp(1, 960, Bytes(100)));
  const auto udp = join(rig);
  const auto tcp = rig.addTcp();
  rig.play(tcp->id);
  CHECK(udp->starts.empty());
  CHECK(tcp->starts.empty());
  rig.send(0, rig.video(false));
  rig.send(1, rtp(2, 1920, Bytes(100)));
  CHECK(udp->rtp.silent());
  Bytes sps = rig.video(false, 20);
  sps[12] = 0x67;
  rig.send(0, sps);
  const Bytes sound = rtp(3, 2880, Bytes(100));
  rig.send(1, sound);
  const Bytes key = rig.video(true, 1000, true);
  CHECK(udp->rtp.silent());
  rig.send(0, key);
  for (const auto& [channel, packet] : {std::pair{0, sps}, {2, sound}, {0, key}}) {
    CHECK(tcp->peer.receive(packet.size() + 4) == frame(static_cast<std::uint8_t>(channel), packet));
  }
  CHECK(udp->rtp.receive() == sps);
  CHECK(udp->rtp.receive() == key);
  checkGets(rig, *udp, rig.video(false));
}

TEST("the answer names the first packet of a start point that comes in time (RFC 2326 s.12.33)") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(false));
  auto promise = std::make_shared<std::promise<ViewerAdded>>();
  auto added = promise->get_future();
  ViewerOptions options;
  const PairOpened pair = rig.openPair();
  UdpPeer peer;
  options.tracks = {{0, UdpTarget{pair.id, peer.local(), peer.local()}}};
  options.startWaitMs = kWaitMs;
  options.slot = world.newSlot();
  world.engine().addViewer(rig.feed, options, [promise](Result<ViewerAdded> result) { promise->set_value(result.value); });
  rig.send(0, rig.video(false));
  CHECK(added.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  rig.send(0, rig.video(true));
  const ViewerAdded found = added.get();
  CHECK_EQ(found.starts.size(), 1U);
  CHECK_EQ(found.starts[0].seq, 102);
}

TEST("a feed that shows no start point is played all the same after some seconds, to those who come later at once") {
  World world;
  FeedRig rig(world);
  const std::int64_t begun = monoNs();
  rig.send(0, rig.video(false));
  const auto viewer = join(rig);
  while (viewer->rtp.silent()) {
    CHECK(monoNs() - begun < kWaitMs * kNsPerMs);
    rig.send(0, rig.video(false));
  }
  CHECK(monoNs() - begun >= 5 * kNsPerSecond);
  const Bytes newest = rig.video(false);
  rig.send(0, newest);
  const auto later = join(rig);
  CHECK_EQ(later->starts.size(), 1U);
  CHECK(later->rtp.receive() == newest);
}

TEST("without catching up a viewer is live from the next start point, and is told it when it waits for that") {
  World world;
  FeedRig rig = rigWith(world, std::nullopt);
  rig.send(0, rig.video(true));
  const auto viewer = join(rig);
  CHECK(viewer->starts.empty());
  rig.send(0, rig.video(false));
  CHECK(viewer->rtp.silent());
  checkGets(rig, *viewer, rig.video(true));
  checkGets(rig, *viewer, rig.video(false));
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txPackets), 2U);
}

TEST("a start point with more bytes behind it than allowed is not begun at, the next one is") {
  World world;
  FeedRig rig = rigWith(world, CatchUp{60'000, 5000});
  const Bytes key = rig.video(true);
  rig.send(0, key);
  for (int i = 0; i < 3; ++i) rig.send(0, rig.video(false));
  const auto near = join(rig);
  CHECK(near->rtp.receive() == key);
  rig.send(0, rig.video(false));
  const auto far = join(rig);
  CHECK(far->starts.empty());
  CHECK(far->rtp.silent());
  checkGets(rig, *far, rig.video(true, 6000));
}

TEST("a start point that is older than allowed is not begun at, the next one is") {
  World world;
  FeedRig rig = rigWith(world, CatchUp{1, kMaxRingBytes});
  const std::int64_t begun = monoNs();
  rig.send(0, rig.video(true));
  while (monoNs() - begun < 50 * kNsPerMs) rig.send(0, rig.video(false));
  const auto viewer = join(rig);
  CHECK(viewer->starts.empty());
  CHECK(viewer->rtp.silent());
  checkGets(rig, *viewer, rig.video(true));
}

TEST("a viewer without the video begins at the newest packet, whatever the start points are") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(false));
  rig.send(1, rtp(1, 960, Bytes(100)));
  const Bytes newest = rtp(2, 1920, Bytes(100));
  rig.send(1, newest);
  rig.send(0, rig.video(false));
  UdpPeer peer;
  const PairOpened pair = rig.openPair();
  ViewerOptions options;
  options.tracks = {{1, UdpTarget{pair.id, peer.local(), peer.local()}}};
  options.slot = world.newSlot();
  const auto added = World::call<ViewerAdded>([&](auto done) { world.engine().addViewer(rig.feed, options, std::move(done)); });
  CHECK_EQ(added.value.starts.size(), 1U);
  CHECK_EQ(added.value.starts[0].seq, 2);
  rig.play(added.value.id);
  CHECK(peer.receive() == newest);
}

TEST("a viewer that waits for a start point can pause, play, seek and leave meanwhile") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(false));
  const auto paused = join(rig);
  const auto playing = join(rig);
  const auto leaving = join(rig);
  const auto pause = [&](ViewerId id) { return World::callDone([&](Done done) { world.engine().pause(id, std::move(done)); }); };
  const auto seek = [&](ViewerId id) {
    return World::call<std::vector<TrackStart>>([&](auto done) { world.engine().seekToStart(id, 0, std::move(done)); });
  };
  CHECK(seek(playing->id).status.code == Code::wrongState);
  for (const ViewerId id : {paused->id, playing->id}) {
    CHECK(pause(id).ok());
    CHECK(seek(id).value.empty());
  }
  rig.play(playing->id);
  CHECK(World::callDone([&](Done done) { world.engine().closeViewer(leaving->id, true, std::move(done)); }).ok());
  const Bytes key = rig.video(true);
  checkGets(rig, *playing, key);
  CHECK(paused->rtp.silent());
  CHECK(leaving->rtp.silent());
  // Its place was found while it paused.
  rig.send(0, rig.video(false));
  rig.play(paused->id);
  CHECK(paused->rtp.receive() == key);
}

/** Pairs and connections that go from one engine to another, each with a thread of its own. */
#include <thread>

#include "feed-rig.h"

using namespace test;

namespace {

using PairMove = std::unique_ptr<PairParcel>;
using ConnectionMove = std::unique_ptr<ConnectionParcel>;

const std::string kOptions = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

Result<PairMove> release(World& world, PairId id) {
  return World::call<PairMove>([&](auto done) { world.engine().releasePair(id, std::move(done)); });
}

Result<ConnectionMove> release(World& world, ConnectionId id) {
  return World::call<ConnectionMove>([&](auto done) { world.engine().releaseConnection(id, std::move(done)); });
}

PairId take(World& world, PairMove parcel) {
  const auto taken = World::call<PairId>([&](auto done) { world.engine().takePair(std::move(parcel), std::move(done)); });
  CHECK(taken.ok());
  return taken.value;
}

ConnectionId take(World& world, ConnectionMove parcel, std::uint32_t slot) {
  const auto taken = World::call<ConnectionId>(
      [&](auto done) { world.engine().takeConnection(std::move(parcel), slot, std::move(done)); });
  CHECK(taken.ok());
  return taken.value;
}

template <class Id>
Id move(World& from, World& to, Id id, auto... slot) {
  auto released = release(from, id);
  CHECK(released.ok());
  return take(to, std::move(released.value), slot...);
}

struct Adopted {
  ConnectionId id{};
  std::uint32_t slot = 0;
  TcpPeer peer;
};

Adopted adopt(World& world, const std::string& unread = "", int receiveBytes = 0) {
  auto [peer, fd] = TcpPeer::pair(receiveBytes);
  AdoptOptions options;
  options.fd = fd;
  options.unread = bytesOf(unread);
  options.limits = {1024, 4096};
  options.slot = world.newSlot();
  const auto done = World::call<ConnectionId>([&](auto d) { world.engine().adopt(options, std::move(d)); });
  CHECK(done.ok());
  return {done.value, options.slot, std::move(peer)};
}

/** A viewer of the feed's video by a pair of that engine's; returns its id. */
ViewerId addViewer(FeedRig& rig, PairId pair, const UdpPeer& rtp, const UdpPeer& rtcp, std::uint32_t slot) {
  ViewerOptions options;
  options.tracks = {{0, UdpTarget{pair, rtp.local(), rtcp.local()}}};
  options.slot = slot;
  const auto added =
      World::call<ViewerAdded>([&](auto done) { rig.world.engine().addViewer(rig.feed, options, std::move(done)); });
  CHECK_EQ(std::string(added.status.what), "");
  return added.value.id;
}

}  // namespace

TEST("a pair that serves nobody goes to another engine with its ports, and with what came for it meanwhile") {
  World first;
  World second;
  FeedRig here(first);
  FeedRig there(second);
  const PairOpened pair = here.openPair();
  UdpPeer rtp;
  UdpPeer rtcp;
  UdpPeer punching;
  // Behind an address translation: the port it sends from is not the one it told.
  punching.send(bytesOf("punch"), pair.rtp);
  const PairId moved = move(first, second, pair.id);
  CHECK(World::callDone([&](Done d) { first.engine().closePair(pair.id, std::move(d)); }).code == Code::deadHandle);
  const ViewerId viewer = addViewer(there, moved, rtp, rtcp, second.newSlot());
  there.play(viewer);
  second.awaitCounter(second.newSlot() - 1, ViewerCounter::lastRxMonoNs, 1);
  const Bytes packet = there.video(true);
  there.send(0, packet);
  CHECK(punching.receive() == packet);
  CHECK(punching.lastFrom == pair.rtp);
}

TEST("a pair takes the punches that it has read along") {
  World first;
  World second;
  FeedRig here(first);
  FeedRig there(second);
  const PairOpened pair = here.openPair();
  UdpPeer rtp;
  UdpPeer rtcp;
  const std::uint32_t slot = first.newSlot();
  const ViewerId served = addViewer(here, pair.id, rtp, rtcp, slot);
  UdpPeer stranger("127.0.0.3");
  stranger.send(bytesOf("punch"), pair.rtp);
  // Read in order: once this one is seen the one before has been read, too.
  rtp.send(bytesOf("punch"), pair.rtp);
  first.awaitCounter(slot, ViewerCounter::lastRxMonoNs, 1);
  CHECK(World::callDone([&](Done d) { first.engine().closeViewer(served, false, std::move(d)); }).ok());
  const PairId moved = move(first, second, pair.id);
  UdpPeer told("127.0.0.3");
  UdpPeer toldRtcp("127.0.0.3");
  const ViewerId viewer = addViewer(there, moved, told, toldRtcp, second.newSlot());
  there.play(viewer);
  const Bytes packet = there.video(true);
  there.send(0, packet);
  CHECK(stranger.receive() == packet);
}

TEST("an origin's pair goes to another engine, and not a packet is lost") {
  World first;
  World second;
  FeedRig here(first);
  FeedRig there(second);
  const PairOpened pair = here.openPair();
  UdpPeer origin;
  UdpPeer originRtcp;
  for (int i = 0; i < 5; ++i) origin.send(there.video(i == 0), pair.rtp);
  const PairId moved = move(first, second, pair.id);
  for (int i = 0; i < 5; ++i) origin.send(there.video(false), pair.rtp);
  const std::vector<UpstreamTrack> tracks{{0, UdpSource{moved, origin.local(), originRtcp.local()}}};
  CHECK(World::callDone([&](Done d) { second.engine().receive(there.feed, tracks, false, std::move(d)); }).ok());
  second.awaitCounter(there.slot, FeedCounter::rxPackets, 10);
  CHECK_EQ(second.counter(there.slot, FeedCounter::lostPackets), 0U);
}

TEST("a connection goes to another engine in the middle of a message, and counts on") {
  World first;
  World second;
  Adopted c = adopt(first, kOptions + "PLAY * RT");
  CHECK_EQ(textOf(first.nextMessage()), kOptions);
  const std::uint32_t slot = second.newSlot();
  const ConnectionId moved = move(first, second, c.id, slot);
  c.peer.send(std::string("SP/1.0\r\n\r\n") + kOptions);
  CHECK_EQ(textOf(second.nextMessage()), "PLAY * RTSP/1.0\r\n\r\n");
  CHECK_EQ(textOf(second.nextMessage()), kOptions);
  CHECK_EQ(second.counter(slot, ConnectionCounter::rxBytes), 10U + kOptions.size());
  second.engine().sendText(moved, bytesOf("RTSP/1.0 200 OK\r\n\r\n"));
  CHECK_EQ(textOf(c.peer.receive(19)), "RTSP/1.0 200 OK\r\n\r\n");
  c.peer.finish();
  CHECK(second.nextEnded().end == ConnectionEnd::fin);
  CHECK_EQ(first.endsWaiting(), 0U);
  CHECK_EQ(first.messagesWaiting(), 0U);
}

TEST("a connection takes the text along that its peer has not taken") {
  World first;
  World second;
  Adopted c = adopt(first, "", 4096);
  Bytes text(250'000);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::uint8_t>('a' + i % 23);
  first.engine().sendText(c.id, text);
  const ConnectionId moved = move(first, second, c.id, second.newSlot());
  CHECK(first.counter(c.slot, ConnectionCounter::txBytes) < text.size());
  second.engine().sendText(moved, bytesOf("last"));
  const Bytes got = c.peer.receive(text.size() + 4);
  CHECK(Bytes(got.begin(), got.end() - 4) == text);
  CHECK_EQ(textOf(Bytes(got.end() - 4, got.end())), "last");
}

TEST("a connection that waits for its messages to be consumed still waits where it has gone") {
  World first;
  World second;
  first.consuming = second.consuming = false;
  Adopted c = adopt(first);
  std::string many;
  for (int i = 0; i < 40; ++i) many += kOptions;
  c.peer.send(many);
  for (int i = 0; i < 32; ++i) CHECK_EQ(textOf(first.nextMessage()), kOptions);
  const ConnectionId moved = move(first, second, c.id, second.newSlot());
  second.settle();
  CHECK_EQ(second.messagesWaiting(), 0U);
  second.engine().consumed(moved, 32, 32 * kOptions.size());
  for (int i = 0; i < 8; ++i) CHECK_EQ(textOf(second.nextMessage()), kOptions);
  CHECK_EQ(first.messagesWaiting(), 0U);
}

TEST("what serves somebody, or is over, is not given away, and goes on as it was") {
  World world;
  FeedRig rig(world);
  const auto udp = rig.addUdp();
  const auto tcp = rig.addTcp();
  CHECK(release(world, rig.upstream[0].id).status.code == Code::wrongState);
  CHECK(release(world, udp->pair.id).status.code == Code::wrongState);
  CHECK(release(world, tcp->connection).status.code == Code::wrongState);
  rig.play(udp->id);
  rig.play(tcp->id);
  const Bytes packet = rig.video(true);
  rig.send(0, packet);
  CHECK(udp->rtp.receive() == packet);
  CHECK(tcp->peer.receive(4 + packet.size()) == frame(0, packet));
  Adopted over = adopt(world);
  over.peer.finish();
  CHECK(world.nextEnded().end == ConnectionEnd::fin);
  CHECK(release(world, over.id).status.code == Code::wrongState);
  CHECK(release(world, ConnectionId{9999}).status.code == Code::deadHandle);
  CHECK(release(world, PairId{9999}).status.code == Code::deadHandle);
}

TEST("what arrives nowhere is closed: forgotten, refused, or given to an engine that ends") {
  World first;
  World second;
  Adopted forgotten = adopt(first);
  Adopted refused = adopt(first);
  release(first, forgotten.id);
  CHECK(forgotten.peer.receiveAll().empty());
  auto parcel = release(first, refused.id);
  const auto taken = World::call<ConnectionId>(
      [&](auto done) { second.engine().takeConnection(std::move(parcel.value), 1'000'000, std::move(done)); });
  CHECK(taken.status.code == Code::badArgument);
  CHECK(refused.peer.receiveAll().empty());
  Adopted late = adopt(first);
  auto last = release(first, late.id);
  second.engine().takeConnection(std::move(last.value), second.newSlot(), [](const Result<ConnectionId>&) {});
  second.stopEngine();
  CHECK(late.peer.receiveAll().empty());
}

TEST("two engines serve their feeds while connections and pairs go to and fro between them") {
  World first;
  World second;
  FeedRig rigs[] = {FeedRig(first), FeedRig(second)};
  std::vector<std::unique_ptr<FeedRig::UdpViewer>> viewers;
  for (FeedRig& rig : rigs) {
    rig.send(0, rig.video(true));
    viewers.push_back(rig.addUdp());
    rig.play(viewers.back()->id);
  }
  std::atomic<bool> stop = false;
  std::thread floods[] = {
      std::thread([&] {
        while (!stop) rigs[0].originRtp[0]->send(rigs[0].video(false), rigs[0].upstream[0].rtp);
      }),
      std::thread([&] {
        while (!stop) rigs[1].originRtp[0]->send(rigs[1].video(false), rigs[1].upstream[0].rtp);
      }),
  };
  Adopted c = adopt(first);
  const std::uint32_t slots[] = {first.newSlot(), second.newSlot()};
  const PairOpened pair = rigs[0].openPair();
  PairId pairId = pair.id;
  UdpPeer rtp;
  UdpPeer rtcp;
  for (int round = 0; round < 100; ++round) {
    World& from = round % 2 == 0 ? first : second;
    World& to = round % 2 == 0 ? second : first;
    pairId = move(from, to, pairId);
    c.peer.send(kOptions.substr(0, 10));
    c.id = move(from, to, c.id, slots[(round + 1) % 2]);
    c.peer.send(kOptions.substr(10));
    CHECK_EQ(textOf(to.nextMessage()), kOptions);
    // Used there, and given back.
    const ViewerId viewer = addViewer(rigs[(round + 1) % 2], pairId, rtp, rtcp, to.newSlot());
    CHECK(World::callDone([&](Done d) { to.engine().closeViewer(viewer, false, std::move(d)); }).ok());
  }
  stop = true;
  for (std::thread& flood : floods) flood.join();
}

#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "feed-rig.h"
#include "unacknowledged-frames.h"

using namespace test;

namespace {

struct Usage {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};

/** What the peer's kernel has taken and nobody has read: looking at it makes no room for more. */
Bytes held(const TcpPeer& peer) {
  int waiting = 0;
  CHECK(::ioctl(peer.fd(), FIONREAD, &waiting) == 0);
  Bytes bytes(static_cast<std::size_t>(waiting));
  if (bytes.empty()) return bytes;
  const ssize_t got = ::recv(peer.fd(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  CHECK(got == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

/** The RTP (even channels) of the frames that are whole in a stream; text of so many bytes stands between some. */
Usage wholeRtp(const Bytes& stream, std::size_t textBytes = 1) {
  Usage usage;
  for (std::size_t at = 0; at < stream.size();) {
    if (stream[at] != '$') {
      at += textBytes;
      continue;
    }
    if (at + 4 > stream.size()) break;
    const std::size_t length = static_cast<std::size_t>(stream[at + 2] << 8 | stream[at + 3]);
    if (at + 4 + length > stream.size()) break;
    if (stream[at + 1] % 2 == 0) {
      ++usage.packets;
      usage.bytes += length;
    }
    at += 4 + length;
  }
  return usage;
}

Usage counted(const World& world, std::uint32_t slot) {
  return {world.counter(slot, ViewerCounter::txPackets), world.counter(slot, ViewerCounter::txBytes)};
}

/** Until everything that the peer has taken after `read` is counted; tells what that is. */
Usage awaitCounted(const World& world, const TcpPeer& peer, std::uint32_t slot, const Bytes& read = {},
                   std::size_t textBytes = 1) {
  Usage taken;
  World::awaitTrue(
      [&] {
        Bytes stream = read;
        const Bytes unread = held(peer);
        stream.insert(stream.end(), unread.begin(), unread.end());
        taken = wholeRtp(stream, textBytes);
        return taken.packets > 0 && counted(world, slot) == taken;
      },
      "what was acknowledged");
  return taken;
}

void awaitBehind(const World& world, std::uint32_t slot) {
  World::awaitTrue([&] { return world.counter(slot, ViewerCounter::behindSinceMonoNs) != 0; }, "behind");
}

Status closeViewer(World& world, ViewerId id) {
  return World::callDone([&](Done done) { world.engine().closeViewer(id, false, std::move(done)); });
}

Status closeConnection(World& world, ConnectionId id) {
  return World::callDone([&](Done done) { world.engine().closeConnection(id, std::move(done)); });
}

}  // namespace

TEST("frames are acknowledged when their last byte is, wherever the offset is cut and over its wrap") {
  UnacknowledgedFrames frames;
  // Frames of 104, 104, 104 and 204 bytes; 50 bytes of text stand before the third.
  const std::uint32_t begin = 0xffff'ffc0;
  for (const std::uint32_t end : {104U, 208U, 362U}) frames.add(begin + end, 100);
  frames.add(begin + 566, 200);
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  for (std::uint32_t at = 0; at <= 566; ++at) {
    const auto taken = frames.take(begin + at);
    packets += taken.count;
    bytes += taken.bytes;
    const std::uint64_t whole = (at >= 104) + (at >= 208) + (at >= 362) + (at >= 566);
    CHECK_EQ(packets, whole);
    CHECK_EQ(bytes, at < 566 ? 100 * whole : 500);
    CHECK_EQ(frames.count(), 4 - whole);
  }
}

TEST("what a viewer that has stopped reading did not acknowledge is not counted, nor the frame that was cut") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp(0, 8192);
  rig.play(viewer->id);
  for (int i = 0; i < 500; ++i) rig.send(0, rig.video(i == 0, 1000 + static_cast<std::size_t>(i) % 17));
  awaitBehind(world, viewer->slot);
  const Usage least = awaitCounted(world, viewer->peer, viewer->slot);
  CHECK(closeViewer(world, viewer->id).ok());
  // Its kernel takes a few bytes more at each probe of the closed window.
  const Usage final = counted(world, viewer->slot);
  const Usage most = wholeRtp(held(viewer->peer));
  CHECK(final.packets >= least.packets && final.packets <= most.packets && final.bytes <= most.bytes);
  CHECK(most.packets < 500);
}

TEST("a viewer that resets its connection is counted what it had acknowledged") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp(0, 8192);
  rig.play(viewer->id);
  for (int i = 0; i < 100; ++i) rig.send(0, rig.video(i == 0));
  const Bytes read = viewer->peer.receive(40'000);
  for (int i = 0; i < 400; ++i) rig.send(0, rig.video(false));
  awaitBehind(world, viewer->slot);
  const Usage least = awaitCounted(world, viewer->peer, viewer->slot, read);
  viewer->peer.reset();
  CHECK(world.nextEnded().end == ConnectionEnd::reset);
  CHECK(closeConnection(world, viewer->connection).ok());
  CHECK(closeViewer(world, viewer->id).ok());
  // Its kernel may have taken some bytes more meanwhile, by a probe of the closed window.
  const Usage final = counted(world, viewer->slot);
  CHECK(final.packets >= least.packets && final.packets <= least.packets + 2);
}

TEST("text and reports between the frames are no media, wherever a frame is cut") {
  World world;
  FeedRig rig(world);
  rig.sendRtcp(0, senderReport(0x1234));
  const auto viewer = rig.addTcp(0, 8192);
  rig.play(viewer->id);
  const std::string answer = "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n";
  Bytes stream;
  for (int i = 0; i < 300; ++i) {
    rig.send(0, rig.video(i == 0, 700 + static_cast<std::size_t>(i) % 601));
    if (i % 7 == 3) world.engine().sendText(viewer->connection, bytesOf(answer));
    if (i % 11 == 5) rig.sendRtcp(0, senderReport(0x1234));
    if (i % 20 != 0) continue;
    const Bytes some = viewer->peer.receiveSome(20'000);
    stream.insert(stream.end(), some.begin(), some.end());
    awaitCounted(world, viewer->peer, viewer->slot, stream, answer.size());
  }
}

TEST("what a viewer that lags jumps over is not counted as acknowledged") {
  World world;
  FeedRig rig(world, kMinRingBytes);
  const auto viewer = rig.addTcp(0, 8192);
  rig.play(viewer->id);
  Bytes stream;
  for (int i = 0; i < 3000; ++i) {
    rig.send(0, rig.video(i % 50 == 0, 1300));
    if (i % 10 != 9) continue;
    const Bytes some = viewer->peer.receiveSome(4096);
    stream.insert(stream.end(), some.begin(), some.end());
  }
  CHECK(world.counter(viewer->slot, ViewerCounter::startPointSkips) > 0);
  CHECK(awaitCounted(world, viewer->peer, viewer->slot, stream).packets < 3000);
}

TEST("a viewer of small packets that acknowledges nothing is held back where they could not be told apart") {
  World world;
  FeedRig rig(world);
  const Bytes key = rig.video(true);
  rig.send(0, key);
  const auto viewer = rig.addTcp(0, 1);
  rig.play(viewer->id);
  // In few turns: the longer it takes nothing, the longer its sender waits before it tries again (RFC 6298 s.5.5).
  for (std::uint16_t turn = 0; turn < 20; ++turn) {
    std::vector<Bytes> packets;
    for (std::uint16_t seq = turn * 400; packets.size() < 400; ++seq) packets.push_back(rtp(seq, 160U * seq, Bytes(1)));
    rig.burst(1, packets);
  }
  awaitBehind(world, viewer->slot);
  // It reads again, and gets every one of them, though nothing new wakes its connection.
  const std::size_t frameBytes = 4 + 12 + 1;
  CHECK_EQ(wholeRtp(viewer->peer.receive(4 + key.size() + 8000 * frameBytes)).packets, 8001U);
  const Usage whole{8001, key.size() + std::uint64_t{8000} * 13};
  World::awaitTrue([&] { return counted(world, viewer->slot) == whole; }, "usage");
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::droppedPackets), 0U);
}

TEST("what was sent before the connection came to the engine, or by another engine's thread, is not counted") {
  World world;
  FeedRig rig(world);
  auto [peer, fd] = TcpPeer::pair(8192);
  const Bytes before(3000, 'x');
  CHECK(::send(fd, before.data(), before.size(), 0) == static_cast<ssize_t>(before.size()));
  AdoptOptions adopted;
  adopted.fd = fd;
  adopted.limits = {1024, 4096};
  adopted.slot = world.newSlot();
  const auto first = World::call<ConnectionId>([&](auto d) { world.engine().adopt(adopted, std::move(d)); });
  CHECK(first.ok());
  world.engine().sendText(first.value, Bytes(2000, 'y'));
  auto parcel = World::call<std::unique_ptr<ConnectionParcel>>(
      [&](auto d) { world.engine().releaseConnection(first.value, std::move(d)); });
  CHECK(parcel.ok());
  World other;
  FeedRig theirs(other);
  const auto moved = World::call<ConnectionId>(
      [&](auto d) { other.engine().takeConnection(std::move(parcel.value), other.newSlot(), std::move(d)); });
  CHECK(moved.ok());
  ViewerOptions options;
  options.tracks = {{0, Interleaved{moved.value, 0, 1}}};
  options.slot = other.newSlot();
  const auto added = World::call<ViewerAdded>([&](auto d) { other.engine().addViewer(theirs.feed, options, std::move(d)); });
  CHECK(added.ok());
  theirs.play(added.value.id);
  for (int i = 0; i < 200; ++i) theirs.send(0, theirs.video(i == 0));
  awaitBehind(other, options.slot);
  const Bytes earlier = peer.receive(before.size() + 2000);
  CHECK(std::count(earlier.begin(), earlier.end(), '$') == 0);
  awaitCounted(other, peer, options.slot);
}

TEST("a feed that is closed leaves its viewers with what they had acknowledged until then") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp();
  const int one = 1;
  CHECK(::setsockopt(viewer->peer.fd(), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one) == 0);
  rig.play(viewer->id);
  Usage sent;
  for (int i = 0; i < 5; ++i) {
    const Bytes packet = rig.video(i == 0);
    rig.send(0, packet);
    ++sent.packets;
    sent.bytes += packet.size();
  }
  // Acknowledged by now, though the engine may not have asked yet.
  viewer->peer.receive(sent.bytes + sent.packets * 4);
  CHECK(World::callDone([&](Done done) { world.engine().closeFeed(rig.feed, std::move(done)); }).ok());
  CHECK(counted(world, viewer->slot) == sent);
}

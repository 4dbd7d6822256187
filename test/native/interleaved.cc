#include <algorithm>

#include "clock.h"
#include "feed-rig.h"
#include "interleaved-writer.h"
#include "rtcp.h"

using namespace test;

namespace {

struct Adopted {
  ConnectionId id{};
  std::uint32_t slot = 0;
  TcpPeer peer;
};

Adopted adopt(World& world, const std::string& unread = "", int receiveBytes = 0) {
  Adopted adopted;
  auto [peer, fd] = TcpPeer::pair(receiveBytes);
  adopted.peer = std::move(peer);
  adopted.slot = world.newSlot();
  AdoptOptions options;
  options.fd = fd;
  options.unread = bytesOf(unread);
  options.limits = {1024, 4096};
  options.slot = adopted.slot;
  const auto done = World::call<ConnectionId>([&](auto d) { world.engine().adopt(options, std::move(d)); });
  CHECK(done.ok());
  adopted.id = done.value;
  return adopted;
}

Status close(World& world, ConnectionId id) {
  return World::callDone([&](Done done) { world.engine().closeConnection(id, std::move(done)); });
}

const std::string kOptions = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

/** Takes a stream apart again: frames as they were sent, text between them. */
struct Parted {
  std::vector<Bytes> frames;
  std::string text;
};

Parted part(const Bytes& stream, std::size_t textBytes) {
  Parted parted;
  std::size_t at = 0;
  while (at < stream.size()) {
    if (stream[at] != '$') {
      parted.text.append(stream.begin() + static_cast<std::ptrdiff_t>(at), stream.begin() + static_cast<std::ptrdiff_t>(at + textBytes));
      at += textBytes;
      continue;
    }
    const std::size_t size = 4U + static_cast<std::size_t>(stream[at + 2] << 8 | stream[at + 3]);
    if (at + size > stream.size()) throw check::Failure("cut frame at the end");
    parted.frames.emplace_back(stream.begin() + static_cast<std::ptrdiff_t>(at), stream.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  }
  return parted;
}

}  // namespace

TEST("a connection delivers whole messages, those that were read before it came first") {
  World world;
  Adopted c = adopt(world, kOptions + "PLAY * RT");
  CHECK_EQ(textOf(world.nextMessage()), kOptions);
  c.peer.send(std::string("SP/1.0\r\nContent-Length: 2\r\n\r\n$0") + kOptions);
  CHECK_EQ(textOf(world.nextMessage()), "PLAY * RTSP/1.0\r\nContent-Length: 2\r\n\r\n$0");
  CHECK_EQ(textOf(world.nextMessage()), kOptions);
  CHECK_EQ(world.counter(c.slot, ConnectionCounter::rxBytes), 31U + kOptions.size());
  CHECK(world.counter(c.slot, ConnectionCounter::lastProgressMonoNs) > 0);
}

TEST("frames on channels nobody asked for are counted and skipped") {
  World world;
  Adopted c = adopt(world);
  c.peer.send(frame(9, Bytes(100)));
  c.peer.send(frame(9, {}));
  c.peer.send(kOptions);
  CHECK_EQ(textOf(world.nextMessage()), kOptions);
  CHECK_EQ(world.counter(c.slot, ConnectionCounter::rxUnknownFrames), 2U);
}

TEST("a bad message ends the reading, and text can still be sent before the connection is closed") {
  World world;
  Adopted c = adopt(world);
  c.peer.send(std::string("\x16\x03\x01"));
  CHECK(world.nextEnded().end == ConnectionEnd::badMessage);
  world.engine().sendText(c.id, bytesOf("RTSP/1.0 400 Bad Request\r\n\r\n"));
  CHECK(close(world, c.id).ok());
  CHECK_EQ(textOf(c.peer.receiveAll()), "RTSP/1.0 400 Bad Request\r\n\r\n");
  CHECK_EQ(world.endsWaiting(), 0U);
}

TEST("a FIN ends the connection after the last message, and the answer still gets out") {
  World world;
  Adopted c = adopt(world);
  c.peer.send("TEARDOWN * RTSP/1.0\r\n\r\n");
  c.peer.finish();
  CHECK_EQ(textOf(world.nextMessage()), "TEARDOWN * RTSP/1.0\r\n\r\n");
  CHECK(world.nextEnded().end == ConnectionEnd::fin);
  world.engine().sendText(c.id, bytesOf("RTSP/1.0 200 OK\r\n\r\n"));
  CHECK(close(world, c.id).ok());
  CHECK_EQ(textOf(c.peer.receiveAll()), "RTSP/1.0 200 OK\r\n\r\n");
}

TEST("a reset ends the connection with its errno") {
  World world;
  Adopted c = adopt(world);
  c.peer.reset();
  const World::Ended ended = world.nextEnded();
  CHECK(ended.end == ConnectionEnd::reset);
  CHECK_EQ(ended.errnum, ECONNRESET);
  CHECK(close(world, c.id).ok());
}

TEST("closing sends what waits as text, then FIN, and tells the end once") {
  World world;
  Adopted c = adopt(world);
  const Bytes text(200'000, 'x');
  world.engine().sendText(c.id, text);
  CHECK(close(world, c.id).ok());
  CHECK(c.peer.receiveAll() == text);
  CHECK(world.nextEnded().end == ConnectionEnd::closedByUs);
  CHECK(close(world, c.id).code == Code::deadHandle);
}

TEST("closing gives up on a peer that takes nothing, after a second") {
  World world;
  Adopted c = adopt(world, "", 1);
  // More than the socket's own buffers take, in pieces that the queue takes.
  for (int i = 0; i < 40; ++i) {
    world.engine().sendText(c.id, Bytes(250'000, 'x'));
    world.settle();
    if (world.endsWaiting() > 0) break;
  }
  const std::int64_t before = monoNs();
  CHECK(close(world, c.id).ok());
  const std::int64_t tookNs = monoNs() - before;
  CHECK(tookNs > 500 * kNsPerMs && tookNs < 5 * kNsPerSecond);
}

TEST("more than 256 KiB of waiting text ends the connection with overflow") {
  World world;
  Adopted c = adopt(world, "", 1);
  while (world.endsWaiting() == 0) {
    world.engine().sendText(c.id, Bytes(100'000, 'x'));
    world.settle();
  }
  CHECK(world.nextEnded().end == ConnectionEnd::overflow);
}

TEST("what a peer has taken of the text is not kept, though it never takes the last of it") {
  auto [peer, fd] = TcpPeer::pair(1);
  const Fd socket(fd);
  Loop loop;
  FrameBatch batch;
  ConnectionCounts counts(loop, {});
  InterleavedWriter writer(loop, batch, socket, {}, counts, [] {});
  const Bytes answer(8192, 'a');
  std::size_t taken = 0;
  while (taken < 4 * 1024 * 1024) {
    // As much as the connection lets wait, less the answer that makes its peer take some.
    while (writer.addText(answer)) CHECK_EQ(writer.flush(), 0);
    taken += peer.receiveSome(answer.size()).size();
    CHECK_EQ(writer.flush(), 0);
  }
  const WriterState left = writer.release();
  CHECK(left.text.size() > left.textSent);
  CHECK(left.text.size() <= 512 * 1024);
}

TEST("reading stops at 32 messages that nobody took, and goes on when they are reported") {
  World world;
  world.consuming = false;
  Adopted c = adopt(world);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "GET_PARAMETER * RTSP/1.0\r\nCSeq: " + std::to_string(i) + "\r\n\r\n";
  c.peer.send(many);
  for (int i = 0; i < 32; ++i) world.nextMessage();
  world.settle();
  CHECK_EQ(world.messagesWaiting(), 0U);
  world.consuming = true;
  world.engine().consumed(c.id, 32, 10'000);
  std::string last;
  for (int i = 32; i < 100; ++i) last = textOf(world.nextMessage());
  CHECK(last.find("CSeq: 99") != std::string::npos);
}

TEST("an interleaved viewer gets every track byte for byte on its channels (RFC 2326 s.10.12)") {
  World world;
  FeedRig rig(world);
  const Bytes report = senderReport(0x1234);
  rig.sendRtcp(0, report);
  const Bytes key = rig.video(true);
  rig.send(0, key);
  const Bytes sound = rtp(5, 960, Bytes(160));
  rig.send(1, sound);
  const auto viewer = rig.addTcp();
  CHECK_EQ(viewer->starts.size(), 2U);
  rig.play(viewer->id);
  const Bytes live = rig.video(false);
  rig.send(0, live);
  Bytes wanted;
  for (const Bytes& part : {frame(1, report), frame(0, key), frame(2, sound), frame(0, live)}) {
    wanted.insert(wanted.end(), part.begin(), part.end());
  }
  CHECK(viewer->peer.receive(wanted.size()) == wanted);
  world.awaitCounter(viewer->slot, ViewerCounter::txPackets, 3);
  world.settle();
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txBytes), key.size() + sound.size() + live.size());
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txRtcpPackets), 1U);
}

TEST("many interleaved viewers get every packet in order, whether a picture's end comes or not") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  std::vector<std::unique_ptr<FeedRig::TcpViewer>> viewers;
  for (int i = 0; i < 20; ++i) {
    viewers.push_back(rig.addTcp());
    rig.play(viewers.back()->id);
    viewers.back()->peer.receive(4 + 12 + 1000);
  }
  Bytes wanted;
  for (int unit = 0; unit < 4; ++unit) {
    for (int i = 0; i < 6; ++i) {
      Bytes packet = rig.video(false, 1000, i > 0);
      // RFC 6184 s.5.1: the marker tells the end. The last picture goes without.
      if (i == 5 && unit < 3) packet[1] |= 0x80;
      rig.send(0, packet);
      const Bytes framed = frame(0, packet);
      wanted.insert(wanted.end(), framed.begin(), framed.end());
    }
  }
  for (const auto& viewer : viewers) CHECK(viewer->peer.receive(wanted.size()) == wanted);
}

TEST("viewers who share a feed get the same packets, each on the channels it has chosen (RFC 2326 s.10.12)") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const std::array<std::uint8_t, 6> channels = {0, 0, 4, 0, 4, 0};
  std::vector<std::unique_ptr<FeedRig::TcpViewer>> viewers;
  for (const std::uint8_t channel : channels) {
    viewers.push_back(rig.addTcp(0, 0, channel));
    rig.play(viewers.back()->id);
    viewers.back()->peer.receive(4 + 12 + 1000);
  }
  for (std::uint16_t unit = 0; unit < 3; ++unit) {
    const std::vector<Bytes> packets = {rig.video(false), rig.video(false, 300, true)};
    rig.burst(0, packets);
    const Bytes sound = rtp(unit, 960U * unit, Bytes(160));
    rig.send(1, sound);
    for (std::size_t i = 0; i < viewers.size(); ++i) {
      const std::uint8_t channel = channels[i];
      for (const Bytes& wanted : {frame(channel, packets[0]), frame(channel, packets[1]),
                                  frame(static_cast<std::uint8_t>(channel + 2), sound)}) {
        CHECK(viewers[i]->peer.receive(wanted.size()) == wanted);
      }
    }
  }
}

TEST("one viewer may have a track by UDP and another interleaved") {
  World world;
  FeedRig rig(world);
  const Bytes key = rig.video(true);
  rig.send(0, key);
  Adopted c = adopt(world);
  UdpPeer peer;
  const PairOpened pair = rig.openPair();
  ViewerOptions options;
  options.tracks = {{0, UdpTarget{pair.id, peer.local(), peer.local().withPort(0)}}, {1, Interleaved{c.id, 4, 5}}};
  options.slot = world.newSlot();
  const auto added =
      World::call<ViewerAdded>([&](auto done) { world.engine().addViewer(rig.feed, options, std::move(done)); });
  CHECK(added.ok());
  rig.play(added.value.id);
  const Bytes sound = rtp(5, 960, Bytes(160));
  rig.send(1, sound);
  CHECK(peer.receive() == key);
  CHECK(c.peer.receive(sound.size() + 4) == frame(4, sound));
}

TEST("text comes between whole frames however little the viewer takes at a time") {
  World world;
  FeedRig rig(world, 1024 * 1024);
  const auto viewer = rig.addTcp(0, 1);
  rig.play(viewer->id);
  const std::string answer = "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n";
  std::vector<Bytes> sent;
  for (int i = 0; i < 200; ++i) {
    sent.push_back(frame(0, rig.video(i == 0, 1000 + static_cast<std::size_t>(i) % 17)));
    rig.send(0, Bytes(sent.back().begin() + 4, sent.back().end()));
    if (i % 20 == 10) world.engine().sendText(viewer->connection, bytesOf(answer));
  }
  std::size_t whole = 10 * answer.size();
  for (const Bytes& one : sent) whole += one.size();
  Bytes stream;
  // One byte, then some: every place in a frame is cut once.
  for (std::size_t step = 1; stream.size() < whole; step = step % 701 + 100) {
    const Bytes some = viewer->peer.receiveSome(stream.size() % 3 == 0 ? 1 : step);
    stream.insert(stream.end(), some.begin(), some.end());
  }
  const Parted parted = part(stream, answer.size());
  CHECK(parted.frames == sent);
  CHECK_EQ(parted.text.size(), 10 * answer.size());
  world.awaitCounter(viewer->slot, ViewerCounter::txPackets, sent.size());
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::startPointSkips), 0U);
}

TEST("a slow viewer is overrun, goes on at the newest start point with whole frames, and the loss is counted") {
  World world;
  FeedRig rig(world, kMinRingBytes);
  const auto slow = rig.addTcp(0, 1);
  const auto quick = rig.addUdp();
  rig.play(slow->id);
  rig.play(quick->id);
  std::vector<Bytes> sent;
  // In few turns: the longer it takes nothing, the longer its sender waits before it tries again (RFC 6298 s.5.5).
  for (int group = 0; group < 80; ++group) {
    std::vector<Bytes> packets;
    for (int i = 0; i < 50; ++i) packets.push_back(rig.video(i == 0, 1300));
    rig.burst(0, packets);
    for (const Bytes& packet : packets) CHECK(quick->rtp.receive() == packet);
    sent.insert(sent.end(), packets.begin(), packets.end());
  }
  // It reads again: what the kernel held, then from a start point on to the head.
  Bytes stream;
  const Bytes lastFrame = frame(0, sent.back());
  while (stream.size() < lastFrame.size() || !std::equal(lastFrame.begin(), lastFrame.end(), stream.end() - static_cast<std::ptrdiff_t>(lastFrame.size()))) {
    const Bytes some = slow->peer.receiveSome(65'536);
    stream.insert(stream.end(), some.begin(), some.end());
  }
  const Parted parted = part(stream, 1);
  std::size_t jumps = 0;
  std::size_t next = 0;
  for (const Bytes& one : parted.frames) {
    const Bytes packet(one.begin() + 4, one.end());
    const auto at = static_cast<std::size_t>(std::find(sent.begin(), sent.end(), packet) - sent.begin());
    CHECK(at < sent.size());
    if (at != next) {
      ++jumps;
      CHECK_EQ(at % 50, 0U);
    }
    next = at + 1;
  }
  CHECK(jumps > 0);
  world.awaitCounter(slow->slot, ViewerCounter::txPackets, parted.frames.size());
  CHECK_EQ(world.counter(slow->slot, ViewerCounter::startPointSkips), jumps);
  CHECK_EQ(world.counter(slow->slot, ViewerCounter::droppedPackets), sent.size() - parted.frames.size());
}

TEST("a viewer's interleaved RTCP is counted, its loss kept") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp();
  viewer->peer.send(frame(1, receiverReport(3)));
  viewer->peer.send(frame(3, receiverReport(3)));
  world.awaitCounter(viewer->slot, ViewerCounter::rxRtcpPackets, 2);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::reportedLostPackets), 6U);
  CHECK_EQ(world.counter(viewer->connectionSlot, ConnectionCounter::rxUnknownFrames), 0U);
}

TEST("closing an interleaved viewer with bye puts the BYE on its RTCP channel and counts what was acknowledged") {
  World world;
  FeedRig rig(world);
  const Bytes key = rig.video(true);
  rig.send(0, key);
  const auto viewer = rig.addTcp();
  rig.play(viewer->id);
  CHECK(World::callDone([&](Done done) { world.engine().closeViewer(viewer->id, true, std::move(done)); }).ok());
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txBytes), key.size());
  CHECK(close(world, viewer->connection).ok());
  Bytes wanted = frame(0, key);
  const Bytes bye = frame(1, buildBye(0x1234));
  wanted.insert(wanted.end(), bye.begin(), bye.end());
  CHECK(viewer->peer.receiveAll() == wanted);
}

TEST("a viewer whose connection is closed before it is counts every packet that the peer has taken") {
  World world;
  FeedRig rig(world);
  std::uint64_t bytes = 0;
  for (int i = 0; i < 50; ++i) {
    const Bytes packet = rig.video(i == 0);
    bytes += packet.size();
    rig.send(0, packet);
  }
  const auto viewer = rig.addTcp();
  rig.play(viewer->id);
  CHECK(close(world, viewer->connection).ok());
  CHECK_EQ(viewer->peer.receiveAll().size(), bytes + 50 * 4);
  viewer->peer.close();
  world.awaitCounter(viewer->slot, ViewerCounter::txPackets, 50);
  CHECK(World::callDone([&](Done done) { world.engine().closeViewer(viewer->id, false, std::move(done)); }).ok());
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txBytes), bytes);
}

TEST("a feed comes by an interleaved connection, its RTSP text and unknown frames apart") {
  World world;
  FeedRig rig(world);
  Adopted upstream = adopt(world);
  const std::vector<UpstreamTrack> tracks{{0, Interleaved{upstream.id, 0, 1}}, {1, Interleaved{upstream.id, 2, 3}}};
  CHECK(World::callDone([&](Done done) { world.engine().receive(rig.feed, tracks, false, std::move(done)); }).ok());
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  const Bytes key = rig.video(true);
  upstream.peer.send(frame(0, key));
  upstream.peer.send(kOptions);
  upstream.peer.send(frame(7, Bytes(10)));
  upstream.peer.send(frame(1, senderReport(0x1234)));
  const Bytes next = rig.video(false);
  upstream.peer.send(frame(0, next));
  CHECK(viewer->rtp.receive() == key);
  CHECK(viewer->rtp.receive() == next);
  CHECK(viewer->rtcp.receive() == senderReport(0x1234));
  CHECK_EQ(textOf(world.nextMessage()), kOptions);
  CHECK_EQ(world.counter(upstream.slot, ConnectionCounter::rxUnknownFrames), 1U);
  // Our own report comes back on the RTCP channel (RFC 3550 s.6.4.2).
  const Bytes head = upstream.peer.receive(4);
  CHECK_EQ(head[0], '$');
  CHECK(head[1] == 1 || head[1] == 3);
}

TEST("an origin that says goodbye without end is told of once a second, not each time") {
  World world;
  FeedRig rig(world);
  Adopted upstream = adopt(world);
  const std::vector<UpstreamTrack> tracks{{0, Interleaved{upstream.id, 0, 1}}};
  CHECK(World::callDone([&](Done done) { world.engine().receive(rig.feed, tracks, false, std::move(done)); }).ok());
  upstream.peer.send(frame(0, rig.video(true)));
  constexpr std::size_t kGoodbyes = 10'000;
  Bytes flood;
  for (std::size_t i = 0; i < kGoodbyes; ++i) {
    const Bytes bye = frame(1, buildBye(0x1234));
    flood.insert(flood.end(), bye.begin(), bye.end());
  }
  const std::int64_t begunNs = monoNs();
  upstream.peer.send(flood);
  world.awaitCounter(rig.slot, FeedCounter::rxRtcpPackets, kGoodbyes);
  world.settle();
  CHECK(world.byesWaiting() >= 1);
  CHECK(world.byesWaiting() <= static_cast<std::size_t>(1 + (monoNs() - begunNs) / kNsPerSecond));
}

TEST("a viewer whose connection ends stops being sent to, and can still be closed") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto viewer = rig.addTcp();
  rig.play(viewer->id);
  viewer->peer.receive(4);
  viewer->peer.reset();
  for (int i = 0; i < 10; ++i) rig.send(0, rig.video(false));
  CHECK(world.nextEnded().end == ConnectionEnd::reset);
  CHECK(close(world, viewer->connection).ok());
  CHECK(World::callDone([&](Done done) { world.engine().closeViewer(viewer->id, true, std::move(done)); }).ok());
}

TEST("a channel in use cannot be taken by another viewer of the connection") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp();
  ViewerOptions options;
  options.tracks = {{0, Interleaved{viewer->connection, 3, 4}}};
  options.slot = world.newSlot();
  const auto second =
      World::call<ViewerAdded>([&](auto done) { world.engine().addViewer(rig.feed, options, std::move(done)); });
  CHECK(second.status.code == Code::wrongState);
}

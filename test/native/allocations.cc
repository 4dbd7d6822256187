#include <algorithm>
#include <atomic>
#include <span>

#include "feed-rig.h"

using namespace test;

namespace {

std::atomic<std::uint64_t> allocations = 0;
/** The thread that runs the cases; beside it there is only the engine's. */
thread_local bool runsCases = false;

void countAllocation() {
  if (!runsCases) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

/** The sanitizers call it after each allocation, be it by malloc or by new. */
extern "C" void __sanitizer_malloc_hook(const volatile void*, std::size_t) { countAllocation(); }

namespace {

/** Viewers by UDP and by TCP who read all that they get; so many that the engine waits for the end of a picture. */
class Audience {
 public:
  explicit Audience(FeedRig& rig) : rig_(rig) {
    const PairOpened pair = rig.openPair();
    for (int i = 1; i <= 12; ++i) udp_.push_back(rig.addUdp(0, "127.0.1." + std::to_string(i), &pair));
    for (int i = 0; i < 6; ++i) tcp_.push_back(rig.addTcp(0, 0, i % 3 == 0 ? 4 : 0));
    for (const auto& viewer : udp_) rig.play(viewer->id);
    for (const auto& viewer : tcp_) rig.play(viewer->id);
  }

  void readVideo(std::size_t packets, std::size_t bytes) {
    for (const auto& viewer : udp_) {
      for (std::size_t i = 0; i < packets; ++i) viewer->rtp.receive();
    }
    readByTcp(packets, bytes);
  }
  /** Those by UDP have not asked for it. */
  void readAudio(std::size_t bytes) { readByTcp(1, bytes); }
  void readReport(std::size_t bytes) {
    for (const auto& viewer : udp_) viewer->rtcp.receive();
    for (const auto& viewer : tcp_) viewer->peer.receive(4 + bytes);
  }
  /** The engine learns now and then what has been acknowledged. */
  void awaitAcknowledged() {
    for (const auto& viewer : tcp_) rig_.world.awaitCounter(viewer->slot, ViewerCounter::txPackets, sent_);
    rig_.world.settle();
  }

 private:
  void readByTcp(std::size_t packets, std::size_t bytes) {
    sent_ += packets;
    for (const auto& viewer : tcp_) viewer->peer.receive(4 * packets + bytes);
  }

  FeedRig& rig_;
  std::vector<std::unique_ptr<FeedRig::UdpViewer>> udp_;
  std::vector<std::unique_ptr<FeedRig::TcpViewer>> tcp_;
  std::uint64_t sent_ = 0;
};

std::size_t bytesIn(const std::vector<Bytes>& packets) {
  std::size_t bytes = 0;
  for (const Bytes& packet : packets) bytes += packet.size();
  return bytes;
}

/** The round is the steady state: whatever grows is to have grown before. */
void checkNoneIn(const std::function<void()>& round) {
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = allocations;
    round();
    CHECK_EQ(allocations - before, 0U);
  }
}

}  // namespace

TEST("packets are taken in and delivered without an allocation") {
  runsCases = true;
  const std::uint64_t atFirst = allocations;
  World world;
  FeedRig rig(world);
  Audience audience(rig);
  // They are counted at all.
  CHECK(allocations > atFirst);

  // More at once, and more lengths of packets to be acknowledged, than what comes then.
  std::vector<Bytes> lengths;
  for (std::size_t i = 0; i < 60; ++i) lengths.push_back(rig.video(i == 0, 1100 - i, i > 0));
  rig.burst(0, lengths);
  audience.readVideo(lengths.size(), bytesIn(lengths));
  audience.awaitAcknowledged();

  const Bytes report = senderReport(0x1234);
  std::uint16_t sound = 0;
  const auto picture = [&](bool idr) {
    std::vector<Bytes> packets;
    for (std::size_t i = 0; i < 50; ++i) packets.push_back(rig.video(idr, i == 49 ? 400 : 1000, i > 0));
    packets.back()[1] |= 0x80;
    // The picture's end is waited for; two of its packets overtake each other.
    rig.send(0, packets[0]);
    std::swap(packets[20], packets[21]);
    rig.burst(0, {packets.begin() + 1, packets.end()});
    audience.readVideo(packets.size(), bytesIn(packets));
    const Bytes audio = rtp(sound, 960U * sound, Bytes(160));
    ++sound;
    rig.send(1, audio);
    audience.readAudio(audio.size());
  };
  const auto round = [&] {
    for (int i = 0; i < 12; ++i) picture(i == 0);
    rig.sendRtcp(0, report);
    audience.readReport(report.size());
    audience.awaitAcknowledged();
  };
  round();
  checkNoneIn(round);
}

TEST("frames of a source that come in pieces are taken in without an allocation") {
  runsCases = true;
  World world;
  FeedRig rig(world);
  Audience audience(rig);
  auto [source, fd] = TcpPeer::pair();
  AdoptOptions options;
  options.fd = fd;
  options.limits = {8192, 65'536};
  options.slot = world.newSlot();
  const auto adopted = World::call<ConnectionId>([&](auto done) { world.engine().adopt(options, std::move(done)); });
  CHECK(adopted.ok());
  const std::vector<UpstreamTrack> tracks{{0, Interleaved{adopted.value, 0, 1}}, {1, Interleaved{adopted.value, 2, 3}}};
  CHECK(World::callDone([&](Done done) { world.engine().receive(rig.feed, tracks, false, std::move(done)); }).ok());
  const std::uint64_t reports = world.counter(rig.slot, FeedCounter::txRtcpPackets);

  std::uint64_t sent = 0;
  const auto picture = [&](std::size_t pieceBytes) {
    std::vector<Bytes> packets;
    Bytes stream;
    for (std::size_t i = 0; i < 20; ++i) {
      packets.push_back(rig.video(sent == 0, 1000, i > 0));
      const Bytes framed = frame(0, packets.back());
      stream.insert(stream.end(), framed.begin(), framed.end());
    }
    for (std::size_t at = 0; at < stream.size(); at += pieceBytes) {
      const auto piece = std::span(stream).subspan(at, std::min(pieceBytes, stream.size() - at));
      source.send(Bytes(piece.begin(), piece.end()));
      sent += piece.size();
      world.awaitCounter(options.slot, ConnectionCounter::rxBytes, sent);
      world.settle();
    }
    audience.readVideo(packets.size(), bytesIn(packets));
  };
  // The longest that is sent at once, then the longest that is left of a read and what comes behind it.
  for (const std::size_t pieceBytes : {32'000, 15'000, 3000}) picture(pieceBytes);
  // Our first reports to the source (RFC 3550 s.6.2) take the connection's memory that the later ones use.
  world.awaitCounter(rig.slot, FeedCounter::txRtcpPackets, reports + 2);
  checkNoneIn([&] {
    for (int i = 0; i < 30; ++i) picture(3000);
  });
}

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

#include "clock.h"
#include "clone-table.h"
#include "feed-rig.h"
#include "viewer-network.h"

using namespace test;

namespace {

/** What FeedRig::video adds to RTP time. */
constexpr std::uint32_t kVideoStep = 3600;

/** An engine whose kernel clones where the viewers are reached, one feed, and viewers of it that share a pair. */
class CloneRig {
 public:
  explicit CloneRig(int viewers, bool v6 = false)
      : world(0, true), feed(world), v6_(v6), shared_(feed.openPair(v6 ? ViewerNetwork::kBox6 : ViewerNetwork::kBox4)) {
    const CloningFacts facts = world.engine().cloning();
    if (!facts.refused.ok() && facts.verifier.empty()) throw check::Skip(std::string("needs ") + facts.refused.what);
    CHECK_EQ(facts.verifier, "");
    attach();
    feed.send(0, feed.video(true));
    for (int i = 0; i < viewers; ++i) addViewer(i);
  }

  void attach() {
    const unsigned device = network.device();
    const Status attached = World::callDone([&](Done done) { world.engine().cloneAt(device, std::move(done)); });
    if (!attached.ok()) throw check::Skip(std::string("needs ") + attached.what);
    CHECK(world.engine().cloning().attached);
  }

  /** One that has caught up. */
  void addViewer(int number) {
    const std::string address = v6_ ? ViewerNetwork::address6(number) : ViewerNetwork::address4(number);
    all.push_back(network.inside([&] { return feed.addUdp(0, address, &shared_); }));
    feed.play(all.back()->id);
    for (std::size_t i = 0; i < sinceStart_; ++i) all.back()->rtp.receive();
  }

  /** One that no clone reaches: it is on the box itself. */
  void addNeighbour() {
    all.push_back(feed.addUdp(0, ViewerNetwork::kBox4, &shared_));
    feed.play(all.back()->id);
    for (std::size_t i = 0; i < sinceStart_; ++i) all.back()->rtp.receive();
  }

  /** A picture of eight packets that the engine finds all at once, the last of them short. */
  std::vector<Bytes> sendPicture(std::size_t packets = 8) {
    std::vector<Bytes> picture;
    // A start point, so that whoever comes has no more than this to catch up with.
    for (std::size_t i = 0; i < packets; ++i) picture.push_back(feed.video(true, i + 1 == packets ? 300 : 1316, i > 0));
    picture.back()[1] |= 0x80;
    feed.burst(0, picture);
    sinceStart_ = picture.size();
    return picture;
  }

  [[nodiscard]] std::uint64_t cloned() { return world.engine().cloning().packets; }
  std::uint64_t of(const FeedRig::UdpViewer& viewer, ViewerCounter name) { return world.counter(viewer.slot, name); }

  ViewerNetwork network;
  World world;
  FeedRig feed;
  std::vector<std::unique_ptr<FeedRig::UdpViewer>> all;

 private:
  /** Packets from the start point on: what whoever comes gets first. */
  std::size_t sinceStart_ = 1;
  bool v6_;
  PairOpened shared_;
};

std::size_t bytesIn(const std::vector<Bytes>& packets) {
  std::size_t sum = 0;
  for (const Bytes& packet : packets) sum += packet.size();
  return sum;
}

/** All of them get just that, and it is what they are counted. */
void getAndCount(CloneRig& rig, const std::vector<Bytes>& packets) {
  for (const auto& viewer : rig.all) {
    for (const Bytes& packet : packets) CHECK(viewer->rtp.receive() == packet);
    CHECK(viewer->rtp.lastFrom == viewer->pair.rtp);
    CHECK(viewer->rtp.silent());
  }
}

void clonesReach(bool v6, const std::string& offload) {
  CloneRig rig(20, v6);
  if (!offload.empty()) need("ethtool -K access " + offload + " >/dev/null 2>&1");
  const std::uint64_t before = rig.of(*rig.all[3], ViewerCounter::txBytes);
  std::size_t bytes = 0;
  // Each of them is sent to in turn, and gets a clone in between; a picture of one packet is no segmented run.
  for (std::size_t i = 0; i < 2 * rig.all.size(); ++i) {
    const std::vector<Bytes> picture = rig.sendPicture(i % 4 == 3 ? 1 : 8);
    getAndCount(rig, picture);
    bytes += bytesIn(picture);
  }
  rig.world.awaitCounter(rig.all[3]->slot, ViewerCounter::txBytes, before + bytes);
  CHECK_EQ(rig.of(*rig.all[3], ViewerCounter::txBytes), before + bytes);
  for (const auto& viewer : rig.all) CHECK_EQ(rig.of(*viewer, ViewerCounter::droppedPackets), 0U);
  const std::uint64_t inClones = (rig.all.size() - 1) * (30 * 8 + 10);
  World::awaitTrue([&] { return rig.cloned() == inClones; }, "clones");
}

/** Datagrams for which, the kernel says, there was no room. */
std::uint64_t sendErrors() {
  std::ifstream file("/proc/thread-self/net/snmp");
  std::string line;
  std::vector<std::string> names;
  while (std::getline(file, line)) {
    if (!line.starts_with("Udp: ")) continue;
    std::istringstream words(line);
    std::vector<std::string> values{std::istream_iterator<std::string>(words), {}};
    if (names.empty()) {
      names = values;
      continue;
    }
    const auto at = std::find(names.begin(), names.end(), "SndbufErrors");
    CHECK(at != names.end());
    return std::stoull(values[static_cast<std::size_t>(at - names.begin())]);
  }
  throw check::Failure("no UDP counters");
}

void sleepUntil(std::int64_t atNs) {
  const timespec at{atNs / kNsPerSecond, atNs % kNsPerSecond};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

}  // namespace

TEST("what goes to many viewers is sent to one of them and cloned for the others, byte for byte, and counted for each") {
  clonesReach(false, "");
}

TEST("clones over IPv6 are byte for byte what was sent, and counted") {
  clonesReach(true, "");
}

// What one virtual NIC left to the other is not checked there; without offload all of it is.
TEST("clones have good checksums where the NIC makes none and cuts no segments, IPv4 (RFC 768, RFC 1624)") {
  clonesReach(false, "tx off sg off");
}

TEST("clones have good checksums where the NIC makes none and cuts no segments, IPv6 (RFC 8200 s.8.1)") {
  clonesReach(true, "tx off sg off");
}

TEST("more viewers than one pass takes get clones in several passes, each of them once") {
  CloneRig rig(2 * static_cast<int>(kMaxClones) + 20);
  std::uint64_t inClones = 0;
  for (const std::size_t packets : {8, 8, 1}) {
    getAndCount(rig, rig.sendPicture(packets));
    // Who leads a pass is sent to.
    const std::size_t byPass = 1 + std::min(kMaxClones, kMaxClonedPackets / packets);
    inClones += (rig.all.size() - (rig.all.size() + byPass - 1) / byPass) * packets;
  }
  World::awaitTrue([&] { return rig.cloned() == inClones; }, "clones");
}

TEST("where the NIC cuts no segments, long pictures get to many viewers whole: no pass is more than their host holds") {
  CloneRig rig(100);
  need("ethtool -K access tx-udp-segmentation off >/dev/null 2>&1");
  for (int i = 0; i < 4; ++i) getAndCount(rig, rig.sendPicture(20));
  CHECK(rig.cloned() > 0);
}

TEST("a viewer whose way takes no packet of that length is sent to in fragments, the others get clones") {
  CloneRig rig(4);
  need("ip route add 198.18.0.77/32 via 198.18.0.1 dev access onlink mtu 900");
  rig.addViewer(76);
  CHECK(rig.all.back()->rtp.local().text() == "198.18.0.77");
  for (int i = 0; i < 6; ++i) getAndCount(rig, rig.sendPicture());
  CHECK_EQ(rig.of(*rig.all.back(), ViewerCounter::oversizedPackets), 6U * 7 + 1);
  CHECK(rig.cloned() > 0);
}

TEST("viewers come and go between runs, and those who stay lose nothing") {
  CloneRig rig(6);
  for (int i = 0; i < 12; ++i) {
    getAndCount(rig, rig.sendPicture());
    const ViewerId leaving = rig.all[static_cast<std::size_t>(i) % rig.all.size()]->id;
    CHECK(World::callDone([&](Done done) { rig.world.engine().closeViewer(leaving, false, std::move(done)); }).ok());
    std::erase_if(rig.all, [&](const auto& viewer) { return viewer->id == leaving; });
    rig.addViewer(10 + i);
  }
  CHECK(rig.cloned() > 0);
}

TEST("a neighbour that is not known yet is asked for by the socket's packet, and gets clones afterwards") {
  CloneRig rig(4);
  need("ip route add 198.18.1.0/24 dev access");
  rig.addViewer(250);
  CHECK(rig.all.back()->rtp.local().text() == "198.18.1.1");
  for (int i = 0; i < 5; ++i) getAndCount(rig, rig.sendPicture());
  need("ip neigh flush to 198.18.1.1 dev access");
  for (int i = 0; i < 5; ++i) getAndCount(rig, rig.sendPicture());
  CHECK_EQ(rig.of(*rig.all.back(), ViewerCounter::droppedPackets), 0U);
}

TEST("clones go to the new address of a neighbour whose network card was changed") {
  CloneRig rig(6);
  getAndCount(rig, rig.sendPicture());
  rig.network.there("ip link set eth0 address 02:00:00:00:00:42");
  // As a host does that comes up (RFC 5227 s.3): here said for it.
  need("ip neigh replace 198.18.0.1 lladdr 02:00:00:00:00:42 dev access nud reachable");
  // What was found out is good for a tenth of a second.
  const auto arrives = [&] {
    const std::uint64_t sent = rig.of(*rig.all.front(), ViewerCounter::txPackets) + 1;
    rig.sendPicture(1);
    for (const auto& viewer : rig.all) rig.world.awaitCounter(viewer->slot, ViewerCounter::txPackets, sent);
    std::size_t reached = 0;
    for (const auto& viewer : rig.all) {
      if (viewer->rtp.silent()) continue;
      viewer->rtp.receive();
      ++reached;
    }
    return reached == rig.all.size();
  };
  World::awaitTrue(arrives, "the new address");
  const std::uint64_t before = rig.cloned();
  for (int i = 0; i < 4; ++i) getAndCount(rig, rig.sendPicture());
  World::awaitTrue([&] { return rig.cloned() == before + 5U * 4 * 8; }, "clones");
}

TEST("a NIC that goes down and comes up again goes on with clones") {
  CloneRig rig(6);
  getAndCount(rig, rig.sendPicture());
  need("ip link set access down");
  const std::uint64_t before = rig.cloned();
  rig.sendPicture();
  CHECK_EQ(rig.cloned(), before);
  need("ip link set access up && ip route replace 198.18.0.0/16 via 198.18.0.1 dev access onlink");
  for (const auto& viewer : rig.all) CHECK(viewer->rtp.silent());
  // The neighbour has to be asked for again.
  rig.sendPicture(1);
  for (const auto& viewer : rig.all) viewer->rtp.receive();
  for (int i = 0; i < 3; ++i) getAndCount(rig, rig.sendPicture());
  CHECK(rig.cloned() > before);
}

TEST("a NIC that is pulled out and put in again goes on with clones once it is told of") {
  CloneRig rig(6);
  getAndCount(rig, rig.sendPicture());
  need("ip link delete access");
  const std::uint64_t before = rig.cloned();
  rig.sendPicture();
  CHECK_EQ(rig.cloned(), before);
  rig.network.makeNics();
  rig.attach();
  rig.sendPicture(1);
  for (const auto& viewer : rig.all) viewer->rtp.receive();
  for (int i = 0; i < 3; ++i) getAndCount(rig, rig.sendPicture());
  CHECK(rig.cloned() > before);
}

TEST("where the NIC does not forward nobody is cloned for, and everybody is sent to") {
  CloneRig rig(4);
  need("sysctl -qw net.ipv4.conf.access.forwarding=0");
  // What was found out is good for a tenth of a second.
  const auto noMore = [&] {
    const std::uint64_t before = rig.cloned();
    getAndCount(rig, rig.sendPicture());
    return rig.cloned() == before;
  };
  World::awaitTrue(noMore, "the end of cloning");
  getAndCount(rig, rig.sendPicture());
}

TEST("others' packets pass the NIC as ever, also those that look like a viewer's") {
  CloneRig rig(3);
  UdpPeer other(ViewerNetwork::kBox4);
  for (int i = 0; i < 3; ++i) {
    const std::vector<Bytes> picture = rig.sendPicture();
    for (const auto& viewer : rig.all) {
      for (const Bytes& packet : picture) CHECK(viewer->rtp.receive() == packet);
      other.send(picture.front(), viewer->rtp.local());
      CHECK(viewer->rtp.receive() == picture.front());
      CHECK(viewer->rtp.lastFrom == other.local());
      CHECK(viewer->rtp.silent());
    }
  }
}

TEST("what is rehearsed before a picture comes reaches nobody, is counted for nobody, and is no loss to the kernel") {
  constexpr int kViewers = 20;
  CloneRig rig(kViewers);
  rig.addNeighbour();
  const std::uint64_t errorsBefore = sendErrors();
  const FeedRig::UdpViewer& one = *rig.all[7];
  const std::uint64_t packetsBefore = rig.of(one, ViewerCounter::txPackets);
  const auto rehearsals = [&] { return rig.world.engine().cloning().rehearsals; };
  // The first packet of the feed had these.
  std::uint16_t seq = 100;
  std::uint32_t rtpTime = 9000 + kVideoStep;
  std::uint64_t sent = 0;
  const auto sendPicture = [&](std::int64_t afterNs) {
    rtpTime += 90 * afterNs / kNsPerMs;
    rig.feed.renumber(++seq, rtpTime - kVideoStep);
    getAndCount(rig, rig.sendPicture());
    seq = static_cast<std::uint16_t>(seq + 7);
    sent += 8;
  };
  // A program that is being watched is slow: the rhythm has to be one that it keeps.
  const std::int64_t triedNs = monoNs();
  sendPicture(5 * kNsPerMs);
  const std::int64_t begunNs = monoNs();
  const std::int64_t stepNs = std::max<std::int64_t>(5, 2 * (begunNs - triedNs) / kNsPerMs) * kNsPerMs;
  // In step with its RTP time: after some of them the engine begins to expect the next one. A busy machine may keep it from that for a while.
  for (std::int64_t picture = 1; rehearsals() < 2 * rig.all.size() && picture * stepNs < 20 * kNsPerSecond; ++picture) {
    sleepUntil(begunNs + picture * stepNs);
    sendPicture(stepNs);
  }
  CHECK(rehearsals() > 0);
  // And for those that were rehearsed it was awake.
  CHECK(rig.world.engine().awakeNs() > 0);
  rig.world.awaitCounter(one.slot, ViewerCounter::txPackets, packetsBefore + sent);
  for (const auto& viewer : rig.all) CHECK(viewer->rtp.silent());
  CHECK_EQ(rig.of(one, ViewerCounter::txPackets), packetsBefore + sent);
  CHECK_EQ(rig.of(one, ViewerCounter::droppedPackets), 0U);
  CHECK_EQ(sendErrors(), errorsBefore);
}

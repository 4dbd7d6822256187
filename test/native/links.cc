#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "feed-rig.h"

using namespace test;

namespace {

/** Viewers behind a link of their own that carries so much and queues so many messages. */
class NarrowLink {
 public:
  NarrowLink(FeedRig& rig, const std::string& rate, const std::string& queue, std::size_t count) : rig_(rig) {
    need("ip link add narrow type veth peer name sink && ip link set sink up && ip link set narrow up");
    need("ip address add 10.77.0.1/24 dev narrow");
    need("tc qdisc add dev narrow root handle 1: htb default 1 && "
         "tc class add dev narrow parent 1: classid 1:1 htb rate " + rate + " quantum 1514");
    need("tc qdisc add dev narrow parent 1:1 pfifo limit " + queue);
    const PairOpened pair = rig.openPair("10.77.0.1");
    for (std::size_t i = 0; i < count; ++i) add(pair, "10.77.0." + std::to_string(i + 2));
  }
  ~NarrowLink() { [[maybe_unused]] const int status = std::system("ip link delete narrow"); }

  struct Viewer {
    ViewerId id;
    std::uint32_t slot;
  };
  std::vector<Viewer> viewers;

  /** How many messages its queue has had no room for. */
  [[nodiscard]] std::uint64_t refused() const {
    const std::unique_ptr<FILE, int (*)(FILE*)> told(::popen("tc -s qdisc show dev narrow parent 1:1", "r"), &::pclose);
    std::array<char, 1024> text{};
    CHECK(told != nullptr && std::fread(text.data(), 1, text.size() - 1, told.get()) > 0);
    const char* const dropped = std::strstr(text.data(), "dropped ");
    CHECK(dropped != nullptr);
    return std::strtoull(dropped + std::strlen("dropped "), nullptr, 10);
  }

 private:
  void add(const PairOpened& pair, const std::string& address) {
    need("ip neighbour add " + address + " lladdr 02:00:00:00:00:01 dev narrow");
    const Address target = *Address::parse(address, 5000);
    ViewerOptions options;
    options.tracks = {{0, UdpTarget{pair.id, target, target}}};
    options.slot = rig_.world.newSlot();
    const auto added = World::call<ViewerAdded>(
        [&](auto done) { rig_.world.engine().addViewer(rig_.feed, options, std::move(done)); });
    CHECK(added.ok());
    viewers.push_back({added.value.id, options.slot});
    rig_.play(added.value.id);
    // It has what the feed holds, and is live: the queue of a slow link may be full of what went to those before it.
    rig_.world.awaitCounter(options.slot, ViewerCounter::txPackets, 1);
    rig_.world.settle();
  }

  FeedRig& rig_;
};

}  // namespace

TEST("a packet longer than the viewer's path takes goes out in fragments and is counted as oversized, over IPv4 and IPv6") {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    need("ip link set lo mtu 1400");
    World world;
    FeedRig rig(world, 4 * 1024 * 1024, host);
    const auto viewer = rig.addUdp(0, host);
    rig.play(viewer->id);
    const std::size_t fits = 1400 - 12 - (host == "::1" ? 48 : 28);
    for (const std::size_t payloadBytes : {fits, fits + 1, std::size_t{4000}}) {
      const Bytes packet = rig.video(true, payloadBytes);
      rig.send(0, packet);
      CHECK(viewer->rtp.receive() == packet);
    }
    CHECK_EQ(world.counter(viewer->slot, ViewerCounter::oversizedPackets), 2U);
    CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txPackets), 3U);
    need("ip link set lo mtu 65536");
  }
}

TEST("a link that takes long packets is sent long packets whole: none is oversized") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  const Bytes large = rig.video(true, 4000);
  rig.send(0, large);
  CHECK(viewer->rtp.receive() == large);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::oversizedPackets), 0U);
}

TEST("where the link takes no segmentation of that length, packets go out one by one and none is lost") {
  need("ip link set lo mtu 1280");
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  rig.play(viewer->id);
  std::vector<Bytes> sent;
  for (int unit = 0; unit < 20; ++unit) {
    // Sent without waiting, so that they come in together and make runs.
    for (int i = 0; i < 6; ++i) {
      sent.push_back(rig.video(unit == 0, 1316, i > 0));
      rig.originRtp[0]->send(sent.back(), rig.upstream[0].rtp);
    }
    world.awaitCounter(rig.slot, FeedCounter::rxPackets, sent.size());
  }
  for (const Bytes& packet : sent) CHECK(viewer->rtp.receive() == packet);
  world.settle();
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txPackets), sent.size());
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::droppedPackets), 0U);
  need("ip link set lo mtu 65536");
}

TEST("a link that is full costs its viewers packets, counted, in turn, and nobody else") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const NarrowLink link(rig, "250kbit", "5", 10);
  const auto here = rig.addUdp();
  rig.play(here->id);
  here->rtp.receive();
  const auto leastAndMost = [&] {
    std::pair<std::uint64_t, std::uint64_t> found{UINT64_MAX, 0};
    for (const auto& [id, slot] : link.viewers) {
      const std::uint64_t sent = world.counter(slot, ViewerCounter::txPackets);
      found = {std::min(found.first, sent), std::max(found.second, sent)};
    }
    return found;
  };
  std::uint64_t packets = 1;
  while (leastAndMost().first < 5 && packets < 100'000) {
    // All at once, and far more than the link carries while a packet may wait: it is full, however slow we are.
    std::vector<Bytes> burst;
    // Each one longer than the last: none is a segment of a run, of which the queue takes more.
    for (std::size_t i = 0; i < 50; ++i) burst.push_back(rig.video(false, 1000 + i));
    rig.burst(0, burst);
    for (const Bytes& packet : burst) CHECK(here->rtp.receive() == packet);
    packets += burst.size();
  }
  for (const auto& [id, slot] : link.viewers) {
    CHECK(World::callDone([&, viewer = id](Done done) { world.engine().pause(viewer, std::move(done)); }).ok());
    const std::uint64_t dropped = world.counter(slot, ViewerCounter::droppedPackets);
    CHECK(dropped > 0);
    CHECK_EQ(world.counter(slot, ViewerCounter::txPackets) + dropped, packets);
  }
  const auto [least, most] = leastAndMost();
  CHECK(most < 3 * least);
  CHECK_EQ(world.counter(here->slot, ViewerCounter::droppedPackets), 0U);
}

namespace {

/** Viewers behind a link that carries far less than a burst in the time that a packet may wait. */
class FullLink {
 public:
  World world;
  FeedRig rig{world};

  explicit FullLink(std::size_t viewers = 1, const std::string& rate = "250kbit") {
    rig.send(0, rig.video(true));
    link_.emplace(rig, rate, "5", viewers);
  }

  void burst(const std::vector<Bytes>& burst) {
    rig.burst(0, burst);
    packets_ += burst.size();
  }
  /** So many pictures of a packet each, no two of one length. */
  [[nodiscard]] std::vector<Bytes> pictures(std::size_t count, bool start = false) {
    std::vector<Bytes> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(rig.video(start, 1000 + i));
    return all;
  }
  /** That no other one needs: nal_ref_idc 0 (H.264 s.7.4.1). */
  [[nodiscard]] std::vector<Bytes> disposables(std::size_t count) {
    std::vector<Bytes> all = pictures(count);
    for (Bytes& packet : all) packet[12] = 0x01;
    return all;
  }
  /** Every packet has been sent, dropped or left out. */
  void settle() {
    const std::uint64_t all = packets_ * link_->viewers.size();
    World::awaitTrue([&] { return settled() >= all; }, "all settled");
    CHECK_EQ(settled(), all);
  }
  [[nodiscard]] std::uint64_t refused() const { return link_->refused(); }
  /** Of all viewers. */
  [[nodiscard]] std::uint64_t count(ViewerCounter name) const {
    std::uint64_t sum = 0;
    for (const auto& [id, slot] : link_->viewers) sum += world.counter(slot, name);
    return sum;
  }

 private:
  [[nodiscard]] std::uint64_t settled() const {
    using enum ViewerCounter;
    return count(txPackets) + count(droppedPackets) + count(skippedNonReferencePackets);
  }

  std::uint64_t packets_ = 1;
  std::optional<NarrowLink> link_;
};

/** On a machine that is busy the engine may come too late to do what is wanted. */
constexpr int kAttempts = 100;

}  // namespace

TEST("on a full link viewers are spared pictures that no other one needs, counted as such") {
  FullLink full;
  for (int attempt = 0; attempt < kAttempts && full.count(ViewerCounter::skippedNonReferencePackets) == 0; ++attempt) {
    std::vector<Bytes> burst;
    for (std::size_t i = 0; i < 30; ++i) {
      burst.push_back(full.pictures(1)[0]);
      burst.push_back(full.disposables(1)[0]);
    }
    full.burst(burst);
    full.settle();
  }
  CHECK(full.count(ViewerCounter::skippedNonReferencePackets) > 0);
}

TEST("on a full link a viewer who loses packets goes on at the start point that waits behind them") {
  FullLink full;
  for (int attempt = 0; attempt < kAttempts && full.count(ViewerCounter::startPointSkips) == 0; ++attempt) {
    full.burst(full.pictures(50));
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    // These do not wait for too long when those before them do, and show nothing without them.
    full.burst(full.pictures(5));
    full.burst(full.pictures(1, true));
    full.settle();
  }
  CHECK_EQ(full.count(ViewerCounter::startPointSkips), 1U);
}

TEST("on a full link a viewer who loses only what no other picture needs skips nothing") {
  using enum ViewerCounter;
  using std::chrono::milliseconds;
  FullLink full(200, "2mbit");
  bool shown = false;
  for (int attempt = 0; attempt < kAttempts && !shown; ++attempt) {
    const std::uint64_t dropped = full.count(droppedPackets);
    const std::uint64_t skips = full.count(startPointSkips);
    full.burst(full.disposables(10));
    std::this_thread::sleep_for(milliseconds(100));
    const auto needed = std::chrono::steady_clock::now();
    full.burst(full.pictures(1));
    full.burst(full.pictures(1, true));
    std::this_thread::sleep_for(milliseconds(200));
    const bool lost = full.count(droppedPackets) > dropped;
    const std::uint64_t skipped = full.count(startPointSkips) - skips;
    // The picture that is needed had not waited for too long yet.
    shown = lost && std::chrono::steady_clock::now() - needed < milliseconds(250);
    if (shown) CHECK_EQ(skipped, 0U);
    full.settle();
  }
  CHECK(shown);
}

TEST("on a full link a picture is not left out because sound before it has waited") {
  using enum ViewerCounter;
  using std::chrono::milliseconds;
  constexpr std::size_t viewers = 16;
  FullLink full(viewers, "2mbit");
  std::uint16_t sound = 0;
  const auto sendSound = [&] {
    full.rig.send(1, rtp(sound, 960U * sound, Bytes(160)));
    ++sound;
  };
  bool shown = false;
  for (int attempt = 0; attempt < kAttempts && !shown; ++attempt) {
    const std::uint64_t sent = full.count(txPackets);
    // 200 ms of this link. The sound stands in the ring behind them.
    full.burst(full.pictures(3));
    sendSound();
    std::this_thread::sleep_for(milliseconds(75));
    sendSound();
    std::this_thread::sleep_for(milliseconds(75));
    const std::uint64_t leftOut = full.count(skippedNonReferencePackets);
    const auto begin = std::chrono::steady_clock::now();
    full.burst(full.disposables(1));
    std::this_thread::sleep_for(milliseconds(110));
    const bool came = full.count(txPackets) > sent + 3 * viewers;
    const std::uint64_t spared = full.count(skippedNonReferencePackets) - leftOut;
    shown = came && std::chrono::steady_clock::now() - begin < milliseconds(125);
    if (shown) CHECK_EQ(spared, 0U);
    full.settle();
  }
  CHECK(shown);
}

TEST("a full link is tried by a few viewers each millisecond, also while all of them are spared pictures") {
  FullLink full(200, "2mbit");
  const std::uint64_t refusedBefore = full.refused();
  const auto begin = std::chrono::steady_clock::now();
  for (int picture = 0; picture < 100; ++picture) {
    full.burst(picture % 2 == 1 ? full.disposables(4) : full.pictures(4));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const std::uint64_t refused = full.refused() - refusedBefore;
  const auto took = std::chrono::steady_clock::now() - begin;
  const auto milliseconds = static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(took).count());
  CHECK(full.count(ViewerCounter::skippedNonReferencePackets) > 0);
  CHECK(refused <= 5 * milliseconds);
}

namespace {

/** `packets` of 1,000 bytes at once to each of `count` viewers: all of it goes out. */
void burst(const std::string& rate, const std::string& queue, std::size_t count, std::uint64_t packets) {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const NarrowLink link(rig, rate, queue, count);
  for (std::uint64_t i = 0; i < packets; ++i) rig.originRtp[0]->send(rig.video(false, 988, i > 0), rig.upstream[0].rtp);
  for (const auto& [id, slot] : link.viewers) world.awaitCounter(slot, ViewerCounter::txPackets, packets + 1);
  for (const auto& [id, slot] : link.viewers) CHECK_EQ(world.counter(slot, ViewerCounter::droppedPackets), 0U);
}

}  // namespace

TEST("a burst larger than the link's queue waits in the ring and goes out whole to every viewer") {
  // 600 kB: 24 ms of this link, of 250 ms that a packet may wait.
  burst("200mbit", "10", 50, 12);
}

TEST("a burst larger than the send buffer waits in the ring and goes out whole to every viewer") {
  // 10 MB: 40 ms of this link.
  burst("2gbit", "100000", 50, 200);
}

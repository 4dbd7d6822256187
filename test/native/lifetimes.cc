#include <dirent.h>
#include <sys/resource.h>

#include <thread>

#include "feed-rig.h"

using namespace test;

namespace {

std::size_t openDescriptors() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

template <class F>
Code codeOf(F command) {
  return World::callDone([&](Done done) { command(std::move(done)); }).code;
}

}  // namespace

TEST("every call with a handle that names nothing answers dead-handle") {
  World world;
  Engine& engine = world.engine();
  CHECK(codeOf([&](Done d) { engine.closeListener(ListenerId{9}, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.closeConnection(ConnectionId{9}, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.closeSplice(SpliceId{9}, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.closePair(PairId{9}, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.closeFeed(FeedId{9}, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.receive(FeedId{9}, {}, false, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.play(ViewerId{9}, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.pause(ViewerId{9}, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { engine.closeViewer(ViewerId{9}, true, std::move(d)); }) == Code::deadHandle);
  engine.sendText(ConnectionId{9}, bytesOf("nobody"));
  engine.consumed(ConnectionId{9}, 1, 1);
  FeedRig rig(world);
  ViewerOptions options;
  options.tracks = {{0, Interleaved{ConnectionId{9}, 0, 1}}};
  options.slot = world.newSlot();
  const auto added = World::call<ViewerAdded>([&](auto done) { engine.addViewer(rig.feed, options, std::move(done)); });
  CHECK(added.status.code == Code::deadHandle);
  // One kind of handle is not another.
  CHECK(codeOf([&](Done d) { engine.closePair(PairId{static_cast<std::uint64_t>(rig.feed)}, std::move(d)); }) == Code::deadHandle);
}

TEST("arguments out of their range are refused and change nothing") {
  World world;
  Engine& engine = world.engine();
  FeedOptions good;
  good.tracks = {{90'000, StartPointCodec::h264, true}};
  good.ringBytes = kMinRingBytes;
  good.ringMs = 1000;
  const auto codeFor = [&](auto change) {
    FeedOptions options = good;
    change(options);
    return World::call<FeedId>([&](auto done) { engine.createFeed(options, std::move(done)); }).status.code;
  };
  CHECK(codeFor([](FeedOptions& o) { o.tracks.clear(); }) == Code::badArgument);
  CHECK(codeFor([](FeedOptions& o) { o.tracks.resize(17, o.tracks[0]); }) == Code::badArgument);
  CHECK(codeFor([](FeedOptions& o) { o.tracks[0].clockRateHz = 0; }) == Code::badArgument);
  CHECK(codeFor([](FeedOptions& o) { o.tracks[0].codec = static_cast<StartPointCodec>(99); }) == Code::badArgument);
  CHECK(codeFor([](FeedOptions& o) { o.ringBytes = 1; }) == Code::badArgument);
  CHECK(codeFor([](FeedOptions& o) { o.ringMs = 0; }) == Code::badArgument);
  CHECK(codeFor([](FeedOptions& o) { o.slot = 1'000'000; }) == Code::badArgument);
  CHECK(codeFor([](FeedOptions&) {}) == Code::ok);

  FeedRig rig(world);
  const auto viewer = rig.addUdp();
  const auto viewerCode = [&](std::vector<ViewerTrack> tracks) {
    ViewerOptions options;
    options.tracks = std::move(tracks);
    options.slot = world.newSlot();
    return World::call<ViewerAdded>([&](auto done) { engine.addViewer(rig.feed, options, std::move(done)); }).status.code;
  };
  const PairOpened pair = rig.openPair();
  const Address target = *Address::parse("127.0.0.1", 5000);
  CHECK(viewerCode({}) == Code::badArgument);
  CHECK(viewerCode({{2, UdpTarget{pair.id, target, target}}}) == Code::badArgument);
  CHECK(viewerCode({{0, UdpTarget{pair.id, target.withPort(0), target}}}) == Code::badArgument);
  CHECK(viewerCode({{0, UdpTarget{pair.id, *Address::parse("::1", 5000), *Address::parse("::1", 5001)}}}) == Code::badArgument);
  CHECK(viewerCode({{0, UdpTarget{pair.id, target, target}}, {0, UdpTarget{pair.id, target, target}}}) == Code::badArgument);
  // Nothing is left of what was refused: the pair takes that address now.
  CHECK(viewerCode({{0, UdpTarget{pair.id, target, target}}}) == Code::ok);
  // An upstream pair serves no viewers.
  CHECK(viewerCode({{0, UdpTarget{rig.upstream[0].id, target, target}}}) == Code::wrongState);
}

TEST("adopt and splice refuse what is no connected TCP socket and close it") {
  World world;
  const std::size_t before = openDescriptors();
  for (int i = 0; i < 3; ++i) {
    AdoptOptions options;
    options.fd = ::socket(AF_INET, i == 0 ? SOCK_DGRAM : SOCK_STREAM, 0);
    options.limits = {1024, i == 2 ? 0U : 1024U};
    options.slot = i == 2 ? 1'000'000 : 0;
    const auto adopted = World::call<ConnectionId>([&](auto done) { world.engine().adopt(options, std::move(done)); });
    CHECK(!adopted.ok());
    SpliceOptions both;
    both.a = ::socket(AF_INET, SOCK_DGRAM, 0);
    both.b = ::socket(AF_INET, SOCK_STREAM, 0);
    CHECK(!World::call<SpliceId>([&](auto done) { world.engine().splice(both, std::move(done)); }).ok());
  }
  // The command that held them goes after its completion.
  World::awaitTrue([&] { return openDescriptors() == before; }, "descriptors are closed");
}

TEST("a feed that is closed takes its viewers with it, and a waiting addViewer is answered") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const auto udp = rig.addUdp();
  const auto tcp = rig.addTcp();
  rig.play(udp->id);
  rig.play(tcp->id);
  ViewerOptions options;
  const PairOpened pair = rig.openPair();
  options.tracks = {{1, UdpTarget{pair.id, udp->rtp.local(), udp->rtcp.local()}}};
  options.startWaitMs = 1000 * kWaitMs;
  options.slot = 5000;
  const auto promise = std::make_shared<std::promise<Code>>();
  auto waiting = promise->get_future();
  world.engine().addViewer(rig.feed, options, [promise](const Result<ViewerAdded>& result) { promise->set_value(result.status.code); });
  world.settle();
  CHECK(waiting.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  CHECK(codeOf([&](Done d) { world.engine().closeFeed(rig.feed, std::move(d)); }) == Code::ok);
  CHECK(waiting.get() == Code::deadHandle);
  CHECK(codeOf([&](Done d) { world.engine().play(udp->id, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { world.engine().closeViewer(tcp->id, false, std::move(d)); }) == Code::deadHandle);
  CHECK(codeOf([&](Done d) { world.engine().closeConnection(tcp->connection, std::move(d)); }) == Code::ok);
}

TEST("an engine that is destroyed while busy answers everything and leaves no descriptor") {
  const std::size_t before = openDescriptors();
  std::atomic<int> answered = 0;
  {
    World world;
    FeedRig rig(world);
    rig.send(0, rig.video(true));
    const auto udp = rig.addUdp();
    const auto tcp = rig.addTcp();
    rig.play(udp->id);
    rig.play(tcp->id);
    std::atomic<bool> stop = false;
    std::thread flood([&] {
      while (!stop) rig.originRtp[0]->send(rig.video(true), rig.upstream[0].rtp);
    });
    ConnectOptions connect;
    connect.remote = *Address::parse("198.51.100.9", 9);
    connect.timeoutMs = 60'000;
    world.engine().connect(connect, [&](Result<Connected>) { ++answered; });
    ViewerOptions options;
    options.tracks = {{1, UdpTarget{rig.openPair().id, udp->rtp.local(), udp->rtcp.local()}}};
    options.startWaitMs = 60'000;
    options.slot = world.newSlot();
    world.engine().addViewer(rig.feed, options, [&](Result<ViewerAdded> result) {
      CHECK(!result.ok());
      ++answered;
    });
    for (int i = 0; i < 50; ++i) world.engine().openPair({*Address::parse("127.0.0.1", 0), false, {}}, [&](auto) { ++answered; });
    world.stopEngine();
    stop = true;
    flood.join();
  }
  CHECK_EQ(answered, 52);
  CHECK_EQ(openDescriptors(), before);
}

TEST("thousands of viewers come and go while the feed runs, and nothing is left of them") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(true));
  const std::size_t before = openDescriptors();
  const PairOpened shared = rig.openPair();
  UdpPeer sink("0.0.0.0");
  std::atomic<bool> stop = false;
  std::thread flood([&] {
    while (!stop) {
      rig.originRtp[0]->send(rig.video(true), rig.upstream[0].rtp);
      std::this_thread::yield();
    }
  });
  constexpr int kRounds = 20;
  constexpr int kViewers = 150;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<ViewerId> viewers;
    for (int i = 0; i < kViewers; ++i) {
      ViewerOptions options;
      const Address at = Address::parse("127.1.0." + std::to_string(i + 1), sink.local().port).value();
      options.tracks = {{0, UdpTarget{shared.id, at, at.withPort(0)}}};
      options.slot = 1000 + static_cast<std::uint32_t>(i);
      const auto added = World::call<ViewerAdded>([&](auto done) { world.engine().addViewer(rig.feed, options, std::move(done)); });
      CHECK(added.ok());
      viewers.push_back(added.value.id);
      world.engine().play(added.value.id, [](Status) {});
    }
    for (const ViewerId id : viewers) CHECK(codeOf([&](Done d) { world.engine().closeViewer(id, round % 2 == 0, std::move(d)); }) == Code::ok);
  }
  stop = true;
  flood.join();
  CHECK(codeOf([&](Done d) { world.engine().closePair(shared.id, std::move(d)); }) == Code::ok);
  CHECK_EQ(openDescriptors(), before + 1);
}

TEST("a realtime priority that is refused is told and not fatal; one that is granted is told too") {
  World world(10);
  rlimit limit{};
  ::getrlimit(RLIMIT_RTPRIO, &limit);
  if (::geteuid() != 0 && limit.rlim_cur == 0) CHECK(!world.engine().realtime());
  CHECK(world.engine().cpuNs() > 0);
  CHECK(codeOf([&](Done d) { world.engine().closePair(PairId{1}, std::move(d)); }) == Code::deadHandle);
}

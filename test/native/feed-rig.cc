#include "feed-rig.h"

namespace test {

FeedRig::FeedRig(World& w, std::uint32_t ringBytes, const std::string& address, std::uint32_t ringMs,
                 std::optional<CatchUp> catchUp, StartPointCodec codec)
    : world(w), slot(w.newSlot()), address_(address) {
  FeedOptions options;
  options.tracks = {{90'000, codec, true}, {48'000, StartPointCodec::none, false}};
  options.ringBytes = ringBytes;
  options.ringMs = ringMs;
  options.catchUp = catchUp;
  options.slot = slot;
  const auto created = World::call<FeedId>([&](auto done) { world.engine().createFeed(options, std::move(done)); });
  CHECK(created.ok());
  feed = created.value;
  receive(false);
}

void FeedRig::resume() {
  upstream.clear();
  originRtp.clear();
  originRtcp.clear();
  receive(true);
}

void FeedRig::receive(bool resume) {
  std::vector<UpstreamTrack> tracks;
  for (std::uint32_t track = 0; track < 2; ++track) {
    upstream.push_back(openPair(address_));
    originRtp.push_back(std::make_unique<UdpPeer>(address_));
    originRtcp.push_back(std::make_unique<UdpPeer>(address_));
    tracks.push_back({track, UdpSource{upstream[track].id, originRtp[track]->local(), originRtcp[track]->local()}});
  }
  CHECK(World::callDone([&](Done done) { world.engine().receive(feed, tracks, resume, std::move(done)); }).ok());
}

void FeedRig::send(std::uint32_t track, const Bytes& packet) {
  const std::uint64_t before = world.counter(slot, FeedCounter::rxPackets);
  originRtp[track]->send(packet, upstream[track].rtp);
  world.awaitCounter(slot, FeedCounter::rxPackets, before + 1);
  world.settle();
}

void FeedRig::burst(std::uint32_t track, const std::vector<Bytes>& packets) {
  const auto seen = [this] {
    return world.counter(slot, FeedCounter::rxPackets) + world.counter(slot, FeedCounter::rejectedPackets);
  };
  const std::uint64_t before = seen();
  struct Gate {
    std::promise<void> reached;
    std::promise<void> open;
  };
  const auto gate = std::make_shared<Gate>();
  // A command on a handle that names nothing is answered on the engine's thread, which stands still meanwhile.
  world.engine().closePair(PairId{0}, [gate](Status /*dead*/) {
    gate->reached.set_value();
    gate->open.get_future().wait();
  });
  gate->reached.get_future().wait();
  for (const Bytes& packet : packets) originRtp[track]->send(packet, upstream[track].rtp);
  gate->open.set_value();
  World::awaitTrue([&] { return seen() == before + packets.size(); }, "burst");
  world.settle();
}

void FeedRig::sendRtcp(std::uint32_t track, const Bytes& packet) {
  const std::uint64_t before = world.counter(slot, FeedCounter::rxRtcpPackets);
  originRtcp[track]->send(packet, upstream[track].rtcp);
  world.awaitCounter(slot, FeedCounter::rxRtcpPackets, before + 1);
  world.settle();
}

Bytes FeedRig::video(bool idr, std::size_t payloadBytes, bool sameUnit) {
  if (!sameUnit) rtpTime_ += 3600;
  return rtp(seq_++, rtpTime_, h264(idr, payloadBytes));
}

PairOpened FeedRig::openPair(const std::string& address) {
  PairOptions options;
  options.address = *Address::parse(address, 0);
  const auto opened = World::call<PairOpened>([&](auto done) { world.engine().openPair(options, std::move(done)); });
  CHECK(opened.ok());
  return opened.value;
}

std::unique_ptr<FeedRig::UdpViewer> FeedRig::addUdp(std::uint32_t startWaitMs, const std::string& address,
                                                    const PairOpened* shared) {
  auto viewer = std::make_unique<UdpViewer>(
      UdpViewer{{}, world.newSlot(), UdpPeer(address), UdpPeer(address), shared != nullptr ? *shared : openPair(address), {}});
  ViewerOptions options;
  options.tracks = {{0, UdpTarget{viewer->pair.id, viewer->rtp.local(), viewer->rtcp.local()}}};
  options.startWaitMs = startWaitMs;
  options.slot = viewer->slot;
  auto added = World::call<ViewerAdded>([&](auto done) { world.engine().addViewer(feed, options, std::move(done)); });
  CHECK_EQ(std::string(added.status.what), "");
  viewer->id = added.value.id;
  viewer->starts = std::move(added.value.starts);
  return viewer;
}

std::unique_ptr<FeedRig::TcpViewer> FeedRig::addTcp(std::uint32_t startWaitMs, int receiveBytes, std::uint8_t channel) {
  auto viewer = std::make_unique<TcpViewer>();
  viewer->slot = world.newSlot();
  viewer->connectionSlot = world.newSlot();
  auto [peer, fd] = TcpPeer::pair(receiveBytes);
  viewer->peer = std::move(peer);
  viewer->engineFd = fd;
  AdoptOptions adopt;
  adopt.fd = fd;
  adopt.limits = {8192, 65'536};
  adopt.slot = viewer->connectionSlot;
  const auto adopted = World::call<ConnectionId>([&](auto done) { world.engine().adopt(adopt, std::move(done)); });
  CHECK(adopted.ok());
  viewer->connection = adopted.value;
  ViewerOptions options;
  const auto next = [&channel] { return channel++; };
  options.tracks = {{0, Interleaved{viewer->connection, next(), next()}}, {1, Interleaved{viewer->connection, next(), next()}}};
  options.startWaitMs = startWaitMs;
  options.slot = viewer->slot;
  auto added = World::call<ViewerAdded>([&](auto done) { world.engine().addViewer(feed, options, std::move(done)); });
  CHECK_EQ(std::string(added.status.what), "");
  viewer->id = added.value.id;
  viewer->starts = std::move(added.value.starts);
  return viewer;
}

void FeedRig::play(ViewerId id) {
  CHECK(World::callDone([&](Done done) { world.engine().play(id, std::move(done)); }).ok());
}

}  // namespace test

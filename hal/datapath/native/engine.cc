#include "engine.h"

#include "core.h"

namespace weir {

Result<std::unique_ptr<Engine>> Engine::start(EngineOptions options, EventSink& sink) {
  auto core = std::make_unique<Core>(std::move(options), sink);
  if (const Status started = core->start(); !started.ok()) return started;
  return std::unique_ptr<Engine>(new Engine(std::move(core)));
}

Engine::Engine(std::unique_ptr<Core> core) : core_(std::move(core)) {}

Engine::~Engine() = default;

void Engine::listen(ListenOptions options, Completion<Listening> done) {
  core_->post(std::move(done), [options](Core& core, auto&& d) { core.listen(options, std::move(d)); });
}

void Engine::closeListener(ListenerId id, Done done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) { core.closeListener(id, std::move(d)); });
}

void Engine::connect(ConnectOptions options, Completion<Connected> done) {
  core_->post(std::move(done), [options](Core& core, auto&& d) { core.connect(options, std::move(d)); });
}

void Engine::adopt(AdoptOptions options, Completion<ConnectionId> done) {
  Fd fd(options.fd);
  core_->post(std::move(done), [options = std::move(options), fd = std::move(fd)](Core& core, auto&& d) mutable {
    core.adopt(std::move(options), std::move(fd), std::move(d));
  });
}

void Engine::consumed(ConnectionId id, std::uint32_t messages, std::uint64_t bytes) {
  core_->post(Done(), [=](Core& core, auto&&) {
    if (InterleavedConnection* connection = core.connection(id)) connection->consumed(messages, bytes);
  });
}

void Engine::sendText(ConnectionId id, Bytes text) {
  core_->post(Done(), [id, text = std::move(text)](Core& core, auto&&) {
    if (InterleavedConnection* connection = core.connection(id)) connection->sendText(text);
  });
}

void Engine::takeFrame(ConnectionId id, std::uint8_t channel, Bytes bytes) {
  core_->post(Done(), [id, channel, bytes = std::move(bytes)](Core& core, auto&&) {
    if (InterleavedConnection* connection = core.connection(id)) connection->takeFrame(channel, bytes);
  });
}

void Engine::closeConnection(ConnectionId id, Done done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) { core.closeConnection(id, std::move(d)); });
}

void Engine::releaseConnection(ConnectionId id, Completion<std::unique_ptr<ConnectionParcel>> done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) { core.releaseConnection(id, std::move(d)); });
}

void Engine::takeConnection(std::unique_ptr<ConnectionParcel> parcel, std::uint32_t slot, Completion<ConnectionId> done) {
  core_->post(std::move(done), [parcel = std::move(parcel), slot](Core& core, auto&& d) mutable {
    core.takeConnection(std::move(parcel), slot, std::move(d));
  });
}

void Engine::splice(SpliceOptions options, Completion<SpliceId> done) {
  Fd a(options.a);
  Fd b(options.b);
  core_->post(std::move(done),
              [options = std::move(options), a = std::move(a), b = std::move(b)](Core& core, auto&& d) mutable {
                core.splice(std::move(options), std::move(a), std::move(b), std::move(d));
              });
}

void Engine::closeSplice(SpliceId id, Done done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) { core.closeSplice(id, std::move(d)); });
}

void Engine::openPair(PairOptions options, Completion<PairOpened> done) {
  core_->post(std::move(done), [options](Core& core, auto&& d) { core.openPair(options, std::move(d)); });
}

void Engine::closePair(PairId id, Done done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) { core.closePair(id, std::move(d)); });
}

void Engine::releasePair(PairId id, Completion<std::unique_ptr<PairParcel>> done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) { core.releasePair(id, std::move(d)); });
}

void Engine::takePair(std::unique_ptr<PairParcel> parcel, Completion<PairId> done) {
  core_->post(std::move(done), [parcel = std::move(parcel)](Core& core, auto&& d) mutable {
    core.takePair(std::move(parcel), std::move(d));
  });
}

void Engine::cloneAt(unsigned device, Done done) {
  core_->post(std::move(done), [device](Core& core, auto&& d) { d(core.cloneAt(device)); });
}

void Engine::createFeed(FeedOptions options, Completion<FeedId> done) {
  core_->post(std::move(done),
              [options = std::move(options)](Core& core, auto&& d) { core.createFeed(options, std::move(d)); });
}

void Engine::receive(FeedId id, std::vector<UpstreamTrack> tracks, bool resume, Done done) {
  core_->post(std::move(done), [id, tracks = std::move(tracks), resume](Core& core, auto&& d) {
    core.receive(id, tracks, resume, std::move(d));
  });
}

void Engine::closeFeed(FeedId id, Done done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) { core.closeFeed(id, std::move(d)); });
}

void Engine::addViewer(FeedId id, ViewerOptions options, Completion<ViewerAdded> done) {
  core_->post(std::move(done), [id, options = std::move(options)](Core& core, auto&& d) {
    core.addViewer(id, options, std::move(d));
  });
}

void Engine::play(ViewerId id, Done done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) {
    Viewer* viewer = core.viewer(id);
    d(viewer != nullptr ? viewer->play() : Status::dead("viewer"));
  });
}

void Engine::pause(ViewerId id, Done done) {
  core_->post(std::move(done), [id](Core& core, auto&& d) {
    Viewer* viewer = core.viewer(id);
    if (viewer != nullptr) viewer->pause();
    d(viewer != nullptr ? Status{} : Status::dead("viewer"));
  });
}

void Engine::seekToStart(ViewerId id, std::uint32_t startWaitMs, Completion<std::vector<TrackStart>> done) {
  core_->post(std::move(done), [id, startWaitMs](Core& core, auto&& d) {
    if (Viewer* viewer = core.viewer(id)) return viewer->seekToStart(startWaitMs, std::move(d));
    d(Status::dead("viewer"));
  });
}

void Engine::closeViewer(ViewerId id, bool bye, Done done) {
  core_->post(std::move(done), [id, bye](Core& core, auto&& d) { core.closeViewer(id, bye, std::move(d)); });
}

std::uint64_t Engine::cpuNs() const { return core_->cpuNs(); }

std::int64_t Engine::awakeNs() const { return core_->awakeNs(); }

bool Engine::realtime() const { return core_->realtime(); }

CloningFacts Engine::cloning() const { return core_->cloning(); }

}  // namespace weir

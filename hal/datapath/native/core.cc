#include "core.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "socket-factory.h"

namespace weir {

Engine::Core::Core(EngineOptions options, EventSink& sink) : options_(std::move(options)), sink_(sink) {}

Engine::Core::~Core() {
  if (!running_) return;
  stopAsked_ = true;
  queue_.push([] {});
  ::pthread_join(thread_, nullptr);
}

Status Engine::Core::start() {
  if (options_.counters.slots > 0 && options_.counters.base == nullptr) return Status::bad("counters");
  if (options_.realtimePriority < 0 || options_.realtimePriority > 99) return Status::bad("realtimePriority");
  if (!loop_.open() || queue_.fd() < 0) return Status::failed("epoll_create1", errno);
  commands_ = loop_.watch(queue_.fd(), EPOLLIN, *this);
  if (!commands_.active()) return Status::failed("epoll_ctl", errno);
  // Without it all goes by sockets.
  if (options_.cloning) cloneRefused_ = work_.cloner.open(cloneVerifier_);
  // Signals are for the threads that were there before; a broken pipe (splice) is an error code here.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto run = [](void* core) -> void* {
    static_cast<Core*>(core)->runThread();
    return nullptr;
  };
  const int failure = ::pthread_create(&thread_, nullptr, run, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure != 0) return Status::failed("pthread_create", failure);
  running_ = true;
  ::pthread_setname_np(thread_, options_.threadName.substr(0, 15).c_str());
  if (options_.realtimePriority > 0) {
    sched_param priority{};
    priority.sched_priority = options_.realtimePriority;
    realtime_ = ::pthread_setschedparam(thread_, SCHED_FIFO, &priority) == 0;
  }
  if (::pthread_getcpuclockid(thread_, &cpuClock_) != 0) return Status::failed("pthread_getcpuclockid", errno);
  return {};
}

std::uint64_t Engine::Core::cpuNs() const {
  timespec used{};
  ::clock_gettime(cpuClock_, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * kNsPerSecond + static_cast<std::uint64_t>(used.tv_nsec);
}

void Engine::Core::runThread() {
  loop_.run();
  shutDown();
}

void Engine::Core::onReady(std::uint32_t) {
  for (CommandQueue::Command& command : queue_.take()) command();
  if (stopAsked_) loop_.stop();
}

void Engine::Core::shutDown() {
  stopping_ = true;
  closingViewers_.clear();
  viewers_.clear();
  feeds_.clear();
  closingConnections_.clear();
  connections_.clear();
  pairs_.clear();
  splices_.clear();
  connectors_.clear();
  listeners_.clear();
  for (CommandQueue::Command& command : queue_.take()) command();
}

void Engine::Core::listen(const ListenOptions& options, Completion<Listening> done) {
  if (options.backlog < 1) return done(Status::bad("backlog"));
  Result<Fd> fd = openTcpListener(options.local, options.transparent, options.backlog);
  if (!fd.ok()) return done(fd.status);
  const ListenerId id{nextId()};
  auto listener = std::make_unique<Listener>(loop_, sink_, id, std::move(fd.value));
  if (!listener->open()) return done(Status::failed("epoll_ctl", errno));
  const Address local = listeners_.add(id, std::move(listener)).local();
  done(Listening{id, local});
}

void Engine::Core::closeListener(ListenerId id, Done done) {
  const bool found = listeners_.take(id) != nullptr;
  done(found ? Status{} : Status::dead("listener"));
}

void Engine::Core::connect(const ConnectOptions& options, Completion<Connected> done) {
  if (options.timeoutMs == 0) return done(Status::bad("timeoutMs"));
  Result<Fd> fd = beginTcpConnect(options.remote, options.local, options.transparent);
  if (!fd.ok()) return done(fd.status);
  const std::uint64_t id = nextId();
  const auto forget = [this, id] { loop_.defer([this, id] { connectors_.take(id); }); };
  connectors_.add(id, std::make_unique<Connector>(loop_, std::move(fd.value), options.timeoutMs, std::move(done), forget));
}

void Engine::Core::adopt(AdoptOptions options, Fd fd, Completion<ConnectionId> done) {
  const CounterSlot<ConnectionCounter> counters(options_.counters, options.slot);
  if (!counters.valid()) return done(Status::bad("slot"));
  if (!fd.open()) return done(Status::bad("fd"));
  if (options.limits.maxHeaderBytes == 0) return done(Status::bad("maxHeaderBytes"));
  const ConnectionId id{nextId()};
  auto connection = std::make_unique<InterleavedConnection>(loop_, work_.arena, work_.frames, sink_, id,
                                                            ConnectionState(std::move(fd), options.limits), counters);
  const Status opened = connection->open(std::move(options.unread), options.userTimeoutMs);
  if (!opened.ok()) return done(opened);
  connections_.add(id, std::move(connection));
  done(id);
}

void Engine::Core::closeConnection(ConnectionId id, Done done) {
  auto connection = connections_.take(id);
  if (!connection) return done(Status::dead("connection"));
  InterleavedConnection& closing = closingConnections_.add(id, std::move(connection));
  closing.close(std::move(done), [this, id] { loop_.defer([this, id] { closingConnections_.take(id); }); });
}

void Engine::Core::releaseConnection(ConnectionId id, Completion<std::unique_ptr<ConnectionParcel>> done) {
  InterleavedConnection* connection = connections_.find(id);
  if (connection == nullptr) return done(Status::dead("connection"));
  if (!connection->carriesFrames()) return done(Status{Code::wrongState, 0, "connection has ended"});
  if (connection->busy()) return done(Status{Code::wrongState, EBUSY, "connection carries frames"});
  std::unique_ptr<ConnectionParcel> parcel = connection->release();
  connections_.take(id);
  done(std::move(parcel));
}

void Engine::Core::takeConnection(std::unique_ptr<ConnectionParcel> parcel, std::uint32_t slot,
                                  Completion<ConnectionId> done) {
  const CounterSlot<ConnectionCounter> counters(options_.counters, slot);
  if (!counters.valid()) return done(Status::bad("slot"));
  if (!parcel) return done(Status::bad("parcel"));
  const ConnectionId id{nextId()};
  auto connection = std::make_unique<InterleavedConnection>(
      loop_, work_.arena, work_.frames, sink_, id, static_cast<ConnectionState&&>(*parcel), counters);
  if (const Status resumed = connection->resume(); !resumed.ok()) return done(resumed);
  connections_.add(id, std::move(connection));
  done(id);
}

void Engine::Core::splice(SpliceOptions options, Fd a, Fd b, Completion<SpliceId> done) {
  const CounterSlot<SpliceCounter> counters(options_.counters, options.slot);
  if (!counters.valid()) return done(Status::bad("slot"));
  if (!a.open() || !b.open()) return done(Status::bad("fd"));
  const SpliceId id{nextId()};
  auto splice = std::make_unique<Splice>(loop_, sink_, id, std::move(a), std::move(b), std::move(options), counters);
  if (const Status opened = splice->open(); !opened.ok()) return done(opened);
  splices_.add(id, std::move(splice));
  done(id);
}

void Engine::Core::closeSplice(SpliceId id, Done done) {
  const auto splice = splices_.take(id);
  if (!splice) return done(Status::dead("splice"));
  splice->close();
  done(Status{});
}

void Engine::Core::openPair(const PairOptions& options, Completion<PairOpened> done) {
  Result<std::unique_ptr<UdpPair>> pair = UdpPair::open(loop_, work_.arena, options, work_.random);
  if (!pair.ok()) return done(pair.status);
  const PairId id{nextId()};
  UdpPair& opened = pairs_.add(id, std::move(pair.value));
  done(PairOpened{id, opened.rtp().local(), opened.rtcp().local()});
}

void Engine::Core::closePair(PairId id, Done done) {
  // Its ports are free when the caller hears of it.
  const bool found = pairs_.take(id) != nullptr;
  done(found ? Status{} : Status::dead("pair"));
}

void Engine::Core::releasePair(PairId id, Completion<std::unique_ptr<PairParcel>> done) {
  UdpPair* pair = pairs_.find(id);
  if (pair == nullptr) return done(Status::dead("pair"));
  if (pair->busy()) return done(Status{Code::wrongState, EBUSY, "pair is in use"});
  std::unique_ptr<PairParcel> parcel = pair->release();
  pairs_.take(id);
  done(std::move(parcel));
}

void Engine::Core::takePair(std::unique_ptr<PairParcel> parcel, Completion<PairId> done) {
  if (!parcel) return done(Status::bad("parcel"));
  const PairId id{nextId()};
  pairs_.add(id, std::make_unique<UdpPair>(loop_, work_.arena, static_cast<UdpPair::Parts&&>(*parcel)));
  done(id);
}

void Engine::Core::createFeed(const FeedOptions& options, Completion<FeedId> done) {
  const FeedSlot counters(options_.counters, options.slot);
  if (!counters.valid()) return done(Status::bad("slot"));
  if (options.tracks.empty() || options.tracks.size() > kMaxTracks) return done(Status::bad("tracks"));
  for (const TrackOptions& track : options.tracks) {
    if (track.clockRateHz == 0) return done(Status::bad("clockRateHz"));
    if (track.codec < StartPointCodec::h264 || track.codec > StartPointCodec::none) return done(Status::bad("codec"));
  }
  if (options.ringBytes < kMinRingBytes || options.ringBytes > kMaxRingBytes) return done(Status::bad("ringBytes"));
  if (options.ringMs == 0) return done(Status::bad("ringMs"));
  if (options.catchUp && options.catchUp->maxMs == 0) return done(Status::bad("maxMs"));
  if (options.catchUp && options.catchUp->maxBytes == 0) return done(Status::bad("maxBytes"));
  const FeedId id{nextId()};
  auto feed = std::make_unique<Feed>(loop_, work_, sink_, id, options, counters);
  if (!feed->open()) return done(Status{Code::limitReached, ENOMEM, "ringBytes"});
  feeds_.add(id, std::move(feed));
  done(id);
}

Status Engine::Core::lookUp(const UpstreamTrack& track, TrackFrom& from) const {
  if (const auto* udp = std::get_if<UdpSource>(&track.from)) {
    UdpPair* pair = pairs_.find(udp->pair);
    if (pair == nullptr) return Status::dead("pair");
    const int family = pair->rtp().local().family;
    if (udp->rtpSource.family != family || udp->rtcpSource.family != family) return Status::bad("rtpSource");
    from = UdpFrom{pair, udp->rtpSource, udp->rtcpSource};
    return {};
  }
  const auto& interleaved = std::get<Interleaved>(track.from);
  InterleavedConnection* found = connections_.find(interleaved.connection);
  if (found == nullptr) return Status::dead("connection");
  if (interleaved.rtpChannel == interleaved.rtcpChannel) return Status::bad("rtcpChannel");
  from = InterleavedFrom{found, interleaved.rtpChannel, interleaved.rtcpChannel};
  return {};
}

void Engine::Core::receive(FeedId id, const std::vector<UpstreamTrack>& tracks, bool resume, Done done) {
  Feed* feed = feeds_.find(id);
  if (feed == nullptr) return done(Status::dead("feed"));
  std::vector<TrackFrom> sources(tracks.size());
  std::uint32_t given = 0;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    if (tracks[i].track >= feed->trackCount() || (given >> tracks[i].track & 1) != 0) return done(Status::bad("track"));
    given |= 1U << tracks[i].track;
    if (const Status found = lookUp(tracks[i], sources[i]); !found.ok()) return done(found);
  }
  if (resume) feed->resume();
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    const Status received = feed->track(tracks[i].track).receive(sources[i]);
    if (!received.ok()) return done(received);
  }
  done(Status{});
}

void Engine::Core::closeFeed(FeedId id, Done done) {
  Feed* feed = feeds_.find(id);
  if (feed == nullptr) return done(Status::dead("feed"));
  const auto isIts = [feed](Viewer& viewer) { return &viewer.feed() == feed; };
  closingViewers_.eraseIf(isIts);
  viewers_.eraseIf(isIts);
  feeds_.take(id);
  done(Status{});
}

Status Engine::Core::lookUp(const ViewerTrack& track, TrackTo& to) const {
  to.track = track.track;
  if (const auto* udp = std::get_if<UdpTarget>(&track.to)) {
    UdpPair* pair = pairs_.find(udp->pair);
    if (pair == nullptr) return Status::dead("pair");
    to.to = UdpTo{pair, udp->rtpTarget, udp->rtcpTarget};
    return {};
  }
  const auto& interleaved = std::get<Interleaved>(track.to);
  InterleavedConnection* found = connections_.find(interleaved.connection);
  if (found == nullptr) return Status::dead("connection");
  to.to = InterleavedTo{found, interleaved.rtpChannel, interleaved.rtcpChannel};
  return {};
}

void Engine::Core::addViewer(FeedId id, const ViewerOptions& options, Completion<ViewerAdded> done) {
  Feed* feed = feeds_.find(id);
  if (feed == nullptr) return done(Status::dead("feed"));
  const ViewerSlot counters(options_.counters, options.slot);
  if (!counters.valid()) return done(Status::bad("slot"));
  std::vector<TrackTo> tracks(options.tracks.size());
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    if (const Status found = lookUp(options.tracks[i], tracks[i]); !found.ok()) return done(found);
  }
  const ViewerId viewerId{nextId()};
  auto viewer = std::make_unique<Viewer>(*feed, loop_, sink_, viewerId, counters);
  if (const Status added = viewer->addTracks(tracks); !added.ok()) return done(added);
  viewers_.add(viewerId, std::move(viewer))
      .seekToStart(options.startWaitMs, [viewerId, done = std::move(done)](Result<std::vector<TrackStart>> starts) {
        if (!starts.ok()) return done(starts.status);
        done(ViewerAdded{viewerId, std::move(starts.value)});
      });
}

void Engine::Core::closeViewer(ViewerId id, bool bye, Done done) {
  auto viewer = viewers_.take(id);
  if (!viewer) return done(Status::dead("viewer"));
  Viewer& closing = closingViewers_.add(id, std::move(viewer));
  closing.close(bye, std::move(done), [this, id] { loop_.defer([this, id] { closingViewers_.take(id); }); });
}

}  // namespace weir

#pragma once

#include <pthread.h>

#include <atomic>
#include <unordered_map>

#include "command-queue.h"
#include "connector.h"
#include "engine.h"
#include "listener.h"
#include "splice.h"
#include "viewer.h"

namespace weir {

/** Objects by handle, in the order their handles were given. */
template <class Id, class T>
class Table {
 public:
  T* find(Id id) const {
    const auto found = objects_.find(static_cast<std::uint64_t>(id));
    return found == objects_.end() ? nullptr : found->second.get();
  }
  T& add(Id id, std::unique_ptr<T> object) { return *(objects_[static_cast<std::uint64_t>(id)] = std::move(object)); }
  /** Takes it out; null when there is none. */
  std::unique_ptr<T> take(Id id) {
    auto node = objects_.extract(static_cast<std::uint64_t>(id));
    return node.empty() ? nullptr : std::move(node.mapped());
  }
  template <class Which>
  void eraseIf(Which which) {
    for (auto at = objects_.begin(); at != objects_.end();) {
      at = which(*at->second) ? objects_.erase(at) : std::next(at);
    }
  }
  void clear() {
    // One by one: what an object says on its way out must find the table whole.
    while (!objects_.empty()) objects_.extract(objects_.begin());
  }

 private:
  std::unordered_map<std::uint64_t, std::unique_ptr<T>> objects_;
};

/** The inside of an engine: all of it but `post` is used on the engine's thread only. */
class Engine::Core final : Loop::Ready {
 public:
  Core(EngineOptions options, EventSink& sink);
  ~Core();
  Status start();

  /** Runs `run(core)` on the thread, or completes `done` with Code::stopped when the engine ends before. */
  template <class D, class F>
  void post(D done, F run) {
    queue_.push([this, done = std::move(done), run = std::move(run)]() mutable {
      if (!stopping_) {
        run(*this, std::move(done));
      } else if (done) {
        done(Status{Code::stopped, 0, "engine"});
      }
    });
  }

  void listen(const ListenOptions& options, Completion<Listening> done);
  void closeListener(ListenerId id, Done done);
  void connect(const ConnectOptions& options, Completion<Connected> done);
  void adopt(AdoptOptions options, Fd fd, Completion<ConnectionId> done);
  void closeConnection(ConnectionId id, Done done);
  void releaseConnection(ConnectionId id, Completion<std::unique_ptr<ConnectionParcel>> done);
  void takeConnection(std::unique_ptr<ConnectionParcel> parcel, std::uint32_t slot, Completion<ConnectionId> done);
  void splice(SpliceOptions options, Fd a, Fd b, Completion<SpliceId> done);
  void closeSplice(SpliceId id, Done done);
  void openPair(const PairOptions& options, Completion<PairOpened> done);
  void closePair(PairId id, Done done);
  void releasePair(PairId id, Completion<std::unique_ptr<PairParcel>> done);
  void takePair(std::unique_ptr<PairParcel> parcel, Completion<PairId> done);
  void createFeed(const FeedOptions& options, Completion<FeedId> done);
  void receive(FeedId id, const std::vector<UpstreamTrack>& tracks, bool resume, Done done);
  void closeFeed(FeedId id, Done done);
  void addViewer(FeedId id, const ViewerOptions& options, Completion<ViewerAdded> done);
  void closeViewer(ViewerId id, bool bye, Done done);

  [[nodiscard]] InterleavedConnection* connection(ConnectionId id) const { return connections_.find(id); }
  [[nodiscard]] Viewer* viewer(ViewerId id) const { return viewers_.find(id); }
  [[nodiscard]] std::uint64_t cpuNs() const;
  [[nodiscard]] std::int64_t awakeNs() const { return loop_.awakeNs(); }
  [[nodiscard]] bool realtime() const { return realtime_; }
  Status cloneAt(unsigned device) { return work_.cloner.attach(device); }
  [[nodiscard]] CloningFacts cloning() const {
    return {cloneRefused_, cloneVerifier_, work_.cloner.attached(), work_.cloner.packets(), work_.cloner.rehearsals()};
  }

 private:
  void onReady(std::uint32_t events) override;
  void runThread();
  void shutDown();
  [[nodiscard]] std::uint64_t nextId() { return ++lastId_; }
  Status lookUp(const UpstreamTrack& track, TrackFrom& from) const;
  Status lookUp(const ViewerTrack& track, TrackTo& to) const;

  EngineOptions options_;
  EventSink& sink_;
  CommandQueue queue_;
  Loop loop_;
  Workspace work_;
  Loop::Watch commands_;
  std::uint64_t lastId_ = 0;
  /** Set on the thread; nothing is begun any more. */
  bool stopping_ = false;
  std::atomic<bool> stopAsked_ = false;
  bool realtime_ = false;
  Status cloneRefused_;
  std::string cloneVerifier_;
  clockid_t cpuClock_{};

  // Viewers and feeds use pairs and connections: they go first, so they stand last.
  Table<ListenerId, Listener> listeners_;
  Table<std::uint64_t, Connector> connectors_;
  Table<SpliceId, Splice> splices_;
  Table<PairId, UdpPair> pairs_;
  Table<ConnectionId, InterleavedConnection> connections_;
  /** Their handle is dead, their end still under way. */
  Table<ConnectionId, InterleavedConnection> closingConnections_;
  Table<FeedId, Feed> feeds_;
  Table<ViewerId, Viewer> viewers_;
  Table<ViewerId, Viewer> closingViewers_;
  pthread_t thread_{};
  bool running_ = false;
};

}  // namespace weir

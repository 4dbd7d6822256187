#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "interleaved-lane.h"
#include "start-wait.h"
#include "udp-lane.h"

namespace weir {

/** How a track reaches a viewer, with the handles looked up. */
struct UdpTo {
  UdpPair* pair;
  Address rtpTarget;
  Address rtcpTarget;
};
struct InterleavedTo {
  InterleavedConnection* connection;
  std::uint8_t rtpChannel;
  std::uint8_t rtcpChannel;
};
struct TrackTo {
  std::uint32_t track;
  std::variant<UdpTo, InterleavedTo> to;
};

/** One receiver of a feed. */
class Viewer final : StartWait::Owner {
 public:
  using Starts = Completion<std::vector<TrackStart>>;

  Viewer(Feed& feed, Loop& loop, EventSink& sink, ViewerId id, ViewerSlot counters);
  Viewer(const Viewer&) = delete;
  Viewer& operator=(const Viewer&) = delete;
  /** What is outstanding completes with Code::deadHandle. */
  ~Viewer();

  [[nodiscard]] Feed& feed() { return feed_; }
  /** All or nothing; only once. */
  Status addTracks(const std::vector<TrackTo>& tracks);
  /** Moves to where a viewer that comes now begins; not while playing. Where that is may show after the answer only. */
  void seekToStart(std::uint32_t waitMs, Starts done);
  Status play();
  void pause();
  /** Stops; `done` when the peer has acknowledged what was on its way to it, or after a while; then `over`. */
  void close(bool bye, Done done, Callback<void()> over);

 private:
  Status addTrack(const TrackTo& track);
  void onPlaced(std::uint64_t position) override;
  void onAnswer(StartWait::Starts starts) override;
  void playLanes();
  void settle();

  Feed& feed_;
  Loop& loop_;
  ViewerFeedback feedback_;
  std::vector<std::uint32_t> tracks_;
  std::unique_ptr<UdpLane> udp_;
  std::vector<std::unique_ptr<InterleavedLane>> interleaved_;
  bool playing_ = false;
  /** It is known where it begins. */
  bool placed_ = false;

  Starts seeking_;
  std::unique_ptr<StartWait> wait_;

  Done closed_;
  Callback<void()> over_;
  std::int64_t settleUntilNs_ = 0;
  Loop::Timer settleTimer_;
};

}  // namespace weir

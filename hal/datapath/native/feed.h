#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "feed-track.h"
#include "picture-clock.h"
#include "rate-meter.h"
#include "ring.h"
#include "workspace.h"

namespace weir {

class UdpLane;
class InterleavedLane;
class StartWait;

using FeedSlot = CounterSlot<FeedCounter>;

/** One live source: its ring, its tracks, and those who follow it. */
class Feed final : Loop::BatchEnd {
 public:
  Feed(Loop& loop, Workspace& work, EventSink& sink, FeedId id, const FeedOptions& options, FeedSlot counters);
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  ~Feed() { loop_.forgetBatchEnd(*this); }
  /** False when there was no memory for the ring. */
  [[nodiscard]] bool open() const { return ring_.open(); }

  [[nodiscard]] FeedId id() const { return id_; }
  [[nodiscard]] std::size_t trackCount() const { return tracks_.size(); }
  [[nodiscard]] FeedTrack& track(std::uint32_t index) { return *tracks_[index]; }
  [[nodiscard]] const Ring& ring() const { return ring_; }
  [[nodiscard]] Workspace& work() { return work_; }
  [[nodiscard]] std::int64_t nowNs() const { return loop_.nowNs(); }
  /** Everything before this has been sent to the live UDP viewers. */
  [[nodiscard]] std::uint64_t flushed() const { return flushed_; }
  /** What comes in, in the last second or over all that is held, whichever is more: a key frame weighs on a calm second. */
  [[nodiscard]] std::uint64_t bytesPerSecond() const;
  /**
   * Where a viewer of these tracks (a bit each) may begin now; nothing while it has to wait for a start point. Without
   * pictures that is the newest packet.
   */
  [[nodiscard]] std::optional<std::uint64_t> beginning(std::uint32_t tracks) const;

  /** Viewers that have caught up: served together. */
  void joinLive(std::uint32_t track, CountedLeg leg);
  void leaveLive(std::uint32_t track, const UdpLeg& leg);
  void refreshLive(std::uint32_t track, const UdpLeg& leg);
  /** Viewers on the way to the head: given a turn every few milliseconds. */
  void beginCatchingUp(UdpLane& lane);
  void endCatchingUp(UdpLane& lane);
  void joinInterleaved(InterleavedLane& lane) { interleaved_.push_back(&lane); }
  void leaveInterleaved(InterleavedLane& lane) { std::erase(interleaved_, &lane); }
  /** Told after every batch that came in. */
  void beginWaiting(StartWait& wait) { waiting_.push_back(&wait); }
  void endWaiting(StartWait& wait) { std::erase(waiting_, &wait); }

  /** The upstream session begins anew: all tracks leave their source, and go on together at a start point. */
  void resume();

  // For its tracks.
  /** The packet that a resumed session went on with, for the other tracks to align with; null before it came. */
  [[nodiscard]] const FeedTrack* resumedBy() const { return resumedBy_; }
  /** A start point came on `track`: none waits any longer. */
  void endWaiting(const FeedTrack& track);
  /** A track that decides where viewers start has a source. */
  [[nodiscard]] bool startsDecided() const;
  [[nodiscard]] FeedSlot& counters() { return counters_; }
  std::uint64_t append(RingEntry entry, ByteView packet);
  void renumber(std::uint64_t position, std::uint32_t ssrc) { ring_.renumber(position, ssrc); }
  void markStart(std::uint64_t position);
  void sayBye(std::uint32_t track) { sink_.bye(id_, track); }
  [[nodiscard]] std::uint32_t randomU32() { return static_cast<std::uint32_t>(work_.random() << 16 ^ work_.random()); }
  /** Between 0 and `below`. */
  [[nodiscard]] std::int64_t randomNs(std::int64_t below) {
    return std::uniform_int_distribution<std::int64_t>(0, below)(work_.random);
  }
  [[nodiscard]] const std::string& cname() const { return cname_; }

 private:
  void onBatchEnd() override;
  void seePicture(const RingEntry& entry);
  void foretell();
  void rehearse();
  void flush();
  void sendToLive(std::uint64_t end);
  void catchUp();
  void armCatchUp(std::int64_t dueNs);
  [[nodiscard]] bool showsPictures(std::uint32_t tracks) const;
  [[nodiscard]] bool mayBeginAt(std::uint64_t position) const;
  [[nodiscard]] bool startsStayAway() const;
  /** Tracks by UDP count each. */
  [[nodiscard]] std::size_t liveViewers() const;
  [[nodiscard]] FanoutGroup* findGroup(std::uint32_t track, const UdpPair& pair);

  Loop& loop_;
  Workspace& work_;
  EventSink& sink_;
  FeedId id_;
  FeedSlot counters_;
  Ring ring_;
  std::optional<CatchUp> catchUp_;
  /** A bit each; none: every packet is a start point. */
  std::uint32_t videoTracks_ = 0;
  /** When the newest start point and the first media came; 0: none yet. */
  std::int64_t startMarkedNs_ = 0;
  std::int64_t mediaSinceNs_ = 0;
  RateMeter rate_;
  std::string cname_;
  std::uint64_t flushed_ = 0;
  std::uint64_t unflushedBytes_ = 0;
  std::uint64_t maxUnflushedBytes_;
  bool flushAsked_ = false;
  /** Which tracks and kinds lie between `flushed_` and the head: a bit each. */
  std::uint32_t unflushedRtp_ = 0;
  std::uint32_t unflushedRtcp_ = 0;
  std::vector<std::unique_ptr<FanoutGroup>> groups_;
  std::vector<UdpLane*> catchingUp_;
  std::vector<InterleavedLane*> interleaved_;
  std::vector<StartWait*> waiting_;
  Loop::Timer catchUpTimer_;
  std::int64_t catchUpDueNs_ = 0;
  /** Armed while the end of a picture is waited for. */
  Loop::Timer pictureTimer_;
  /** The last packet was of a picture of which more comes; how far what came of it makes whole runs. */
  bool pictureOpen_ = false;
  RunEnd runEnd_;
  /** Of the first video track. Armed while its next picture is waited for. */
  std::uint32_t pictureTrack_ = 0;
  std::optional<std::uint32_t> pictureTime_;
  /** When it began to come, until the clock has been told. */
  std::optional<std::int64_t> pictureCameNs_;
  std::optional<PictureClock> pictureClock_;
  Loop::Timer rehearsalTimer_;
  const FeedTrack* resumedBy_ = nullptr;
  // The last: a track that goes away uses what stands above.
  std::vector<std::unique_ptr<FeedTrack>> tracks_;
};

}  // namespace weir

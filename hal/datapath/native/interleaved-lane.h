#pragma once

#include <vector>

#include "cursor.h"
#include "feed.h"
#include "viewer-feedback.h"

namespace weir {

/** The tracks of one viewer that go by one RTSP connection. The connection asks for frames when it takes some. */
class InterleavedLane final : FrameSource, FrameTaker {
 public:
  InterleavedLane(Feed& feed, InterleavedConnection& connection, ViewerFeedback& feedback);
  InterleavedLane(const InterleavedLane&) = delete;
  InterleavedLane& operator=(const InterleavedLane&) = delete;
  ~InterleavedLane();

  Status add(std::uint32_t track, std::uint8_t rtpChannel, std::uint8_t rtcpChannel);
  [[nodiscard]] Cursor& cursor() { return cursor_; }
  [[nodiscard]] bool uses(const InterleavedConnection& connection) const { return connection_ == &connection; }

  void play();
  void pause();
  void bye();
  /** There is something new in the ring. */
  void wake();
  /** Fetches what `wake` will read, in stages one after the other: each reads what the one before it has fetched. */
  void fetch(std::size_t stage) const;
  static constexpr std::size_t kFetchStages = 3;
  /** Nothing of it is on the way any more. */
  [[nodiscard]] bool settled() { return connection_ == nullptr || connection_->settled(*this); }

 private:
  /** Of a track: what has to come before its media. */
  struct FirstReport {
    /** It is still to be sent. */
    bool due = false;
    /** Reports before that position are older than the one that was sent first. */
    std::uint64_t reportsFrom = 0;
  };

  void offer(FrameBatch& batch) override;
  void taken(const FrameBatch& batch, std::size_t count, bool full) override;
  void acknowledged(std::uint64_t packets, std::uint64_t bytes) override;
  void onConnectionFreed() override { connection_ = nullptr; }
  void onFrame(std::uint8_t channel, ByteView bytes) override;
  void onConnectionGone(InterleavedConnection&) override { playing_ = false; }

  void offerMedia(FrameBatch& batch);
  void offerReports(FrameBatch& batch);
  /** What every viewer is due that stands here and gets these tracks. */
  [[nodiscard]] bool isOrdinary() const;
  void jumpIfFarBehind();
  /** Moves the cursor; what lies between and was not `sent` has been skipped. */
  void passTo(std::uint64_t position, std::size_t sent);
  /** How long ago the next packet came in. */
  [[nodiscard]] std::int64_t lagNs();
  void setBehind(bool behind);
  [[nodiscard]] std::size_t indexOf(std::uint32_t track) const;

  Feed& feed_;
  InterleavedConnection* connection_;
  ViewerFeedback& feedback_;
  std::vector<FrameChannels> channels_;
  /** In the order of `channels_`. */
  std::vector<FirstReport> firstReports_;
  Cursor cursor_;
  bool playing_ = false;
  /** As its counter says. */
  bool behind_ = false;
  /**
   * Who takes less than the feed gives is never behind for long: start points take it to the head. So it is behind since
   * before the last of them, until it has kept up.
   */
  std::int64_t behindSinceNs_ = 0;
  std::int64_t keptUpAtNs_ = 0;
  /** It began so far behind the head and has not been nearer since. */
  std::int64_t leastLagNs_ = 0;
  /** Pictures that no other one needs are left out. */
  bool skipping_ = false;
};

}  // namespace weir

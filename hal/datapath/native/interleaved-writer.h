#pragma once

#include <vector>

#include "connection-counts.h"
#include "engine.h"
#include "fd.h"
#include "frame-batch.h"
#include "loop.h"
#include "prefetch.h"
#include "unacknowledged-frames.h"

namespace weir {

/** Has '$' frames to send, whenever the connection takes some. */
class FrameSource {
 public:
  /** Makes the batch hold what is due, oldest first, as much as there is room for; whatever it held before. */
  virtual void offer(FrameBatch& batch) = 0;
  /**
   * The first `count` frames of what was offered will reach the peer unless the connection ends. With `full` the socket
   * takes no more now: the source is asked again when it does, and need not wake the connection before.
   */
  virtual void taken(const FrameBatch& batch, std::size_t count, bool full) = 0;
  /** The peer has acknowledged that much more RTP, whole packets. */
  virtual void acknowledged(std::uint64_t packets, std::uint64_t bytes) = 0;
  /** The connection is being destroyed with this source still attached. */
  virtual void onConnectionFreed() = 0;

 protected:
  ~FrameSource() = default;
};

/** What an RTSP connection has written and has still to write, apart from the thread that serves it. */
struct WriterState {
  /** The rest of a partly written frame, then text. */
  Bytes tail;
  std::size_t tailSent = 0;
  Bytes text;
  std::size_t textSent = 0;
  /** There is more to write when the socket has room. */
  bool full = false;
  std::uint64_t written = 0;
  std::uint64_t acknowledged = 0;
};

/**
 * What goes out by an RTSP connection. Text goes ahead of '$' frames at the next frame boundary. Frames are pulled from their
 * sources when the socket takes some; only the rest of one partly written frame is kept. What the peer has acknowledged of them
 * is asked of the kernel now and then. A write that fails gives its errno, 0 else: what that means for the connection is its
 * owner's, and so is not to use the socket any more.
 */
class InterleavedWriter {
 public:
  /** `look` is called when it is time to ask what has been acknowledged. The socket and the counts must outlive it. */
  InterleavedWriter(Loop& loop, FrameBatch& batch, const Fd& socket, WriterState state, ConnectionCounts& counts,
                    Callback<void()> look);
  InterleavedWriter(const InterleavedWriter&) = delete;
  InterleavedWriter& operator=(const InterleavedWriter&) = delete;
  ~InterleavedWriter();
  /** For another thread to go on with; there are no sources. */
  [[nodiscard]] WriterState release();

  void attach(FrameSource& source) { sources_.push_back({&source, {}}); }
  void detach(FrameSource& source);
  void fetch() const { prefetch(sources_.data(), sizeof(Attached)); }
  [[nodiscard]] bool hasSources() const { return !sources_.empty(); }
  /** Nothing of this source is outstanding. */
  [[nodiscard]] bool settled(const FrameSource& source) const;

  /** False when too much of it waits. */
  [[nodiscard]] bool addText(ByteView text);
  /** A frame that goes with the text. */
  [[nodiscard]] bool addFrame(std::uint8_t channel, ByteView packet);
  /** Writes what is left of a frame, then the text. */
  [[nodiscard]] int flush();
  /** Writes frames of the sources in turn; all that `flush` writes is written. */
  [[nodiscard]] int sendFrames();
  /** There is more to write when the socket has room (EPOLLOUT). */
  [[nodiscard]] bool full() const { return state_.full; }
  /** Frames wait for acknowledgements, not for the socket. */
  [[nodiscard]] bool heldBack() const { return heldBack_; }
  /** Sends FIN: nothing is written any more. */
  void finish();

  /** Asks the kernel what the peer has acknowledged, and tells the sources. */
  void updateAcknowledged();

 private:
  struct Attached {
    FrameSource* source;
    UnacknowledgedFrames sent;
  };

  [[nodiscard]] std::size_t waitingTextBytes() const { return state_.text.size() - state_.textSent; }
  [[nodiscard]] int writeOwn(Bytes& bytes, std::size_t& sent);
  /** More frames could not be told apart when they are acknowledged. */
  [[nodiscard]] bool mustHoldBack();
  /** Whose frames are in the batch; nobody's when nobody has any. */
  [[nodiscard]] Attached* takeOffer();
  [[nodiscard]] ssize_t writeBatch();
  [[nodiscard]] int sendBatch(Attached& from);
  void keepRest(std::size_t frame, std::size_t bytes);
  void wrote(std::size_t bytes);
  void takeAcknowledged(Attached& from);

  FrameBatch& batch_;
  const Fd& socket_;
  ConnectionCounts& counts_;
  WriterState state_;
  std::vector<Attached> sources_;
  std::size_t nextSource_ = 0;
  /** Of all sources. */
  std::size_t unacknowledgedFrames_ = 0;
  bool heldBack_ = false;
  bool finished_ = false;
  Loop::Timer acknowledgeTimer_;
};

}  // namespace weir

#pragma once

#include <memory>
#include <vector>

#include "engine.h"
#include "frame-batch.h"
#include "loop.h"
#include "receive-arena.h"
#include "rtsp-framer.h"

namespace weir {

class InterleavedConnection;

/** Gets the '$' frames of the channels it has claimed. */
class FrameTaker {
 public:
  virtual void onFrame(std::uint8_t channel, ByteView bytes) = 0;
  /** The connection carries frames no longer; every claim on it is void. */
  virtual void onConnectionGone(InterleavedConnection& connection) = 0;

 protected:
  ~FrameTaker() = default;
};

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

/** An RTSP connection apart from the thread that serves it: what stays when it moves to another one. */
struct ConnectionState : ConnectionParcel {
  ConnectionState(Fd fd, MessageLimits limits) : fd_(std::move(fd)), framer_(limits) {}

  Fd fd_;
  RtspFramer framer_;
  Bytes unparsed_;
  std::uint32_t messagesOut_ = 0;
  std::uint64_t messageBytesOut_ = 0;

  /** The rest of a partly written frame, then text. */
  Bytes tail_;
  std::size_t tailSent_ = 0;
  Bytes text_;
  std::size_t textSent_ = 0;
  bool writeWanted_ = false;
  std::uint64_t written_ = 0;
  std::uint64_t acknowledged_ = 0;
};

/**
 * An RTSP connection whose text and '$' frames share the bytes. Text goes ahead of frames at the next frame boundary.
 * Frames are pulled from their sources when the socket takes some; only the rest of one partly written frame is kept.
 */
class InterleavedConnection final : Loop::Ready, ConnectionState {
 public:
  InterleavedConnection(Loop& loop, ReceiveArena& arena, FrameBatch& batch, EventSink& sink, ConnectionId id,
                        ConnectionState state, CounterSlot<ConnectionCounter> counters);
  ~InterleavedConnection() override;

  /** Begins to read, `unread` first. */
  Status open(Bytes unread, std::uint32_t userTimeoutMs);
  /** Goes on with a state that `release` gave. */
  Status resume();
  /** Somebody's frames go by it. */
  [[nodiscard]] bool busy() const { return !claims_.empty() || !sources_.empty(); }
  /** Takes apart what is neither busy nor at its end. */
  [[nodiscard]] std::unique_ptr<ConnectionState> release();

  void consumed(std::uint32_t messages, std::uint64_t bytes);
  void sendText(ByteView text);
  /** A frame from the peer, read here or come by another way. */
  void takeFrame(std::uint8_t channel, ByteView bytes);
  /** A frame that goes with the text: RTCP of our own. */
  void sendFrame(std::uint8_t channel, ByteView bytes);
  /** Sends text that waits, then FIN, then `done`; `over` when the peer has closed too, or after a second. */
  void close(Done done, Callback<void()> over);

  /** False when another one has the channel. */
  [[nodiscard]] bool claim(std::uint8_t channel, FrameTaker& taker);
  void release(const FrameTaker& taker);
  void attach(FrameSource& source) { sources_.push_back({&source, {}}); }
  /** It hears of what has been acknowledged until now. */
  void detach(FrameSource& source);
  /** A source has something to send. */
  void wake();
  /** Asks the kernel what the peer has acknowledged; true when nothing of this source is outstanding. */
  bool settled(const FrameSource& source);
  [[nodiscard]] bool carriesFrames() const { return !ended_; }

 private:
  struct Claim {
    std::uint8_t channel;
    FrameTaker* taker;
  };
  /** Frames of RTP of one length, one behind the other, that have not all been acknowledged: mostly those of a picture but its last. */
  struct Unacknowledged {
    /** Where the last of them ends, in bytes of this connection's life (wraps). */
    std::uint32_t end;
    /** Of each packet, without the frame's header. */
    std::uint16_t bytes;
    /** How many are left. */
    std::uint16_t frames;
  };
  struct Attached {
    FrameSource* source;
    /** Oldest first; those before `acknowledged` no longer count. */
    std::vector<Unacknowledged> sent;
    std::size_t acknowledged = 0;
    /** In all that count. */
    std::size_t frames = 0;

    void add(std::uint32_t end, std::uint16_t bytes);
    /** Forgets what no longer counts, when that is worth it. */
    void tidy();
  };

  void onReady(std::uint32_t events) override;
  void read();
  void parse(ByteView fresh);
  [[nodiscard]] std::size_t parseWhole(ByteView data);
  void deliver(const RtspItem& item);
  [[nodiscard]] bool stalled() const;

  void pump();
  /** False when the socket took not all of the tail and the text. */
  [[nodiscard]] bool flushOwn();
  [[nodiscard]] bool writeOwn(Bytes& bytes, std::size_t& sent);
  [[nodiscard]] ssize_t writeBatch();
  /** False when the socket took not all of the batch. */
  [[nodiscard]] bool sendBatch(Attached& from);
  void wrote(std::size_t bytes);
  /** More frames could not be told apart when they are acknowledged. */
  [[nodiscard]] bool mustHoldBack();
  void updateAcknowledged();
  void takeAcknowledged(Attached& from);
  void updateInterest();

  void end(ConnectionEnd how, int errnum);
  void fail(int errnum);
  void sendFin();
  void discard();
  void count(ConnectionCounter name, std::uint64_t amount);
  void progress();

  Loop& loop_;
  ReceiveArena& arena_;
  FrameBatch& batch_;
  EventSink& sink_;
  ConnectionId id_;
  CounterSlot<ConnectionCounter> counters_;

  std::vector<Claim> claims_;
  std::vector<Attached> sources_;
  std::size_t nextSource_ = 0;
  /** Of all sources. */
  std::size_t unacknowledgedFrames_ = 0;
  /** Frames wait for acknowledgements, not for the socket. */
  bool heldBack_ = false;

  /** `connectionEnded` was sent: no frames and nothing read any more. */
  bool ended_ = false;
  /** The socket itself is of no use any more. */
  bool broken_ = false;
  bool finSent_ = false;
  Done closed_;
  Callback<void()> over_;

  Loop::Timer acknowledgeTimer_;
  Loop::Timer closeTimer_;
  Loop::Watch watch_;
};

}  // namespace weir

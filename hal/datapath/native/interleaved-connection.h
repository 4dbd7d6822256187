#pragma once

#include <memory>
#include <vector>

#include "connection-counts.h"
#include "engine.h"
#include "interleaved-writer.h"
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

/** An RTSP connection apart from the thread that serves it: what stays when it moves to another one. */
struct ConnectionState : ConnectionParcel {
  ConnectionState(Fd fd, MessageLimits limits) : fd_(std::move(fd)), framer_(limits) {}

  Fd fd_;
  RtspFramer framer_;
  Bytes unparsed_;
  std::uint32_t messagesOut_ = 0;
  std::uint64_t messageBytesOut_ = 0;
  WriterState out_;
};

/**
 * An RTSP connection whose text and '$' frames share the bytes (RFC 2326 s.10.12): it reads them apart, for the sink and for
 * who has claimed a channel, and has the writer write. It begins and ends by itself and knows how.
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
  [[nodiscard]] bool busy() const { return !claims_.empty() || writer_.hasSources(); }
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
  void attach(FrameSource& source) { writer_.attach(source); }
  /** It hears of what has been acknowledged until now. */
  void detach(FrameSource& source);
  /** A source has something to send. */
  void wake();
  /** Fetches what lies beside the connection and is read by `wake`. */
  void fetchOut() const {
    counts_.fetch();
    writer_.fetch();
  }
  /** Asks the kernel what the peer has acknowledged; true when nothing of this source is outstanding. */
  bool settled(const FrameSource& source);
  [[nodiscard]] bool carriesFrames() const { return !ended_; }

 private:
  struct Claim {
    std::uint8_t channel;
    FrameTaker* taker;
  };

  void onReady(std::uint32_t events) override;
  void read();
  void parse(ByteView fresh);
  [[nodiscard]] std::size_t parseWhole(ByteView data);
  void deliver(const RtspItem& item);
  [[nodiscard]] bool stalled() const;

  /** Writes what there is and the socket takes. */
  void pump();
  void updateAcknowledged();
  void updateInterest();

  void end(ConnectionEnd how, int errnum);
  void fail(int errnum);
  void sendFin();
  void discard();

  Loop& loop_;
  ReceiveArena& arena_;
  EventSink& sink_;
  ConnectionId id_;
  ConnectionCounts counts_;
  InterleavedWriter writer_;
  std::vector<Claim> claims_;

  /** `connectionEnded` was sent: no frames and nothing read any more. */
  bool ended_ = false;
  /** The socket itself is of no use any more. */
  bool broken_ = false;
  bool finSent_ = false;
  Done closed_;
  Callback<void()> over_;

  Loop::Timer closeTimer_;
  Loop::Watch watch_;
};

}  // namespace weir

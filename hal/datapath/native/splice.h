#pragma once

#include <array>

#include "engine.h"
#include "loop.h"

namespace weir {

/** Two TCP connections tied together in the kernel: what one sends the other gets, half-closes included. */
class Splice {
 public:
  Splice(Loop& loop, EventSink& sink, SpliceId id, Fd a, Fd b, SpliceOptions options, CounterSlot<SpliceCounter> counters);
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  Status open();
  /** Ends it now, whatever is under way; `spliceEnded` is told unless it was before. */
  void close();

 private:
  struct End final : Loop::Ready {
    explicit End(Splice& owner) : splice(owner) {}
    void onReady(std::uint32_t events) override;
    Splice& splice;
    Fd fd;
    /** Edge-triggered: they stay true until the kernel says EAGAIN. */
    bool readable = true;
    bool writable = true;
    Loop::Watch watch;
  };
  /** From one end to the other, by a pipe. */
  struct Way {
    End& from;
    End& to;
    SpliceCounter counter;
    /** Sent before anything else. */
    Bytes first;
    std::size_t firstSent = 0;
    Fd pipeIn;
    Fd pipeOut;
    std::size_t inPipe = 0;
    bool eof = false;
    bool done = false;
  };
  enum class Step { moved, blocked, failed };

  Status openWay(Way& way);
  void pump();
  [[nodiscard]] Step step(Way& way);
  [[nodiscard]] Step sendFirst(Way& way);
  [[nodiscard]] Step fill(Way& way);
  [[nodiscard]] Step drain(Way& way);
  void finish(bool reset);

  Loop& loop_;
  EventSink& sink_;
  SpliceId id_;
  CounterSlot<SpliceCounter> counters_;
  End a_;
  End b_;
  std::array<Way, 2> ways_;
  bool ended_ = false;
};

}  // namespace weir

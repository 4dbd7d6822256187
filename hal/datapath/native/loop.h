#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "awake-budget.h"
#include "callback.h"
#include "clock.h"
#include "fd.h"

namespace weir {

/**
 * The epoll loop of one engine thread. One turn: descriptors that are ready, timers that are due, work for the end
 * of the batch (feeds send what has arrived), deferred work. Everything here is used on that thread only.
 */
class Loop {
 public:
  /** Told when a watched descriptor is ready. */
  class Ready {
   public:
    virtual void onReady(std::uint32_t events) = 0;

   protected:
    ~Ready() = default;
  };

  /** Called once at the end of the turn in which it was asked for. */
  class BatchEnd {
   public:
    virtual void onBatchEnd() = 0;

   protected:
    ~BatchEnd() = default;
  };

  /** Watches a descriptor until destroyed; must be destroyed before the descriptor is closed. */
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept
        : loop_(other.loop_), state_(std::exchange(other.state_, nullptr)), events_(other.events_) {}
    Watch& operator=(Watch&& other) noexcept;
    ~Watch() { reset(); }
    void reset();
    /** Changes what is watched for; nothing happens when it is the same. */
    void set(std::uint32_t events);
    /** Reports `events` in the next turn, whatever epoll says: for edge-triggered watches that stopped half-way. */
    void again(std::uint32_t events);
    [[nodiscard]] bool active() const { return state_ != nullptr; }

   private:
    friend class Loop;
    struct State {
      Ready* ready = nullptr;
      int fd = -1;
      std::uint32_t again = 0;
    };
    Watch(Loop* loop, State* state, std::uint32_t events) : loop_(loop), state_(state), events_(events) {}
    Loop* loop_ = nullptr;
    State* state_ = nullptr;
    /** Here, where its owner's memory is: `set` is called after every send, and mostly has nothing to do. */
    std::uint32_t events_ = 0;
  };

  class Timer;
  /** Those that are armed, by when they are due; of the same time the one that was armed first. */
  using Timers = std::map<std::pair<std::int64_t, std::uint64_t>, Timer*>;

  /** Calls back once per arming. The callback must not destroy its own timer: defer that. Arming does not allocate. */
  class Timer {
   public:
    Timer(Loop& loop, Callback<void()> due);
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { cancel(); }
    void armAt(std::int64_t monoNs);
    void armIn(std::int64_t delayNs) { armAt(loop_.nowNs() + delayNs); }
    void cancel();
    [[nodiscard]] bool armed() const { return node_.empty(); }

   private:
    friend class Loop;
    Loop& loop_;
    Callback<void()> due_;
    /** It is here while it is not armed, else where `place_` says. */
    Timers::node_type node_;
    Timers::iterator place_;
  };

  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /** False when the system gave no epoll descriptor. */
  [[nodiscard]] bool open() const { return epoll_.open(); }
  /** An inactive watch when the descriptor cannot be watched. */
  [[nodiscard]] Watch watch(int fd, std::uint32_t events, Ready& ready);
  /** Runs `work` at the end of this turn. */
  void defer(Callback<void()> work) { deferred_.push_back(std::move(work)); }
  /** At most once per turn and object. */
  void atBatchEnd(BatchEnd& object) { batchEnds_.push_back(&object); }
  void forgetBatchEnd(BatchEnd& object);
  /** When this turn began. */
  [[nodiscard]] std::int64_t nowNs() const { return nowNs_; }

  /**
   * Does not sleep for so long, because something urgent is likely to come: to be woken takes tens of microseconds. No more
   * than a hundredth of the time is spent so.
   */
  void stayAwake(std::int64_t longestNs) { awake_.begin(monoNs(), longestNs); }
  /** What was expected has come, or something else has: what is left of the budget is for the next time. */
  void maySleep() { awake_.end(nowNs_); }
  /** How long it has stayed awake so. May be asked for from any thread. */
  [[nodiscard]] std::int64_t awakeNs() const { return awake_.spentNs(); }

  /** Turns until `stop`. */
  void run();
  void stop() { stopping_ = true; }
  /** Runs deferred work without waiting for a descriptor; for the way down. */
  void runDeferred();

 private:
  void turn();
  void runTimers();
  void runBatchEnds();

  Fd epoll_;
  std::int64_t nowNs_;
  bool stopping_ = false;
  AwakeBudget awake_;
  std::uint64_t armings_ = 0;
  Timers timers_;
  std::vector<Callback<void()>> deferred_;
  std::vector<BatchEnd*> batchEnds_;
  std::vector<Watch::State*> again_;
  std::vector<std::unique_ptr<Watch::State>> removed_;
};

}  // namespace weir

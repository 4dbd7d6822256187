#pragma once

#include "counters.h"
#include "loop.h"

namespace weir {

/** What an RTSP connection is counted, until its slot is the caller's again. */
class ConnectionCounts {
 public:
  ConnectionCounts(Loop& loop, CounterSlot<ConnectionCounter> slot) : loop_(loop), slot_(slot) {}

  void add(ConnectionCounter name, std::uint64_t amount) {
    if (slot_.valid()) slot_.add(name, amount);
  }
  /** The peer has sent or acknowledged something. */
  void progress() {
    if (slot_.valid()) slot_.set(ConnectionCounter::lastProgressMonoNs, static_cast<std::uint64_t>(loop_.nowNs()));
  }
  void end() { slot_ = {}; }
  void fetch() const { slot_.fetch(); }

 private:
  Loop& loop_;
  CounterSlot<ConnectionCounter> slot_;
};

}  // namespace weir

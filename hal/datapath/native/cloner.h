#pragma once

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "address.h"
#include "bpf.h"
#include "clock.h"
#include "clone-table.h"
#include "run.h"

namespace weir {

/**
 * Lets the kernel clone what goes to one viewer for others, by a program on the access NIC's way out. Whoever gets no
 * clone is sent to: that is how it ends where there is no program (older kernel, no rights), no device, no route, no
 * neighbour yet, no room.
 */
class Cloner {
 public:
  Cloner() = default;
  Cloner(const Cloner&) = delete;
  Cloner& operator=(const Cloner&) = delete;

  /** Loads the program. `why` is what the kernel's verifier said, where it refused. */
  Status open(std::string& why);
  /** From now on the program is where that device sends, and nowhere else. 0: nowhere. */
  Status attach(unsigned device);
  [[nodiscard]] bool ready() const { return link_.open(); }
  /** Packets that viewers got as clones; may be read from any thread. */
  [[nodiscard]] std::uint64_t packets() const { return packets_.load(std::memory_order_relaxed); }
  /** The program has seen so many; may be read from any thread. */
  [[nodiscard]] std::uint64_t rehearsals() const { return rehearsals_.load(std::memory_order_relaxed); }
  /** May be called from any thread. */
  [[nodiscard]] bool attached() const { return attached_.load(std::memory_order_relaxed); }

  static CloneViewer viewer(const Address& at);

  /** Nobody yet, for that run. */
  void begin(const Run& run) {
    count_ = 0;
    most_ = std::clamp<std::size_t>(kMaxClonedPackets / run.count(), 1, kMaxClones);
  }
  /** `viewer` is changed by `collect`: what the program has found out is kept with it. */
  void add(std::size_t index, CloneViewer& viewer) {
    table().viewers[count_] = viewer;
    added_[count_++] = {index, &viewer};
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] bool full() const { return count_ == most_; }
  /** The next thing sent is this run, to `lead`; its packets are up to `longest` bytes of IP. */
  void await(Run& run, int family, std::size_t longest, const CloneViewer& lead, std::int64_t nowNs);
  /** The same, but neither `lead` nor anybody else gets it: only ways are found. */
  void awaitRehearsal(Run& run, int family, std::size_t longest, const CloneViewer& lead, std::int64_t nowNs) {
    table().rehearsal = 1;
    await(run, family, longest, lead, nowNs);
  }
  /** Names who got a clone of what has been sent. False when the program has seen nothing of it. */
  template <class Got>
  bool collect(Got&& got) {
    const bool seen = over();
    const bool rehearsed = std::exchange(table().rehearsal, 0) != 0;
    if (!seen) return false;
    if (rehearsed) rehearsals_.store(rehearsals() + 1, std::memory_order_relaxed);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const CloneViewer& viewer = table().viewers[i];
      added_[i].viewer->nextHop = viewer.nextHop;
      added_[i].viewer->foundIn = viewer.foundIn;
      if (viewer.taken == 0) continue;
      ++taken;
      got(added_[i].index);
    }
    packets_.store(packets() + taken * runPackets_, std::memory_order_relaxed);
    return true;
  }

 private:
  [[nodiscard]] CloneTable& table() { return *static_cast<CloneTable*>(memory_.at()); }
  bool over();

  BpfMemory memory_;
  Fd program_;
  Fd link_;
  struct Added {
    std::size_t index;
    CloneViewer* viewer;
  };
  std::array<Added, kMaxClones> added_;
  std::size_t count_ = 0;
  std::size_t most_ = kMaxClones;
  std::size_t runPackets_ = 0;
  unsigned device_ = 0;
  std::uint64_t timeShift_ = 0;
  std::atomic<bool> attached_ = false;
  std::atomic<std::uint64_t> packets_ = 0;
  std::atomic<std::uint64_t> rehearsals_ = 0;
};

}  // namespace weir

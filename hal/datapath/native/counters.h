#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "prefetch.h"

namespace weir {

/**
 * Counters live in memory of the caller (a SharedArrayBuffer): a table of slots of 16 x u64, native byte order.
 * The engine is the only writer of a slot between the create call that names it and the completion of the close
 * call; the caller hands it over zeroed and may reuse it after that completion. Every value is written with one
 * relaxed 64-bit store, so that a reader sees each of them whole, though not all of one moment.
 */
inline constexpr std::size_t kCountersPerSlot = 16;

/** Meaning of the values in the slot of a feed: all since it was created. */
enum class FeedCounter : std::size_t {
  rxPackets = 0,
  rxBytes = 1,
  rxRtcpPackets = 2,
  lostPackets = 3,
  reorderedPackets = 4,
  duplicatePackets = 5,
  rejectedPackets = 6,
  startPoints = 7,
  lastRxMonoNs = 8,
  txRtcpPackets = 9,
  resumes = 10,
  resumeDroppedPackets = 11,
  latePackets = 12,
  parameterSets = 13,
};

/** Meaning of the values in the slot of a viewer. */
enum class ViewerCounter : std::size_t {
  txPackets = 0,
  txBytes = 1,
  txRtcpPackets = 2,
  droppedPackets = 3,
  startPointSkips = 4,
  oversizedPackets = 5,
  rxRtcpPackets = 6,
  reportedLostPackets = 7,
  refusals = 8,
  lastRxMonoNs = 9,
  skippedNonReferencePackets = 10,
  behindSinceMonoNs = 11,
};

/** Meaning of the values in the slot of an interleaved connection. */
enum class ConnectionCounter : std::size_t {
  rxBytes = 0,
  txBytes = 1,
  rxUnknownFrames = 2,
  lastProgressMonoNs = 3,
};

/** Meaning of the values in the slot of a splice. */
enum class SpliceCounter : std::size_t {
  aToBBytes = 0,
  bToABytes = 1,
};

/** The caller's table. It must outlive the engine. */
struct CounterTable {
  std::uint64_t* base = nullptr;
  std::uint32_t slots = 0;
};

/** One slot, as its one writer sees it: adding needs no atomic read-modify-write. */
template <class Name>
class CounterSlot {
 public:
  CounterSlot() = default;
  CounterSlot(const CounterTable& table, std::uint32_t slot)
      : at_(slot < table.slots ? table.base + slot * kCountersPerSlot : nullptr) {}

  void fetch() const { prefetch(at_, sizeof(std::uint64_t)); }
  [[nodiscard]] bool valid() const { return at_ != nullptr; }
  void add(Name name, std::uint64_t amount) { set(name, get(name) + amount); }
  void set(Name name, std::uint64_t value) {
    std::atomic_ref(at_[static_cast<std::size_t>(name)]).store(value, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get(Name name) const {
    return std::atomic_ref(at_[static_cast<std::size_t>(name)]).load(std::memory_order_relaxed);
  }

 private:
  std::uint64_t* at_ = nullptr;
};

}  // namespace weir

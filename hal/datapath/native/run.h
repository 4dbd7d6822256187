#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <utility>

#include "ring.h"

namespace weir {

/**
 * Packets of one track that go out by one call: all of the same length, the last may be shorter. That is what the
 * kernel can cut out of one buffer (UDP_SEGMENT).
 */
class Run {
 public:
  /** Kernels before 6.9 take no more segments than this. */
  static constexpr std::size_t kMaxPackets = 64;
  /** A UDP payload over IPv4 or IPv6, with room to spare for the headers. */
  static constexpr std::size_t kMaxBytes = 65'000;

  /** Whether a packet of that length goes behind others of a run: the first and the last of them, and how much there is. */
  [[nodiscard]] static bool takes(std::size_t length, std::size_t first, std::size_t last, std::size_t count, std::size_t bytes) {
    return last == first && length <= first && count < kMaxPackets && bytes + length <= kMaxBytes;
  }
  /** False when the packet does not go into this run; an empty run takes any. */
  bool add(const std::uint8_t* packet, std::uint16_t length, std::uint64_t position = 0);
  void clear() { count_ = pieces_ = bytes_ = 0; }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint16_t segmentBytes() const { return static_cast<std::uint16_t>(packets_[0].iov_len); }
  /** Where in the ring that packet lies; behind the last packet for `count()`. */
  [[nodiscard]] std::uint64_t position(std::size_t index) const {
    return index < count_ ? positions_[index] : positions_[count_ - 1] + 1;
  }
  /** Packet by packet. */
  [[nodiscard]] iovec* packets() { return packets_.data(); }
  /** The same bytes in as few pieces as they lie in memory. */
  [[nodiscard]] iovec* pieces() { return pieceList_.data(); }
  [[nodiscard]] std::size_t pieceCount() const { return pieces_; }

 private:
  std::size_t count_ = 0;
  std::size_t pieces_ = 0;
  std::size_t bytes_ = 0;
  std::array<std::uint64_t, kMaxPackets> positions_;
  std::array<iovec, kMaxPackets> packets_;
  std::array<iovec, kMaxPackets> pieceList_;
};

/** Sees packets of one track come and knows how far they make runs that are whole: nothing that comes goes into them. */
class RunEnd {
 public:
  void add(std::size_t length, std::uint64_t position) {
    if (count_ > 0 && !Run::takes(length, first_, last_, count_, bytes_)) {
      end_ = position;
      count_ = bytes_ = 0;
    }
    if (count_++ == 0) first_ = length;
    last_ = length;
    bytes_ += length;
    if (last_ < first_) end_ = position + 1;
  }
  [[nodiscard]] std::uint64_t position() const { return end_; }

 private:
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t end_ = 0;
};

/**
 * Cuts what [from, to) of the ring holds of one track and kind into runs, without what `leavesOut` says so of, and gives each of them
 * to `emit`, until that says false.
 */
template <class LeavesOut, class Emit>
void cutRuns(const Ring& ring, std::uint64_t from, std::uint64_t to, std::uint32_t track, PacketKind kind, Run& run,
             LeavesOut&& leavesOut, Emit&& emit) {
  run.clear();
  for (std::uint64_t position = from; position < to; ++position) {
    const RingEntry& entry = ring.entry(position);
    if (entry.track != track || entry.kind != kind || leavesOut(entry)) continue;
    const std::uint8_t* packet = ring.data(entry);
    if (run.add(packet, entry.length, position)) continue;
    if (!emit(run)) return;
    run.clear();
    run.add(packet, entry.length, position);
  }
  if (run.count() > 0) emit(run);
}

/** All of it. */
template <class Emit>
void cutRuns(const Ring& ring, std::uint64_t from, std::uint64_t to, std::uint32_t track, PacketKind kind, Run& run,
             Emit&& emit) {
  cutRuns(ring, from, to, track, kind, run, [](const RingEntry&) { return false; }, std::forward<Emit>(emit));
}

}  // namespace weir

#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "bytes.h"

namespace weir {

enum class PacketKind : std::uint8_t { rtp, rtcp };

/** One packet in the ring. `at` counts every byte ever written, so that it tells where the packet lies and how old it is. */
struct RingEntry {
  std::uint64_t at;
  std::int64_t arrivalNs;
  std::uint32_t rtpTime;
  /** How many RTP packets of this track came before it (wraps). */
  std::uint32_t ordinal;
  std::uint16_t seq;
  std::uint16_t length;
  std::uint8_t track;
  PacketKind kind;
  /** A decoder can start at this packet. */
  bool start;
  /** Of a picture that no other one is decoded from. */
  bool disposable;
};

/**
 * The packets of a feed in arrival order, all tracks together. Memory is mapped once; a new packet pushes out the
 * oldest ones when bytes, entries or age run over. A position names a packet for ever; positions in [tail, head) are
 * held. A packet's bytes are never split.
 */
class Ring {
 public:
  Ring(std::uint32_t bytes, std::uint32_t ms);
  /** False when the memory could not be mapped. */
  [[nodiscard]] bool open() const { return memory_ != nullptr; }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::int64_t longestNs() const { return longestNs_; }
  [[nodiscard]] std::uint64_t tail() const { return tail_; }
  [[nodiscard]] std::uint64_t head() const { return head_; }
  [[nodiscard]] const RingEntry& entry(std::uint64_t position) const { return entries_[position & mask_]; }
  [[nodiscard]] RingEntry& entry(std::uint64_t position) { return entries_[position & mask_]; }
  [[nodiscard]] const std::uint8_t* data(const RingEntry& entry) const { return memory_.get() + entry.at % bytes_; }

  /** Writes the entry's sequence number and RTP time, and this SSRC, into the stored RTP header (RFC 3550 s.5.1). */
  void renumber(std::uint64_t position, std::uint32_t ssrc);

  /** Says that a decoder can start at this position; older ones are forgotten. */
  void markStart(std::uint64_t position);
  /** Where a viewer that comes now begins: the newest start point, or the next packet to come when none is held. */
  [[nodiscard]] std::uint64_t beginning() const { return started_ && start_ >= tail_ ? start_ : head_; }
  /** The newest media packet of these tracks (a bit each); the head when none is held. */
  [[nodiscard]] std::uint64_t newest(std::uint32_t tracks) const;
  /** Bytes from this packet on to the head. */
  [[nodiscard]] std::uint64_t bytesFrom(const RingEntry& entry) const { return written_ - entry.at; }
  /** How many RTP packets of the track came before this position (wraps). */
  [[nodiscard]] std::uint32_t ordinalAt(std::uint32_t track, std::uint64_t position) const;

  /** So many bytes can be appended without waiting for the kernel to find memory for them, as it does where none was written yet. */
  void prepare(std::uint64_t bytes);
  /** Takes a packet in; `at`, `length` and `ordinal` of the entry are set here. Returns its position. */
  std::uint64_t append(RingEntry entry, ByteView packet);

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(std::uint8_t* memory) const;
  };

  std::uint64_t bytes_;
  std::int64_t longestNs_;
  std::uint64_t mask_;
  std::unique_ptr<std::uint8_t[], Unmap> memory_;
  std::unique_ptr<RingEntry[]> entries_;
  std::uint64_t pageBytes_;
  std::uint64_t written_ = 0;
  /** All before it has memory. */
  std::uint64_t prepared_ = 0;
  std::uint64_t tail_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t start_ = 0;
  bool started_ = false;
  std::array<std::uint32_t, 256> rtpPackets_{};
};

}  // namespace weir

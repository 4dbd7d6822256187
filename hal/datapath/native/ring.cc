#include "ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "clock.h"

namespace weir {

namespace {

/** Small audio packets are about this long: the entries seldom run out before the bytes do. */
constexpr std::uint32_t kBytesPerEntry = 256;

}  // namespace

void Ring::Unmap::operator()(std::uint8_t* memory) const { ::munmap(memory, bytes); }

Ring::Ring(std::uint32_t bytes, std::uint32_t ms)
    : bytes_(bytes),
      longestNs_(ms * kNsPerMs),
      mask_(std::bit_ceil(bytes / kBytesPerEntry) - 1),
      memory_(nullptr, Unmap{bytes}),
      pageBytes_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  memory_.reset(static_cast<std::uint8_t*>(memory));
  entries_.reset(new RingEntry[mask_ + 1]);
}

void Ring::prepare(std::uint64_t bytes) {
  const std::uint64_t from = std::max(prepared_, written_ & ~(pageBytes_ - 1));
  const std::uint64_t end = std::min((written_ + bytes) & ~(pageBytes_ - 1), bytes_);
  if (from >= end) return;
  // What an older kernel (before 5.14) does not know, or has no memory for, is left to the packets themselves.
  ::madvise(memory_.get() + from, end - from, MADV_POPULATE_WRITE);
  prepared_ = end;
}

std::uint64_t Ring::append(RingEntry entry, ByteView packet) {
  std::uint64_t at = written_;
  // Whole packets only: what does not fit before the end of the memory goes to its start.
  if (const std::uint64_t left = bytes_ - at % bytes_; left < packet.size()) at += left;
  const std::uint64_t end = at + packet.size();
  while (tail_ < head_) {
    const RingEntry& oldest = entries_[tail_ & mask_];
    const bool full = end - oldest.at > bytes_ || head_ - tail_ > mask_;
    if (!full && entry.arrivalNs - oldest.arrivalNs <= longestNs_) break;
    ++tail_;
  }
  std::memcpy(memory_.get() + at % bytes_, packet.data(), packet.size());
  entry.at = at;
  entry.length = static_cast<std::uint16_t>(packet.size());
  entry.ordinal = rtpPackets_[entry.track];
  if (entry.kind == PacketKind::rtp) ++rtpPackets_[entry.track];
  entries_[head_ & mask_] = entry;
  written_ = end;
  return head_++;
}

void Ring::renumber(std::uint64_t position, std::uint32_t ssrc) {
  const RingEntry& packet = entry(position);
  std::uint8_t* header = memory_.get() + packet.at % bytes_;
  writeU16(header + 2, packet.seq);
  writeU32(header + 4, packet.rtpTime);
  writeU32(header + 8, ssrc);
}

void Ring::markStart(std::uint64_t position) {
  if (position < tail_) return;
  entry(position).start = true;
  start_ = position;
  started_ = true;
}

std::uint64_t Ring::newest(std::uint32_t tracks) const {
  for (std::uint64_t position = head_; position-- > tail_;) {
    const RingEntry& packet = entry(position);
    if (packet.kind == PacketKind::rtp && (tracks >> packet.track & 1) != 0) return position;
  }
  return head_;
}

std::uint32_t Ring::ordinalAt(std::uint32_t track, std::uint64_t position) const {
  for (; position < head_; ++position) {
    const RingEntry& packet = entry(position);
    if (packet.track == track) return packet.ordinal;
  }
  return rtpPackets_[track];
}

}  // namespace weir

#include "cursor.h"

#include <algorithm>

namespace weir {

std::uint32_t Cursor::advance(std::uint64_t position) {
  const std::uint32_t before = passed_;
  for (; position_ < position; ++position_) {
    const RingEntry& entry = ring_.entry(position_);
    if (entry.kind == PacketKind::rtp && follows(entry)) ++passed_;
  }
  return passed_ - before;
}

std::uint32_t Cursor::jump(std::uint64_t end) {
  const std::uint32_t before = passed_;
  seek(std::min(ring_.beginning(), end));
  return passed_ - before;
}

std::uint32_t Cursor::passedAt(std::uint64_t position) const {
  std::uint32_t passed = 0;
  for (std::uint32_t track = 0; track < 32; ++track) {
    if (follows(track)) passed += ring_.ordinalAt(track, position);
  }
  return passed;
}

}  // namespace weir

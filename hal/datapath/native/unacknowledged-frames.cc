#include "unacknowledged-frames.h"

#include <algorithm>

#include "frame-batch.h"

namespace weir {

namespace {

/** Rows for what is sent between two looks at most rates; what a burst took is given back. */
constexpr std::size_t kKeptRows = 64;

}  // namespace

void UnacknowledgedFrames::add(std::uint32_t end, std::uint16_t packetBytes) {
  ++count_;
  if (taken_ < rows_.size()) {
    Row& last = rows_.back();
    if (last.packetBytes == packetBytes && end - last.end == packetBytes + kFrameHeaderBytes && last.frames < UINT16_MAX) {
      last.end = end;
      ++last.frames;
      return;
    }
  }
  rows_.push_back({end, packetBytes, 1});
}

UnacknowledgedFrames::Packets UnacknowledgedFrames::take(std::uint32_t until) {
  Packets packets;
  for (; taken_ < rows_.size(); ++taken_) {
    Row& oldest = rows_[taken_];
    // What is outstanding is far less than half of what the offset can tell apart.
    const auto missing = static_cast<std::int32_t>(oldest.end - until);
    const std::uint32_t frameBytes = oldest.packetBytes + kFrameHeaderBytes;
    // One of which a part is missing is missing.
    const std::uint32_t cut = missing <= 0 ? 0 : (static_cast<std::uint32_t>(missing) + frameBytes - 1) / frameBytes;
    const std::uint32_t left = std::min<std::uint32_t>(cut, oldest.frames);
    packets.count += oldest.frames - left;
    packets.bytes += std::uint64_t{oldest.frames - left} * oldest.packetBytes;
    oldest.frames = static_cast<std::uint16_t>(left);
    if (left > 0) break;
  }
  count_ -= packets.count;
  tidy();
  return packets;
}

/** Forgets what no longer counts, when that is worth it. */
void UnacknowledgedFrames::tidy() {
  if (rows_.size() - taken_ > taken_) return;
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  if (rows_.empty() && rows_.capacity() > kKeptRows) rows_.shrink_to_fit();
}

}  // namespace weir

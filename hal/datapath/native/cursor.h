#pragma once

#include <cstdint>

#include "ring.h"

namespace weir {

/** The place of a viewer in the ring, for some of the feed's tracks. */
class Cursor {
 public:
  explicit Cursor(const Ring& ring) : ring_(ring) {}

  /** Only before the cursor is used. */
  void follow(std::uint32_t track) { tracks_ |= 1U << track; }
  [[nodiscard]] bool follows(std::uint32_t track) const { return (tracks_ >> track & 1) != 0; }
  [[nodiscard]] bool follows(const RingEntry& entry) const { return follows(entry.track); }

  [[nodiscard]] std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) {
    position_ = position;
    passed_ = passedAt(position);
  }
  /** Moves forward over packets that are held. Returns how many media packets were passed. */
  std::uint32_t advance(std::uint64_t position);

  [[nodiscard]] bool overrun() const { return position_ < ring_.tail(); }
  /** There is a newer start point than where the cursor stands. */
  [[nodiscard]] bool canJump() const { return ring_.beginning() > position_ && ring_.beginning() < ring_.head(); }
  /** To the newest start point, but no farther than `end`; there where there is none. Returns how many media packets were left out. */
  std::uint32_t jump(std::uint64_t end);

 private:
  [[nodiscard]] std::uint32_t passedAt(std::uint64_t position) const;

  const Ring& ring_;
  std::uint32_t tracks_ = 0;
  std::uint64_t position_ = 0;
  /** Media packets of these tracks before `position_` (wraps). */
  std::uint32_t passed_ = 0;
};

}  // namespace weir

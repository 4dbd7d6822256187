#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

/** Frames of RTP that have been written to a TCP connection and not all been acknowledged, oldest first. */
class UnacknowledgedFrames {
 public:
  /** Packets, without the frames' headers. */
  struct Packets {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };

  /** One more frame, of a packet of so many bytes; `end` is where it ends, in bytes of the connection's life (wraps). */
  void add(std::uint32_t end, std::uint16_t packetBytes);
  /** The connection is acknowledged up to there: takes out what is whole before it. */
  Packets take(std::uint32_t until);
  /** How many there are. */
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  /** Frames of one length, one behind the other: mostly those of a picture but its last. */
  struct Row {
    /** Where the last of them ends. */
    std::uint32_t end;
    std::uint16_t packetBytes;
    /** How many are left. */
    std::uint16_t frames;
  };
  void tidy();

  /** Those before `taken_` no longer count. */
  std::vector<Row> rows_;
  std::size_t taken_ = 0;
  std::size_t count_ = 0;
};

}  // namespace weir

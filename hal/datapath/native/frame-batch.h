#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>

#include "bytes.h"

namespace weir {

/** '$' frames that are offered to a connection in one call; the packets stay where they lie. */
class FrameBatch {
 public:
  static constexpr std::size_t kMaxFrames = 128;

  struct Frame {
    std::array<std::uint8_t, 4> header;
    std::uint16_t length;
    /** RTP, not RTCP. */
    bool media;
    /** The owner's: where its cursor stands after this frame. */
    std::uint64_t after;
  };

  void clear() { count_ = 0; }
  [[nodiscard]] bool full() const { return count_ == kMaxFrames; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const Frame& frame(std::size_t index) const { return frames_[index]; }
  [[nodiscard]] iovec* pieces() { return pieces_.data(); }

  void add(std::uint8_t channel, ByteView packet, bool media, std::uint64_t after) {
    Frame& frame = frames_[count_];
    frame.header = {'$', channel, static_cast<std::uint8_t>(packet.size() >> 8), static_cast<std::uint8_t>(packet.size())};
    frame.length = static_cast<std::uint16_t>(packet.size());
    frame.media = media;
    frame.after = after;
    pieces_[2 * count_] = {frame.header.data(), frame.header.size()};
    pieces_[2 * count_ + 1] = {const_cast<std::uint8_t*>(packet.data()), packet.size()};
    ++count_;
  }

 private:
  std::size_t count_ = 0;
  std::array<Frame, kMaxFrames> frames_;
  std::array<iovec, 2 * kMaxFrames> pieces_;
};

}  // namespace weir

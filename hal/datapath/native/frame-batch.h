#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "bytes.h"

namespace weir {

/** '$', channel, length (RFC 2326 s.10.12). */
inline constexpr std::uint32_t kFrameHeaderBytes = 4;

/** The channels that a track's packets go by on a connection (RFC 2326 s.10.12). */
struct FrameChannels {
  std::uint32_t track;
  std::uint8_t rtp;
  std::uint8_t rtcp;
  friend bool operator==(const FrameChannels&, const FrameChannels&) = default;
};

/**
 * '$' frames that are offered to a connection in one call; the packets stay where they lie. Most viewers of a feed are due
 * the same frames: these are put together once, and from the second viewer on they are sent in one piece.
 */
class FrameBatch {
 public:
  static constexpr std::size_t kMaxFrames = 128;

  struct Frame {
    std::array<std::uint8_t, kFrameHeaderBytes> header;
    std::uint16_t length;
    /** RTP, not RTCP. */
    bool media;
    /** The owner's: where its cursor stands after this frame. */
    std::uint64_t after;
  };

  /** Everything of these tracks that a feed's ring holds in [from, to). Feeds have numbers that are never used twice. */
  struct Content {
    std::uint64_t feed;
    std::uint64_t from;
    std::uint64_t to;
    std::span<const FrameChannels> channels;
  };

  void clear();
  /** True when it is in here already, or as much of it as there is room for; else it is to be added, to an empty batch. */
  [[nodiscard]] bool holds(const Content& content);
  void add(std::uint8_t channel, ByteView packet, bool media, std::uint64_t after);
  /** Nothing is due behind the last frame up to there. */
  void reach(std::uint64_t position) { frames_[count_ - 1].after = position; }

  [[nodiscard]] bool full() const { return count_ == kMaxFrames; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const Frame& frame(std::size_t index) const { return frames_[index]; }
  /** Two for each frame, header and packet. */
  [[nodiscard]] iovec* pieces() { return pieces_.data(); }
  /** The bytes of all frames in a row; empty where they have been offered only once. */
  [[nodiscard]] ByteView whole() const { return whole_; }

 private:
  void makeWhole();

  std::size_t count_ = 0;
  std::array<Frame, kMaxFrames> frames_;
  std::array<iovec, 2 * kMaxFrames> pieces_;
  std::vector<std::uint8_t> whole_;
  /** What it holds, when that can be asked for again. */
  bool named_ = false;
  std::uint64_t feed_ = 0;
  std::uint64_t from_ = 0;
  std::uint64_t to_ = 0;
  std::vector<FrameChannels> channels_;
};

}  // namespace weir

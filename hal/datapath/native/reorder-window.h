#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "clock.h"
#include "rtp.h"

namespace weir {

/** Gets the packets of a track in the order of their sequence numbers. */
class OrderedPackets {
 public:
  /** `lostBefore`: so many that belong before it have been given up. */
  virtual void onOrdered(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, std::uint32_t lostBefore) = 0;

 protected:
  ~OrderedPackets() = default;
};

/**
 * Puts the packets of one source back into their order (RFC 3550 s.5.1). While none is missing it holds none: they go on
 * at once and are not copied. Behind a gap they are held until it has filled, or is given up: when the first of them has
 * waited for `kLongestNs`, or more than a few are held. Its memory is kept from gap to gap.
 */
class ReorderWindow {
 public:
  static constexpr std::size_t kMaxPackets = 16;
  static constexpr std::int64_t kLongestNs = 30 * kNsPerMs;

  /** How many it may hold; with 0 every gap is given up at once. */
  void limit(std::size_t maxPackets) { maxPackets_ = maxPackets; }

  /** Takes a packet that `RtpSequence` found to belong to the source and to be no duplicate. False: its place was given up. */
  [[nodiscard]] bool take(const RtpPacket& packet, ByteView bytes, std::int64_t nowNs, OrderedPackets& out);

  /** When the first gap is to be given up; nothing while there is none. */
  [[nodiscard]] std::optional<std::int64_t> dueNs() const;
  void giveUpDue(std::int64_t nowNs, OrderedPackets& out);
  /** Nothing more comes to fill the gaps. */
  void giveUpAll(OrderedPackets& out);
  /** What comes next is the first packet of another source. */
  void restart(OrderedPackets& out);

 private:
  struct Held {
    /** Counted on over the wraps. */
    std::int64_t seq = 0;
    std::int64_t arrivalNs = 0;
    std::vector<std::uint8_t> bytes;
  };

  void hold(std::int64_t seq, ByteView bytes, std::int64_t nowNs);
  void giveUp(OrderedPackets& out);
  void passOnHeld(std::uint32_t lostBefore, OrderedPackets& out);

  std::size_t maxPackets_ = kMaxPackets;
  bool begun_ = false;
  std::int64_t newest_ = 0;
  /** The one that may go on. */
  std::int64_t next_ = 0;
  /** In order; those behind `count_` are free. One more than may be held: a gap is given up with its last straw at hand. */
  std::array<Held, kMaxPackets + 1> held_;
  std::size_t count_ = 0;
};

}  // namespace weir

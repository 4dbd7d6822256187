#pragma once

#include <vector>

#include "udp-pair.h"

namespace weir {

using ViewerSlot = CounterSlot<ViewerCounter>;

/** Destinations of one socket with the counters of the viewers behind them. */
class Fan {
 public:
  void clear();
  void add(const Address& to, const ViewerSlot& counters);
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  /** Sends a run by that side of the pair and counts it for everyone who got it, or did not. */
  void send(Run& run, UdpPair& pair, PacketKind kind, std::int64_t nowNs);

 private:
  Destinations to_;
  std::vector<ViewerSlot> slots_;
};

/** A leg and where its viewer counts. */
struct CountedLeg {
  UdpLeg* leg;
  ViewerSlot counters;
};

/** The live viewers of one track on one pair: most of them share a pair, and one call serves them all. */
class FanoutGroup {
 public:
  FanoutGroup(UdpPair& pair, std::uint32_t track) : pair_(pair), track_(track) {}

  [[nodiscard]] bool serves(const UdpPair& pair, std::uint32_t track) const {
    return &pair_ == &pair && track_ == track;
  }
  [[nodiscard]] std::uint32_t track() const { return track_; }
  [[nodiscard]] bool empty() const { return legs_.empty(); }
  void add(CountedLeg leg);
  void remove(const UdpLeg& leg);
  /** A target has moved. */
  void refresh() { stale_ = true; }
  void send(Run& run, PacketKind kind, std::int64_t nowNs);

 private:
  void rebuild();

  UdpPair& pair_;
  std::uint32_t track_;
  std::vector<CountedLeg> legs_;
  Fan rtp_;
  Fan rtcp_;
  bool stale_ = false;
};

}  // namespace weir

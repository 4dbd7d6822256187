#pragma once

#include <vector>

#include "cloner.h"
#include "udp-pair.h"

namespace weir {

using ViewerSlot = CounterSlot<ViewerCounter>;

/** Destinations of one socket with the counters of the viewers behind them. */
class Fan {
 public:
  void clear();
  void add(const Address& to, PathMtu& path, const ViewerSlot& counters);
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  /** Sends a run to [begin, end) by that side of the pair and counts it for everyone who got it, or never will. */
  SendStop send(Run& run, UdpPair& pair, PacketKind kind, std::size_t begin, std::size_t end, std::int64_t nowNs);
  /**
   * Sends a run of RTP to as few as need be, in turn from `first` on, and lets the kernel clone it for the others. `got`
   * tells of each how many of its packets are settled; who got none is to be sent to.
   */
  SendStop clone(Run& run, UdpPair& pair, Cloner& cloner, std::size_t first, std::vector<std::size_t>& got, std::int64_t nowNs);
  /** Does what `clone` would for as many as one pass takes, up to where it would be sent: to nobody. False when it may have been sent. */
  bool rehearse(Run& run, UdpPair& pair, Cloner& cloner, std::size_t first, std::int64_t nowNs);

 private:
  Destinations to_;
  std::vector<CloneViewer> viewers_;
  std::vector<ViewerSlot> slots_;
};

/** A leg and where its viewer counts. */
struct CountedLeg {
  UdpLeg* leg;
  ViewerSlot counters;
};

/**
 * The live viewers of one track on one pair: most of them share a pair, and one packet is cloned for them all, or one call
 * serves them all. What the socket
 * or the link has no room for waits in the ring, where it costs nothing: each viewer then has a place of its own, and
 * as room comes they are served in turn, a run each, until none is behind. So a burst goes out in slices as
 * large as the send buffer. Whoever waits for long is spared pictures that no other one needs; what has waited for too
 * long is dropped, up to the next start point where that has come.
 */
class FanoutGroup final : UdpPair::RoomWaiter {
 public:
  /** `run` and `cloner` are used for a call only. */
  FanoutGroup(UdpPair& pair, std::uint32_t track, const Ring& ring, Run& run, Cloner& cloner)
      : pair_(pair), track_(track), ring_(ring), run_(run), cloner_(cloner) {}
  FanoutGroup(const FanoutGroup&) = delete;
  FanoutGroup& operator=(const FanoutGroup&) = delete;
  ~FanoutGroup() { pair_.forgetRoom(*this); }

  [[nodiscard]] bool serves(const UdpPair& pair, std::uint32_t track) const {
    return &pair_ == &pair && track_ == track;
  }
  [[nodiscard]] std::uint32_t track() const { return track_; }
  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  /** Its viewer has got everything before `position`. */
  void add(CountedLeg leg, std::uint64_t position);
  /** What it is still due is dropped. */
  void remove(const UdpLeg& leg);
  /** A target has moved. */
  void refresh() { stale_ = true; }
  /** What the ring holds in [from, to), all before has been given here. */
  void send(PacketKind kind, std::uint64_t from, std::uint64_t to, std::int64_t nowNs);
  /**
   * A picture is about to come: goes, with packets that were sent before, through all that its first ones will need (socket, route,
   * netfilter, program, the viewers' ways), so that these find it in the processor's caches. Nobody gets anything.
   * False where nothing was gone through.
   */
  bool rehearse(std::int64_t nowNs);

 private:
  struct Member {
    UdpLeg* leg;
    ViewerSlot counters;
    /** While the group is behind: the next packet for this viewer, and how many RTP packets of the track came before it. */
    std::uint64_t due;
    std::uint32_t ordinal;
  };

  void onRoom(std::int64_t nowNs) override;
  void rebuild();
  void sendReports(std::uint64_t from, std::uint64_t to, std::int64_t nowNs);
  void sendMedia(std::uint64_t from, std::int64_t nowNs);
  SendStop sendToAll(Run& run, std::int64_t nowNs);
  SendStop sendToRest(Run& run, std::size_t begin, std::size_t end, std::int64_t nowNs);
  void fallBehind(std::size_t stopped);
  SendStop sendNext(std::size_t index, std::int64_t nowNs);
  void dropOverdue(Member& member, std::int64_t nowNs);
  [[nodiscard]] std::uint64_t startFrom(std::uint64_t position) const;
  std::uint32_t drop(Member& member, std::uint64_t upTo);
  std::uint32_t pass(Member& member, std::uint64_t upTo);

  UdpPair& pair_;
  std::uint32_t track_;
  const Ring& ring_;
  Run& run_;
  Cloner& cloner_;
  std::vector<Member> members_;
  /** In the order of `members_`. */
  Fan rtp_;
  /** Without those that told no port. */
  Fan rtcp_;
  bool stale_ = false;
  /** Everything before it has been given here to be sent. */
  std::uint64_t given_ = 0;
  bool behind_ = false;
  /** The program saw what was sent last: where it does not, rehearsals would reach a viewer. */
  bool cloning_ = false;
  /** In the order of `members_`: how many packets of the run that is being sent are settled. */
  std::vector<std::size_t> got_;
  /** Whose turn is next: after a burst that had no room, others come first. */
  std::size_t next_ = 0;
  /** How often in a row nothing could be sent. */
  int fruitless_ = 0;
};

}  // namespace weir

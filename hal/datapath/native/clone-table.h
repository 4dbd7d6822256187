#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weir {

/** Ethernet, IPv4 or IPv6 without options, UDP. */
inline constexpr std::size_t kEthernetBytes = 14;
inline constexpr std::size_t kMaxCloneHeaderBytes = kEthernetBytes + 40 + 8;
/** Of the RTP header: what tells a packet from those before and after it (sequence number, time). */
inline constexpr std::size_t kCloneMarkBytes = 8;
/** Viewers by one pass: they are served with soft interrupts off, a fraction of a millisecond in all. */
inline constexpr std::size_t kMaxClones = 128;
/**
 * Packets by one pass, for a NIC that leaves it to the kernel to cut a run into them. A host behind a veth pair holds no more than
 * 1,000 received ones (net.core.netdev_max_backlog) until soft interrupts are on again, and tells nobody of those it drops.
 */
inline constexpr std::size_t kMaxClonedPackets = 512;

/** A viewer as the program sees it; addresses and ports in network byte order. */
struct CloneViewer {
  std::array<std::uint8_t, 16> address{};
  /** The sum of the address's 16-bit words, as they lie in memory, folded (RFC 1071). */
  std::uint16_t addressSum = 0;
  std::uint16_t port = 0;
  /** Written by the program: the device took this viewer's packet. */
  std::uint32_t taken = 0;
  /** The Ethernet address of the next hop, by the program: what it found out in that time (CloneTable::time). */
  std::array<std::uint8_t, 6> nextHop{};
  std::uint16_t foundIn = 0;
};
static_assert(sizeof(CloneViewer) == 32);

/** Memory that an engine and its program in the kernel share. */
struct CloneTable {
  /**
   * AF_INET or AF_INET6 while a run waits to be cloned. Whoever sets it to 0 has the run: the program, which runs on every
   * processor that sends by the NIC, or the engine, which takes it back.
   */
  std::uint32_t family = 0;
  /** The program had the run and is done with it. */
  std::uint32_t finished = 0;
  std::uint32_t count = 0;
  /** A number that changes every now and then, never 0: a way that was found in another time is looked for again. */
  std::uint32_t time = 0;
  /** What is to be cloned is the packet to this viewer, and begins with this mark. */
  CloneViewer lead;
  std::array<std::uint8_t, kCloneMarkBytes> mark{};
  /** Its UDP payload: a run is cloned whole or not at all. */
  std::uint32_t payloadBytes = 0;
  /** The longest IP packet of the run: the way to a viewer has to take it in one piece. */
  std::uint32_t packetBytes = 0;
  /** Not 0: all is done but to give the NIC clones, and the packet itself goes nowhere. */
  std::uint32_t rehearsal = 0;
  std::uint32_t padding = 0;
  std::array<CloneViewer, kMaxClones> viewers;
};
static_assert(offsetof(CloneTable, mark) % 8 == 0 && offsetof(CloneTable, viewers) % 8 == 0);

}  // namespace weir

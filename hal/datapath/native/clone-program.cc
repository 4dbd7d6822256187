// SPDX-License-Identifier: Apache-2.0 AND (MIT OR GPL-2.0-only)
//
// The C++ of this file is under Apache-2.0, as all of Weir is. The BPF program that it writes, which runs in the kernel, is offered
// under MIT or GPL-2.0-only, at the choice of whoever takes it, and is loaded as "Dual MIT/GPL": the kernel keeps bpf_fib_lookup
// for programs under such a licence.
#include "clone-program.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "clone-table.h"

namespace weir {

namespace {

using Label = BpfProgram::Label;
using enum BpfProgram::Width;
using enum BpfProgram::Test;

/** What a program at tc tells the kernel (linux/bpf.h of 6.6). */
constexpr std::int32_t kNext = -1;
constexpr std::int32_t kDrop = 2;

/** `__sk_buff *`, CloneTable *, the frame of the program, CloneViewer *: they stay over calls. */
constexpr Reg kPacket = Reg::kept6;
constexpr Reg kTable = Reg::kept7;
constexpr Reg kFrame = Reg::kept8;
constexpr Reg kViewer = Reg::kept9;

/**
 * The stack, below that frame: what bpf_fib_lookup is asked, a word, and headers with the mark behind them, as they came
 * by and as they are written for a viewer. They lie two bytes into a word: so addresses behind an Ethernet header lie on one.
 */
constexpr std::int32_t kRoute = -static_cast<std::int32_t>(sizeof(bpf_fib_lookup));
constexpr std::int32_t inRoute(std::size_t offset) { return kRoute + static_cast<std::int32_t>(offset); }
constexpr std::int32_t kSumChange = kRoute - 8;
constexpr std::int32_t kHeaderSpace = 2 + kMaxCloneHeaderBytes + kCloneMarkBytes;
static_assert(kHeaderSpace % 8 == 0);
constexpr std::int32_t kOriginal = kSumChange - kHeaderSpace + 2;
constexpr std::int32_t kHeader = kOriginal - kHeaderSpace;

constexpr std::int32_t kEtherType = 12;
constexpr std::int32_t kIp = kEthernetBytes;

/** Where things lie in a packet of either family. */
struct Layout {
  int family;
  std::uint16_t etherType;
  std::int32_t source;
  std::int32_t destination;
  std::int32_t addressBytes;
  std::int32_t udp;

  [[nodiscard]] std::int32_t headerBytes() const { return udp + 8; }
  [[nodiscard]] std::int32_t destinationPort() const { return udp + 2; }
  [[nodiscard]] std::int32_t checksum() const { return udp + 6; }
};
constexpr Layout kIpv4{AF_INET, ETH_P_IP, kIp + 12, kIp + 16, 4, kIp + 20};
constexpr Layout kIpv6{AF_INET6, ETH_P_IPV6, kIp + 8, kIp + 24, 16, kIp + 40};
constexpr std::int32_t kIpv4Checksum = kIp + 10;

/** The rest of the program, for one family. */
class CloneWriter {
 public:
  CloneWriter(BpfProgram& program, const Layout& layout) : p_(program), at_(layout) {}

  /**
   * One call for each viewer there may be, and no loop. Before Linux 6.17 the verifier follows, unless whoever loads the program has
   * CAP_PERFMON, where a processor goes that takes the end of a loop for one more round; it finds a pointer behind the table there.
   */
  void write() {
    Label pass;
    Label mistaken;
    Label done;
    readHeaders(kOriginal, pass);
    recognise(pass);
    p_.set(Reg::arg1, 0);
    p_.exchange(u32, kTable, offsetof(CloneTable, family), Reg::arg1);
    p_.jumpIf(equal, Reg::arg1, 0, pass);
    // Now the table stands still. Before, the engine may have been writing it.
    recognise(mistaken);
    readHeaders(kHeader, mistaken);
    for (std::size_t number = 0; number < kMaxClones; ++number) {
      p_.set(Reg::arg1, static_cast<std::int32_t>(number));
      p_.load(u32, Reg::arg2, kTable, offsetof(CloneTable, count));
      p_.jumpIf(atLeast, Reg::arg1, Reg::arg2, done);
      p_.set(Reg::arg1, kPacket);
      p_.set(Reg::arg2, kTable);
      p_.set(Reg::arg3, kFrame);
      p_.set(Reg::arg4, kTable);
      p_.add(Reg::arg4, static_cast<std::int32_t>(offsetof(CloneTable, viewers) + number * sizeof(CloneViewer)));
      p_.call(one_);
    }
    p_.place(done);
    restore();
    Label performed;
    p_.load(u32, Reg::arg1, kTable, offsetof(CloneTable, rehearsal));
    p_.jumpIf(equal, Reg::arg1, 0, performed);
    vanish();
    p_.place(performed);
    p_.place(mistaken);
    finish();
    p_.place(pass);
    p_.set(Reg::result, kNext);
    p_.exit();
  }

  /** What one viewer gets: a function, so behind the end of the program. */
  void writeFunction() {
    Label known;
    Label over;
    p_.place(one_);
    p_.set(kPacket, Reg::arg1);
    p_.set(kTable, Reg::arg2);
    p_.set(kFrame, Reg::arg3);
    p_.set(kViewer, Reg::arg4);
    p_.load(u16, Reg::arg1, kViewer, offsetof(CloneViewer, foundIn));
    p_.load(u32, Reg::arg2, kTable, offsetof(CloneTable, time));
    p_.jumpIf(equal, Reg::arg1, Reg::arg2, known);
    findWay(over);
    p_.place(known);
    address(over);
    give(over);
    p_.place(over);
    p_.set(Reg::result, 0);
    p_.exit();
  }

 private:
  /** To `pass` unless it is the packet, of the length and with the headers, that the table describes. */
  void recognise(Label& pass) {
    p_.load(u32, Reg::arg1, kPacket, offsetof(__sk_buff, len));
    p_.load(u32, Reg::arg2, kTable, offsetof(CloneTable, payloadBytes));
    p_.add(Reg::arg2, at_.headerBytes());
    p_.jumpIf(notEqual, Reg::arg1, Reg::arg2, pass);
    p_.load(u16, Reg::arg1, kFrame, kOriginal + kEtherType);
    p_.jumpIf(notEqual, Reg::arg1, htons(at_.etherType), pass);
    if (at_.family == AF_INET) {
      // Version 4, five words of header, neither a fragment nor the first of some.
      p_.load(u8, Reg::arg1, kFrame, kOriginal + kIp);
      p_.jumpIf(notEqual, Reg::arg1, 0x45, pass);
      p_.load(u16, Reg::arg1, kFrame, kOriginal + kIp + 6);
      p_.bitAnd(Reg::arg1, htons(0x3fff));
      p_.jumpIf(notEqual, Reg::arg1, 0, pass);
    }
    p_.load(u8, Reg::arg1, kFrame, kOriginal + (at_.family == AF_INET ? kIp + 9 : kIp + 6));
    p_.jumpIf(notEqual, Reg::arg1, IPPROTO_UDP, pass);
    constexpr std::int32_t kLead = offsetof(CloneTable, lead);
    for (std::int32_t i = 0; i < at_.addressBytes; i += 4) {
      mustBeSame(u32, kOriginal + at_.destination + i, kLead + offsetof(CloneViewer, address) + i, pass);
    }
    mustBeSame(u16, kOriginal + at_.destinationPort(), kLead + offsetof(CloneViewer, port), pass);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(kCloneMarkBytes); i += 4) {
      mustBeSame(u32, kOriginal + at_.headerBytes() + i, offsetof(CloneTable, mark) + i, pass);
    }
  }

  void mustBeSame(BpfProgram::Width width, std::int32_t onStack, std::int32_t inTable, Label& otherwise) {
    p_.load(width, Reg::arg1, kFrame, onStack);
    p_.load(width, Reg::arg2, kTable, inTable);
    p_.jumpIf(notEqual, Reg::arg1, Reg::arg2, otherwise);
  }

  void readHeaders(std::int32_t into, Label& failed) {
    p_.set(Reg::arg1, kPacket);
    p_.set(Reg::arg2, 0);
    p_.set(Reg::arg3, kFrame);
    p_.add(Reg::arg3, into);
    p_.set(Reg::arg4, at_.headerBytes() + static_cast<std::int32_t>(kCloneMarkBytes));
    p_.call(BPF_FUNC_skb_load_bytes);
    p_.jumpIf(notEqual, Reg::result, 0, failed);
  }

  /** Route and neighbour, as if the packet were to be forwarded: the way a socket's packet goes, unless rules say otherwise. */
  void findWay(Label& failed) {
    for (std::int32_t i = kRoute; i < 0; i += 8) p_.store(u64, kFrame, i, 0);
    p_.store(u8, kFrame, inRoute(offsetof(bpf_fib_lookup, family)), at_.family);
    p_.store(u8, kFrame, inRoute(offsetof(bpf_fib_lookup, l4_protocol)), IPPROTO_UDP);
    p_.load(u32, Reg::arg1, kTable, offsetof(CloneTable, packetBytes));
    p_.store(u16, kFrame, inRoute(offsetof(bpf_fib_lookup, tot_len)), Reg::arg1);
    p_.load(u32, Reg::arg1, kPacket, offsetof(__sk_buff, ifindex));
    p_.store(u32, kFrame, inRoute(offsetof(bpf_fib_lookup, ifindex)), Reg::arg1);
    for (std::int32_t i = 0; i < at_.addressBytes; i += 4) {
      p_.load(u32, Reg::arg1, kFrame, kOriginal + at_.source + i);
      p_.store(u32, kFrame, inRoute(offsetof(bpf_fib_lookup, ipv6_src)) + i, Reg::arg1);
      p_.load(u32, Reg::arg1, kViewer, offsetof(CloneViewer, address) + i);
      p_.store(u32, kFrame, inRoute(offsetof(bpf_fib_lookup, ipv6_dst)) + i, Reg::arg1);
    }
    p_.set(Reg::arg1, kPacket);
    p_.set(Reg::arg2, kFrame);
    p_.add(Reg::arg2, kRoute);
    p_.set(Reg::arg3, sizeof(bpf_fib_lookup));
    p_.set(Reg::arg4, 0);
    p_.call(BPF_FUNC_fib_lookup);
    p_.jumpIf(notEqual, Reg::result, BPF_FIB_LKUP_RET_SUCCESS, failed);
    p_.load(u32, Reg::arg1, kFrame, inRoute(offsetof(bpf_fib_lookup, ifindex)));
    p_.load(u32, Reg::arg2, kPacket, offsetof(__sk_buff, ifindex));
    p_.jumpIf(notEqual, Reg::arg1, Reg::arg2, failed);
    for (std::int32_t i = 0; i < 6; i += 2) {
      p_.load(u16, Reg::arg1, kFrame, inRoute(offsetof(bpf_fib_lookup, dmac)) + i);
      p_.store(u16, kViewer, offsetof(CloneViewer, nextHop) + i, Reg::arg1);
    }
    p_.load(u32, Reg::arg1, kTable, offsetof(CloneTable, time));
    p_.store(u16, kViewer, offsetof(CloneViewer, foundIn), Reg::arg1);
  }

  /** Writes the viewer's headers into the packet. Source, length, TTL and all else are the original's. */
  void address(Label& failed) {
    for (std::int32_t i = 0; i < 6; i += 2) {
      p_.load(u16, Reg::arg1, kViewer, offsetof(CloneViewer, nextHop) + i);
      p_.store(u16, kFrame, kHeader + i, Reg::arg1);
    }
    for (std::int32_t i = 0; i < at_.addressBytes; i += 4) {
      p_.load(u32, Reg::arg1, kViewer, offsetof(CloneViewer, address) + i);
      p_.store(u32, kFrame, kHeader + at_.destination + i, Reg::arg1);
    }
    p_.load(u16, Reg::arg1, kViewer, offsetof(CloneViewer, port));
    p_.store(u16, kFrame, kHeader + at_.destinationPort(), Reg::arg1);

    // RFC 1624: what changes in a sum is ~old + new.
    p_.load(u16, Reg::arg1, kTable, offsetof(CloneTable, lead) + offsetof(CloneViewer, addressSum));
    p_.bitXor(Reg::arg1, 0xffff);
    p_.load(u16, Reg::arg2, kViewer, offsetof(CloneViewer, addressSum));
    p_.add(Reg::arg1, Reg::arg2);
    p_.store(u64, kFrame, kSumChange, Reg::arg1);
    if (at_.family == AF_INET) {
      p_.load(u16, Reg::arg2, kFrame, kOriginal + kIpv4Checksum);
      p_.bitXor(Reg::arg2, 0xffff);
      addToSum();
      p_.bitXor(Reg::arg1, 0xffff);
      p_.store(u16, kFrame, kHeader + kIpv4Checksum, Reg::arg1);
    }
    Label single;
    Label written;
    p_.load(u32, Reg::arg1, kPacket, offsetof(__sk_buff, gso_size));
    p_.jumpIf(equal, Reg::arg1, 0, single);
    // Of what is to be segmented the field holds the sum of the pseudo-header, for whoever segments it to go on with.
    p_.load(u64, Reg::arg1, kFrame, kSumChange);
    p_.load(u16, Reg::arg2, kFrame, kOriginal + at_.checksum());
    addToSum();
    p_.store(u16, kFrame, kHeader + at_.checksum(), Reg::arg1);
    writeHeaders(kHeader);
    p_.jumpIf(notEqual, Reg::result, 0, failed);
    p_.jump(written);
    p_.place(single);
    // Of a single packet it holds that, or the sum of all: the kernel knows.
    writeHeaders(kHeader);
    p_.jumpIf(notEqual, Reg::result, 0, failed);
    p_.load(u64, Reg::arg4, kFrame, kSumChange);
    p_.set(Reg::arg3, 0);
    changeUdpChecksum(BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0, failed);
    p_.load(u16, Reg::arg3, kFrame, kOriginal + at_.destinationPort());
    p_.load(u16, Reg::arg4, kViewer, offsetof(CloneViewer, port));
    changeUdpChecksum(BPF_F_MARK_MANGLED_0 | sizeof(std::uint16_t), failed);
    p_.place(written);
  }

  /** `arg1` + `arg2`, three words of 16 bits at most, in one's complement. */
  void addToSum() {
    p_.add(Reg::arg1, Reg::arg2);
    for (int i = 0; i < 2; ++i) {
      p_.set(Reg::arg2, Reg::arg1);
      p_.shiftRight(Reg::arg2, 16);
      p_.bitAnd(Reg::arg1, 0xffff);
      p_.add(Reg::arg1, Reg::arg2);
    }
  }

  void writeHeaders(std::int32_t from) {
    p_.set(Reg::arg1, kPacket);
    p_.set(Reg::arg2, 0);
    p_.set(Reg::arg3, kFrame);
    p_.add(Reg::arg3, from);
    p_.set(Reg::arg4, at_.headerBytes());
    // Else all viewers would be one flow to queues that tell flows apart.
    p_.set(Reg::arg5, BPF_F_INVALIDATE_HASH);
    p_.call(BPF_FUNC_skb_store_bytes);
  }

  /** `arg3`, `arg4`: from, to. */
  void changeUdpChecksum(std::int32_t flags, Label& failed) {
    p_.set(Reg::arg1, kPacket);
    p_.set(Reg::arg2, at_.checksum());
    p_.set(Reg::arg5, flags);
    p_.call(BPF_FUNC_l4_csum_replace);
    p_.jumpIf(notEqual, Reg::result, 0, failed);
  }

  /** The packet goes to a device that there is not: so its sender is not told that there was no room, nor does the kernel count that. */
  void vanish() {
    finish();
    p_.set(Reg::arg1, 0);
    p_.set(Reg::arg2, 0);
    p_.call(BPF_FUNC_redirect);
    p_.exit();
  }

  /** A clone to the NIC. What the queue says of itself (NET_XMIT_CN, 2) is no refusal, as for a socket. */
  void give(Label& refused) {
    p_.load(u32, Reg::arg1, kTable, offsetof(CloneTable, rehearsal));
    p_.jumpIf(notEqual, Reg::arg1, 0, refused);
    p_.load(u32, Reg::arg2, kPacket, offsetof(__sk_buff, ifindex));
    p_.set(Reg::arg1, kPacket);
    p_.set(Reg::arg3, 0);
    p_.call(BPF_FUNC_clone_redirect);
    Label taken;
    p_.jumpIf(equal, Reg::result, 0, taken);
    p_.jumpIf(notEqual, Reg::result, 2, refused);
    p_.place(taken);
    p_.store(u32, kViewer, offsetof(CloneViewer, taken), 1);
  }

  /** The original, as it came. Where there is no memory for that it is dropped, and its sender told that there was no room. */
  void restore() {
    Label good;
    writeHeaders(kOriginal);
    p_.jumpIf(equal, Reg::result, 0, good);
    finish();
    p_.set(Reg::result, kDrop);
    p_.exit();
    p_.place(good);
  }

  /** By an exchange, which is a barrier: who sees this on another processor sees all that was written for the viewers, too. */
  void finish() {
    p_.set(Reg::arg1, 1);
    p_.exchange(u32, kTable, offsetof(CloneTable, finished), Reg::arg1);
  }

  BpfProgram& p_;
  const Layout& at_;
  Label one_;
};

}  // namespace

BpfProgram cloneProgram(int tableFd) {
  BpfProgram program;
  Label ipv4;
  Label ipv6;
  program.set(kPacket, Reg::arg1);
  program.set(kFrame, Reg::frame);
  program.setToMapValue(kTable, tableFd);
  program.load(u32, Reg::arg2, kTable, offsetof(CloneTable, family));
  program.jumpIf(equal, Reg::arg2, AF_INET, ipv4);
  program.jumpIf(equal, Reg::arg2, AF_INET6, ipv6);
  program.set(Reg::result, kNext);
  program.exit();
  CloneWriter forIpv4(program, kIpv4);
  CloneWriter forIpv6(program, kIpv6);
  program.place(ipv4);
  forIpv4.write();
  program.place(ipv6);
  forIpv6.write();
  forIpv4.writeFunction();
  forIpv6.writeFunction();
  return program;
}

}  // namespace weir

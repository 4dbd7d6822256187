#include "fanout.h"

namespace weir {

namespace {

class CountingOutcome final : public SendOutcome {
 public:
  CountingOutcome(std::vector<ViewerSlot>& slots, UdpPair& pair, PacketKind kind)
      : slots_(slots), pair_(pair), kind_(kind) {}

  void sent(std::size_t first, std::size_t count, std::size_t packets, std::size_t bytes) override {
    // What is oversized is never segmented: it comes here packet by packet.
    const bool oversized = packets == 1 && pair_.rtp().isOversized(bytes);
    for (std::size_t i = first; i < first + count; ++i) {
      ViewerSlot& slot = slots_[i];
      if (kind_ == PacketKind::rtcp) {
        slot.add(ViewerCounter::txRtcpPackets, packets);
        continue;
      }
      slot.add(ViewerCounter::txPackets, packets);
      slot.add(ViewerCounter::txBytes, bytes);
      if (oversized) slot.add(ViewerCounter::oversizedPackets, packets);
    }
  }
  void dropped(std::size_t index, std::size_t packets) override {
    if (kind_ == PacketKind::rtp) slots_[index].add(ViewerCounter::droppedPackets, packets);
  }
  void errorsWait() override { pair_.takeErrors(kind_ == PacketKind::rtcp); }

 private:
  std::vector<ViewerSlot>& slots_;
  UdpPair& pair_;
  PacketKind kind_;
};

}  // namespace

void Fan::clear() {
  to_.clear();
  slots_.clear();
}

void Fan::add(const Address& to, const ViewerSlot& counters) {
  // A viewer may have told no RTCP port.
  if (to.port == 0) return;
  to_.add(to);
  slots_.push_back(counters);
}

void Fan::send(Run& run, UdpPair& pair, PacketKind kind, std::int64_t nowNs) {
  if (slots_.empty()) return;
  UdpSocket& socket = kind == PacketKind::rtp ? pair.rtp() : pair.rtcp();
  CountingOutcome outcome(slots_, pair, kind);
  socket.sendRun(run, to_, outcome, nowNs);
}

void FanoutGroup::add(CountedLeg leg) {
  legs_.push_back(leg);
  stale_ = true;
}

void FanoutGroup::remove(const UdpLeg& leg) {
  std::erase_if(legs_, [&leg](const CountedLeg& member) { return member.leg == &leg; });
  stale_ = true;
}

void FanoutGroup::rebuild() {
  rtp_.clear();
  rtcp_.clear();
  for (const CountedLeg& member : legs_) {
    rtp_.add(member.leg->rtp.target, member.counters);
    rtcp_.add(member.leg->rtcp.target, member.counters);
  }
  stale_ = false;
}

void FanoutGroup::send(Run& run, PacketKind kind, std::int64_t nowNs) {
  if (stale_) rebuild();
  (kind == PacketKind::rtp ? rtp_ : rtcp_).send(run, pair_, kind, nowNs);
}

}  // namespace weir

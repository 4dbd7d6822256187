#include "fanout.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace weir {

namespace {

/**
 * How long a packet may wait for room. A key picture for all viewers at once is several times what the link carries
 * in the time of a picture: it takes some hundred milliseconds, within what players buffer, though the link is not
 * overloaded. What is older than this comes from a link that is.
 */
constexpr std::int64_t kMaxWaitNs = 250 * kNsPerMs;
/** Before anything has to be dropped, pictures that no other one needs are left out: the link may have room for the others. */
constexpr std::int64_t kSpareNs = kMaxWaitNs / 2;
/** Viewers may be reached by several links: one that is full must not hold up those on others, nor be tried by all its viewers. */
constexpr std::size_t kFullInARow = 4;
/** About as many milliseconds. */
constexpr int kFruitlessTurns = 50;

/** With fewer there is nothing to gain. */
constexpr std::size_t kRehearsedViewers = 16;
/** So many packets make a run that is segmented, and one pass reaches as many viewers as the table holds. */
constexpr std::uint64_t kRehearsedPackets = 3;

class CountingOutcome final : public SendOutcome {
 public:
  CountingOutcome(std::vector<ViewerSlot>& slots, Destinations& to, UdpPair& pair, PacketKind kind, std::int64_t nowNs)
      : slots_(slots), to_(to), pair_(pair), kind_(kind), nowNs_(nowNs) {}

  void sent(std::size_t first, std::size_t count, std::size_t packets, std::size_t bytes) override {
    const std::size_t longest = bytes + pair_.rtp().headerBytes();
    for (std::size_t i = first; i < first + count; ++i) {
      ViewerSlot& slot = slots_[i];
      if (kind_ == PacketKind::rtcp) {
        slot.add(ViewerCounter::txRtcpPackets, packets);
        continue;
      }
      slot.add(ViewerCounter::txPackets, packets);
      slot.add(ViewerCounter::txBytes, bytes);
      // What is too long for the path is never segmented: it comes here packet by packet.
      if (packets == 1 && !to_.takes(i, longest, nowNs_)) slot.add(ViewerCounter::oversizedPackets, 1);
    }
  }
  void refused(std::size_t index, std::size_t packets) override {
    if (kind_ == PacketKind::rtp) slots_[index].add(ViewerCounter::droppedPackets, packets);
  }
  void errorsWait() override { pair_.takeErrors(kind_ == PacketKind::rtcp); }

 private:
  std::vector<ViewerSlot>& slots_;
  Destinations& to_;
  UdpPair& pair_;
  PacketKind kind_;
  std::int64_t nowNs_;
};

/** Of what nobody gets nothing is counted; ICMP errors that wait are of what somebody did get. */
class RehearsalOutcome final : public SendOutcome {
 public:
  explicit RehearsalOutcome(UdpPair& pair) : pair_(pair) {}
  void sent(std::size_t, std::size_t, std::size_t, std::size_t) override {}
  void refused(std::size_t, std::size_t) override {}
  void errorsWait() override { pair_.takeErrors(false); }

 private:
  UdpPair& pair_;
};

}  // namespace

void Fan::clear() {
  to_.clear();
  viewers_.clear();
  slots_.clear();
}

void Fan::add(const Address& to, PathMtu& path, const ViewerSlot& counters) {
  to_.add(to, path);
  viewers_.push_back(Cloner::viewer(to));
  slots_.push_back(counters);
}

SendStop Fan::send(Run& run, UdpPair& pair, PacketKind kind, std::size_t begin, std::size_t end, std::int64_t nowNs) {
  UdpSocket& socket = kind == PacketKind::rtp ? pair.rtp() : pair.rtcp();
  CountingOutcome outcome(slots_, to_, pair, kind, nowNs);
  return socket.sendRun(run, to_, begin, end, outcome, nowNs);
}

SendStop Fan::clone(Run& run, UdpPair& pair, Cloner& cloner, std::size_t first, std::vector<std::size_t>& got,
                    std::int64_t nowNs) {
  const std::size_t count = size();
  const std::size_t longest = run.segmentBytes() + pair.rtp().headerBytes();
  CountingOutcome outcome(slots_, to_, pair, PacketKind::rtp, nowNs);
  for (std::size_t turn = 0; turn < count;) {
    const std::size_t lead = (first + turn++) % count;
    if (!to_.takes(lead, longest, nowNs)) continue;
    cloner.begin(run);
    for (; turn < count && !cloner.full(); ++turn) {
      const std::size_t index = (first + turn) % count;
      if (to_.takes(index, longest, nowNs)) cloner.add(index, viewers_[index]);
    }
    if (cloner.empty()) return {};
    cloner.await(run, pair.rtp().local().family, longest, viewers_[lead], nowNs);
    const SendStop stop = pair.rtp().sendRun(run, to_, lead, lead + 1, outcome, nowNs);
    got[lead] = stop.pressure == Pressure::none ? run.count() : stop.packets;
    const bool seen = cloner.collect([&](std::size_t index) {
      got[index] = run.count();
      outcome.sent(index, 1, run.count(), run.bytes());
    });
    if (stop.pressure != Pressure::none) return {stop.pressure, lead, stop.packets};
    if (!seen) return {};
  }
  return {};
}

bool Fan::rehearse(Run& run, UdpPair& pair, Cloner& cloner, std::size_t first, std::int64_t nowNs) {
  const std::size_t longest = run.segmentBytes() + pair.rtp().headerBytes();
  // Whoever is reached by another device would get it: the program has found the way of all others.
  if (viewers_[first].foundIn == 0 || !to_.takes(first, longest, nowNs)) return true;
  cloner.begin(run);
  for (std::size_t turn = 1; turn < size() && !cloner.full(); ++turn) {
    const std::size_t index = (first + turn) % size();
    if (to_.takes(index, longest, nowNs)) cloner.add(index, viewers_[index]);
  }
  RehearsalOutcome outcome(pair);
  cloner.awaitRehearsal(run, pair.rtp().local().family, longest, viewers_[first], nowNs);
  pair.rtp().sendRun(run, to_, first, first + 1, outcome, nowNs);
  return cloner.collect([](std::size_t) {});
}

void FanoutGroup::add(CountedLeg leg, std::uint64_t position) {
  members_.push_back({leg.leg, leg.counters, position, ring_.ordinalAt(track_, position)});
  stale_ = true;
}

void FanoutGroup::remove(const UdpLeg& leg) {
  const auto found = std::find_if(members_.begin(), members_.end(), [&leg](const auto& member) { return member.leg == &leg; });
  if (found == members_.end()) return;
  if (behind_) drop(*found, given_);
  const auto index = static_cast<std::size_t>(found - members_.begin());
  members_.erase(found);
  if (index < next_) --next_;
  if (next_ >= members_.size()) next_ = 0;
  stale_ = true;
}

void FanoutGroup::rebuild() {
  rtp_.clear();
  rtcp_.clear();
  for (const Member& member : members_) {
    rtp_.add(member.leg->rtp.target, member.leg->path, member.counters);
    // A viewer may have told no RTCP port.
    if (member.leg->rtcp.target.port != 0) rtcp_.add(member.leg->rtcp.target, member.leg->path, member.counters);
  }
  stale_ = false;
}

void FanoutGroup::send(PacketKind kind, std::uint64_t from, std::uint64_t to, std::int64_t nowNs) {
  if (stale_) rebuild();
  if (kind == PacketKind::rtcp) return sendReports(from, to, nowNs);
  given_ = to;
  // Those that are behind come first; this they get in their turn.
  if (!behind_) sendMedia(from, nowNs);
}

/** A report that has no room is left out, uncounted: the next one tells more. What is billed and told as loss is media. */
void FanoutGroup::sendReports(std::uint64_t from, std::uint64_t to, std::int64_t nowNs) {
  cutRuns(ring_, from, to, track_, PacketKind::rtcp, run_, [&](Run& run) {
    for (std::size_t begin = 0; begin < rtcp_.size();) {
      const SendStop stop = rtcp_.send(run, pair_, PacketKind::rtcp, begin, rtcp_.size(), nowNs);
      if (stop.pressure == Pressure::none) break;
      begin = stop.destination + 1;
    }
    return true;
  });
}

void FanoutGroup::sendMedia(std::uint64_t from, std::int64_t nowNs) {
  Pressure pressure = Pressure::none;
  cutRuns(ring_, from, given_, track_, PacketKind::rtp, run_, [&](Run& run) {
    const SendStop stop = sendToAll(run, nowNs);
    pressure = stop.pressure;
    if (pressure != Pressure::none) fallBehind(stop.destination);
    return pressure == Pressure::none;
  });
  if (pressure == Pressure::socket) {
    pair_.awaitRoom(*this, pressure);
  } else if (pressure == Pressure::link) {
    onRoom(nowNs);
  }
}

bool FanoutGroup::rehearse(std::int64_t nowNs) {
  if (behind_ || !cloning_ || !cloner_.ready() || members_.size() < kRehearsedViewers) return false;
  if (stale_) rebuild();
  const std::uint64_t from = std::max(ring_.tail(), given_ > kRehearsedPackets ? given_ - kRehearsedPackets : 0);
  cutRuns(ring_, from, given_, track_, PacketKind::rtp, run_, [&](Run& run) {
    cloning_ = rtp_.rehearse(run, pair_, cloner_, next_, nowNs);
    return false;
  });
  return cloning_;
}

SendStop FanoutGroup::sendToAll(Run& run, std::int64_t nowNs) {
  got_.assign(members_.size(), 0);
  const bool clones = members_.size() > 1 && cloner_.ready();
  SendStop stop;
  const std::uint64_t clonedBefore = cloner_.packets();
  if (clones) stop = rtp_.clone(run, pair_, cloner_, next_, got_, nowNs);
  cloning_ = cloner_.packets() > clonedBefore;
  if (stop.pressure == Pressure::none) stop = sendToRest(run, next_, members_.size(), nowNs);
  if (stop.pressure == Pressure::none) stop = sendToRest(run, 0, next_, nowNs);
  // Each in turn is sent to by the socket: so the kernel goes on asking whether that neighbour is still there.
  if (clones && stop.pressure == Pressure::none) next_ = (next_ + 1) % members_.size();
  return stop;
}

/** By the socket to those of [begin, end) that did not get a clone. */
SendStop FanoutGroup::sendToRest(Run& run, std::size_t begin, std::size_t end, std::int64_t nowNs) {
  const auto isDue = [this](std::size_t index) { return got_[index] == 0; };
  while (begin < end) {
    if (!isDue(begin)) {
      ++begin;
      continue;
    }
    std::size_t until = begin + 1;
    while (until < end && isDue(until)) ++until;
    const SendStop stop = rtp_.send(run, pair_, PacketKind::rtp, begin, until, nowNs);
    if (stop.pressure != Pressure::none) {
      std::fill(got_.begin() + static_cast<std::ptrdiff_t>(begin), got_.begin() + static_cast<std::ptrdiff_t>(stop.destination), run.count());
      got_[stop.destination] = stop.packets;
      return stop;
    }
    std::fill(got_.begin() + static_cast<std::ptrdiff_t>(begin), got_.begin() + static_cast<std::ptrdiff_t>(until), run.count());
    begin = until;
  }
  return {};
}

/** The run that stands in `run_` went as far as `got_` says, and has no room at `stopped`: gives everybody a place of their own. */
void FanoutGroup::fallBehind(std::size_t stopped) {
  behind_ = true;
  const std::uint32_t ordinal = ring_.entry(run_.position(0)).ordinal;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i].due = run_.position(got_[i]);
    members_[i].ordinal = ordinal + static_cast<std::uint32_t>(got_[i]);
  }
  next_ = stopped;
}

/** A run to each of those that are behind, in turn, until none is or there is no room. */
void FanoutGroup::onRoom(std::int64_t nowNs) {
  if (stale_) rebuild();
  const std::size_t count = members_.size();
  bool sentSome = false;
  std::size_t unsent = 0;
  std::size_t full = 0;
  std::size_t firstFull = 0;
  while (unsent < count && full < kFullInARow) {
    Member& member = members_[next_];
    dropOverdue(member, nowNs);
    const SendStop stop = member.due < given_ ? sendNext(next_, nowNs) : SendStop{};
    if (stop.pressure == Pressure::socket) return pair_.awaitRoom(*this, stop.pressure);
    // What was only left out has taken no room: who has come forward by that has still met a full link.
    if (stop.packets > 0) {
      sentSome = true;
      unsent = full = 0;
    } else {
      ++unsent;
    }
    if (stop.pressure == Pressure::link && full++ == 0) firstFull = next_;
    next_ = (next_ + 1) % count;
  }
  behind_ = full > 0;
  if (!behind_) return;
  // Its turn is kept, unless nothing moves for long: then these are not to hold up those behind them.
  fruitless_ = sentSome ? 0 : fruitless_ + 1;
  if (fruitless_ < kFruitlessTurns) {
    next_ = firstFull;
  } else {
    fruitless_ = 0;
  }
  pair_.awaitRoom(*this, Pressure::link);
}

/** Sends one viewer the next run that it is due. Returns how many packets of it went out, and what stopped them. */
SendStop FanoutGroup::sendNext(std::size_t index, std::int64_t nowNs) {
  Member& member = members_[index];
  // By the first packet that it is due: another track's before that one has waited for nothing.
  std::optional<bool> spares;
  const auto leavesOut = [&spares, nowNs](const RingEntry& entry) {
    if (!spares) spares = nowNs - entry.arrivalNs > kSpareNs;
    return *spares && entry.disposable;
  };
  SendStop stop;
  std::uint64_t reached = given_;
  cutRuns(ring_, member.due, given_, track_, PacketKind::rtp, run_, leavesOut, [&](Run& run) {
    stop = rtp_.send(run, pair_, PacketKind::rtp, index, index + 1, nowNs);
    if (stop.pressure == Pressure::none) stop.packets = run.count();
    reached = run.position(stop.packets);
    return false;
  });
  const std::uint32_t leftOut = pass(member, reached) - static_cast<std::uint32_t>(stop.packets);
  if (leftOut > 0) member.counters.add(ViewerCounter::skippedNonReferencePackets, leftOut);
  return stop;
}

void FanoutGroup::dropOverdue(Member& member, std::int64_t nowNs) {
  std::uint64_t position = std::max(member.due, ring_.tail());
  bool needed = position > member.due;
  for (; position < given_; ++position) {
    const RingEntry& entry = ring_.entry(position);
    if (nowNs - entry.arrivalNs <= kMaxWaitNs) break;
    needed = needed || (entry.track == track_ && entry.kind == PacketKind::rtp && !entry.disposable);
  }
  if (position == member.due) return;
  drop(member, position);
  // What comes before a start point that waits already is decoded from what was dropped: nobody could show it.
  if (const std::uint64_t start = needed ? startFrom(position) : position; start > position) {
    if (drop(member, start) > 0) member.counters.add(ViewerCounter::startPointSkips, 1);
  }
}

/** The first start point of the track that waits at `position` or behind it; `position` where there is none. */
std::uint64_t FanoutGroup::startFrom(std::uint64_t position) const {
  const std::uint64_t newest = ring_.beginning();
  if (newest >= ring_.head() || newest < position || ring_.entry(newest).track != track_) return position;
  for (std::uint64_t at = position; at < std::min(newest, given_); ++at) {
    if (ring_.entry(at).start) return at;
  }
  // A picture that is still coming in does not wait yet.
  return newest < given_ ? newest : position;
}

/** Returns how many packets that was. */
std::uint32_t FanoutGroup::drop(Member& member, std::uint64_t upTo) {
  const std::uint32_t packets = pass(member, upTo);
  member.counters.add(ViewerCounter::droppedPackets, packets);
  return packets;
}

/** Moves its place forward. Returns how many packets it has passed. */
std::uint32_t FanoutGroup::pass(Member& member, std::uint64_t upTo) {
  const std::uint32_t ordinal = ring_.ordinalAt(track_, std::max(upTo, ring_.tail()));
  member.due = upTo;
  return ordinal - std::exchange(member.ordinal, ordinal);
}

}  // namespace weir

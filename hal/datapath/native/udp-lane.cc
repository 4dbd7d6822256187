#include "udp-lane.h"

#include <algorithm>

#include "rtcp.h"

namespace weir {

namespace {

constexpr std::size_t kFirstFramePackets = 64;
/** Until the feed has been measured. */
constexpr std::uint64_t kUnknownRate = 1'000'000;
/** Of the feed's own rate, in tenths: fast enough to catch up within a group of pictures, slow enough for the access line. */
constexpr std::uint64_t kCatchUpTenths = 25;
/** A thread that was held up does not make good for it by a burst. */
constexpr std::int64_t kLongestStepNs = 20 * kNsPerMs;

}  // namespace

UdpLane::UdpLane(Feed& feed, Loop& loop, ViewerFeedback& feedback)
    : feed_(feed), loop_(loop), feedback_(feedback), cursor_(feed.ring()) {}

UdpLane::~UdpLane() {
  pause();
  for (const auto& leg : legs_) {
    if (leg->pair != nullptr) leg->pair->detach(*leg);
  }
}

Status UdpLane::add(std::uint32_t track, UdpPair& pair, const Address& rtp, const Address& rtcp) {
  auto leg = std::make_unique<UdpLeg>();
  leg->owner = this;
  leg->track = track;
  leg->rtp.declared = rtp;
  leg->rtcp.declared = rtcp;
  if (const Status attached = pair.attach(*leg); !attached.ok()) return attached;
  cursor_.follow(track);
  legs_.push_back(std::move(leg));
  return {};
}

void UdpLane::play() {
  if (state_ != State::paused) return;
  skipOverrun();
  for (const auto& leg : legs_) {
    // The cursor may stand before where an earlier play got to.
    leg->sentTo = leg->reportsFrom = 0;
    const ByteView report = feed_.track(leg->track).senderReport();
    if (report.empty()) continue;
    leg->reportsFrom = feed_.track(leg->track).senderReportPosition() + 1;
    Run& run = feed_.work().run;
    run.clear();
    run.add(report.data(), static_cast<std::uint16_t>(report.size()));
    sendAlone(*leg, run, PacketKind::rtcp);
  }
  sendTo(firstFrameEnd());
  state_ = State::catchingUp;
  steppedNs_ = loop_.nowNs();
  budgetBytes_ = 0;
  feed_.beginCatchingUp(*this);
  settle();
}

void UdpLane::pause() {
  if (state_ == State::live) {
    for (const auto& leg : legs_) {
      if (leg->pair != nullptr) feed_.leaveLive(leg->track, *leg);
    }
    cursor_.seek(feed_.flushed());
  } else if (state_ == State::catchingUp) {
    feed_.endCatchingUp(*this);
  }
  state_ = State::paused;
}

void UdpLane::bye() {
  for (const auto& leg : legs_) {
    const std::optional<std::uint32_t> ssrc = feed_.track(leg->track).ssrc();
    if (leg->pair == nullptr || !ssrc || leg->rtcp.target.port == 0) continue;
    if (leg->pair->rtcp().sendOne(leg->rtcp.target, buildBye(*ssrc))) {
      feedback_.counters().add(ViewerCounter::txRtcpPackets, 1);
    }
  }
}

void UdpLane::step(std::int64_t nowNs) {
  skipOverrun();
  const std::uint64_t rate = feed_.bytesPerSecond();
  const auto elapsedNs = static_cast<std::uint64_t>(std::min(nowNs - steppedNs_, kLongestStepNs));
  steppedNs_ = nowNs;
  budgetBytes_ += (rate != 0 ? rate : kUnknownRate) * kCatchUpTenths / 10 * elapsedNs / kNsPerSecond;
  sendTo(affordable());
  settle();
}

/** How far the budget reaches. */
std::uint64_t UdpLane::affordable() {
  std::uint64_t position = cursor_.position();
  for (; position < feed_.flushed(); ++position) {
    const RingEntry& entry = feed_.ring().entry(position);
    if (!cursor_.follows(entry)) continue;
    if (entry.length > budgetBytes_) break;
    budgetBytes_ -= entry.length;
  }
  return position;
}

/** Behind the last packet of the frame that the cursor stands at. */
std::uint64_t UdpLane::firstFrameEnd() const {
  const Ring& ring = feed_.ring();
  const RingEntry* first = nullptr;
  std::size_t packets = 0;
  std::uint64_t position = cursor_.position();
  for (; position < feed_.flushed() && packets < kFirstFramePackets; ++position) {
    const RingEntry& entry = ring.entry(position);
    if (entry.kind != PacketKind::rtp || !cursor_.follows(entry)) continue;
    if (first == nullptr) first = &entry;
    if (entry.track == first->track && entry.rtpTime != first->rtpTime) break;
    ++packets;
  }
  return position;
}

void UdpLane::sendTo(std::uint64_t end) {
  std::uint64_t reached = end;
  for (const auto& leg : legs_) {
    cutRuns(feed_.ring(), std::max(cursor_.position(), leg->reportsFrom), end, leg->track, PacketKind::rtcp,
            feed_.work().run, [&](Run& run) {
              sendAlone(*leg, run, PacketKind::rtcp);
              return true;
            });
    leg->reportsFrom = std::max(leg->reportsFrom, end);
    std::uint64_t sentTo = end;
    cutRuns(feed_.ring(), std::max(cursor_.position(), leg->sentTo), end, leg->track, PacketKind::rtp,
            feed_.work().run, [&](Run& run) {
              const SendStop stop = sendAlone(*leg, run, PacketKind::rtp);
              if (stop.pressure != Pressure::none) sentTo = run.position(stop.packets);
              return stop.pressure == Pressure::none;
            });
    leg->sentTo = sentTo;
    reached = std::min(reached, sentTo);
  }
  cursor_.advance(reached);
}

SendStop UdpLane::sendAlone(UdpLeg& leg, Run& run, PacketKind kind) {
  const Address& target = kind == PacketKind::rtp ? leg.rtp.target : leg.rtcp.target;
  // A viewer may have told no RTCP port.
  if (leg.pair == nullptr || target.port == 0) return {};
  Fan& solo = feed_.work().solo;
  solo.clear();
  solo.add(target, leg.path, feedback_.counters());
  return solo.send(run, *leg.pair, kind, 0, 1, loop_.nowNs());
}

/** Live, once there is nothing left between the cursor and what all others have got. */
void UdpLane::settle() {
  if (cursor_.position() < feed_.flushed()) return;
  feed_.endCatchingUp(*this);
  state_ = State::live;
  for (const auto& leg : legs_) {
    if (leg->pair != nullptr) feed_.joinLive(leg->track, {leg.get(), feedback_.counters()});
  }
}

void UdpLane::skipOverrun() {
  if (!cursor_.overrun()) return;
  feedback_.counters().add(ViewerCounter::startPointSkips, 1);
  feedback_.counters().add(ViewerCounter::droppedPackets, cursor_.jump());
}

void UdpLane::onLegHeard(UdpLeg& leg, bool rtcp, ByteView bytes, std::int64_t nowNs) {
  feedback_.heard(nowNs);
  if (rtcp) feedback_.rtcp(leg.track, bytes);
}

void UdpLane::onLegMoved(UdpLeg& leg) {
  if (state_ == State::live) feed_.refreshLive(leg.track, leg);
}

void UdpLane::onLegRefused(UdpLeg&, std::int64_t nowNs) { feedback_.refused(nowNs); }

void UdpLane::onLegGone(UdpLeg& leg) {
  if (state_ == State::live) feed_.leaveLive(leg.track, leg);
  leg.pair = nullptr;
}

}  // namespace weir

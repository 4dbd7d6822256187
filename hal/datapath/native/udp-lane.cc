#include "udp-lane.h"

#include <algorithm>

#include "rtcp.h"

namespace weir {

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
  startFrame_.reset();
  inStartFrame_ = true;
  sendTo(burstEnd());
  state_ = State::catchingUp;
  pace_.begin(loop_.nowNs());
  pace_.turn(loop_.nowNs(), feed_.bytesPerSecond());
  dueNs_ = loop_.nowNs() + pace_.turnNs(inStartFrame_);
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
  pace_.turn(nowNs, feed_.bytesPerSecond());
  sendTo(affordable());
  dueNs_ = nowNs + pace_.turnNs(inStartFrame_);
  settle();
}

/** How far the budget reaches. */
std::uint64_t UdpLane::affordable() {
  std::uint64_t position = cursor_.position();
  for (; position < feed_.flushed(); ++position) {
    const RingEntry& entry = feed_.ring().entry(position);
    if (cursor_.follows(entry) && !pace_.take(entry.length, inStartFrame(entry))) break;
  }
  return position;
}

/** How far the start frame goes out at once. */
std::uint64_t UdpLane::burstEnd() {
  std::size_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t position = cursor_.position();
  for (; position < feed_.flushed(); ++position) {
    const RingEntry& entry = feed_.ring().entry(position);
    if (!cursor_.follows(entry)) continue;
    if (!inStartFrame(entry) || packets == kBurstPackets || bytes + entry.length > kBurstBytes) break;
    ++packets;
    bytes += entry.length;
  }
  return position;
}

/** Whether the start frame goes on at this packet, the next one of this viewer: other tracks' packets may lie between. */
bool UdpLane::inStartFrame(const RingEntry& entry) {
  if (!inStartFrame_ || entry.kind != PacketKind::rtp) return inStartFrame_;
  if (!startFrame_) startFrame_ = {entry.track, entry.rtpTime};
  if (entry.track == startFrame_->track && entry.rtpTime != startFrame_->rtpTime) inStartFrame_ = false;
  return inStartFrame_;
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
  // What has come since is sent to all who are live, and soon to this one.
  feedback_.counters().add(ViewerCounter::droppedPackets, cursor_.jump(feed_.flushed()));
}

void UdpLane::onLegHeard(UdpLeg& leg, bool rtcp, ByteView bytes, std::int64_t nowNs) {
  feedback_.heard(nowNs);
  if (rtcp) feedback_.rtcp(leg.track, bytes);
}

void UdpLane::onLegMoved(UdpLeg& leg) {
  if (state_ == State::live) feed_.refreshLive(leg.track, leg);
}

void UdpLane::onLegRefused(UdpLeg&, bool rtcp, std::int64_t nowNs) { feedback_.refused(rtcp, nowNs); }

void UdpLane::onLegGone(UdpLeg& leg) {
  if (state_ == State::live) feed_.leaveLive(leg.track, leg);
  leg.pair = nullptr;
}

}  // namespace weir

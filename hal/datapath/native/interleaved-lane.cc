#include "interleaved-lane.h"

#include <algorithm>

#include "rtcp.h"

namespace weir {

namespace {

/** A viewer that has fallen so far behind where it has been gets no pictures that no other one needs. */
constexpr std::int64_t kSkipLagNs = kNsPerSecond;

}  // namespace

InterleavedLane::InterleavedLane(Feed& feed, InterleavedConnection& connection, ViewerFeedback& feedback)
    : feed_(feed), connection_(&connection), feedback_(feedback), cursor_(feed.ring()) {
  connection.attach(*this);
  feed.joinInterleaved(*this);
}

InterleavedLane::~InterleavedLane() {
  feed_.leaveInterleaved(*this);
  if (connection_ == nullptr) return;
  connection_->release(*this);
  connection_->detach(*this);
}

Status InterleavedLane::add(std::uint32_t track, std::uint8_t rtpChannel, std::uint8_t rtcpChannel) {
  for (const Channels& other : channels_) {
    for (const std::uint8_t channel : {other.rtp, other.rtcp}) {
      if (channel == rtpChannel || channel == rtcpChannel) return Status::bad("rtpChannel");
    }
  }
  if (!connection_->claim(rtpChannel, *this) || !connection_->claim(rtcpChannel, *this)) {
    return {Code::wrongState, 0, "channel is in use"};
  }
  channels_.push_back({track, rtpChannel, rtcpChannel, false, 0});
  cursor_.follow(track);
  return {};
}

void InterleavedLane::play() {
  if (playing_ || connection_ == nullptr || !connection_->carriesFrames()) return;
  playing_ = true;
  leastLagNs_ = lagNs();
  for (Channels& channels : channels_) channels.reportDue = !feed_.track(channels.track).senderReport().empty();
  connection_->wake();
}

void InterleavedLane::pause() {
  playing_ = false;
  setBehind(false);
}

void InterleavedLane::bye() {
  for (const Channels& channels : channels_) {
    const std::optional<std::uint32_t> ssrc = feed_.track(channels.track).ssrc();
    if (connection_ == nullptr || !ssrc || !connection_->carriesFrames()) continue;
    connection_->sendFrame(channels.rtcp, buildBye(*ssrc));
    feedback_.counters().add(ViewerCounter::txRtcpPackets, 1);
  }
}

void InterleavedLane::wake() {
  if (playing_) connection_->wake();
}

void InterleavedLane::offerReports(FrameBatch& batch) {
  for (Channels& channels : channels_) {
    if (!channels.reportDue) continue;
    const FeedTrack& track = feed_.track(channels.track);
    channels.reportsFrom = track.senderReportPosition() + 1;
    batch.add(channels.rtcp, track.senderReport(), false, cursor_.position());
  }
}

void InterleavedLane::offer(FrameBatch& batch) {
  if (!playing_) return;
  jumpIfFarBehind();
  offerReports(batch);
  const Ring& ring = feed_.ring();
  for (std::uint64_t position = cursor_.position(); position < ring.head() && !batch.full(); ++position) {
    const RingEntry& entry = ring.entry(position);
    if (!cursor_.follows(entry) || (skipping_ && entry.disposable)) continue;
    const Channels& channels = channelsOf(entry.track);
    const bool media = entry.kind == PacketKind::rtp;
    if (!media && position < channels.reportsFrom) continue;
    batch.add(media ? channels.rtp : channels.rtcp, {ring.data(entry), entry.length}, media, position + 1);
  }
  // Nothing of ours there: what was passed over needs no second look.
  if (batch.count() == 0) passTo(ring.head(), 0);
}

void InterleavedLane::passTo(std::uint64_t position, std::size_t sent) {
  const std::uint32_t passed = cursor_.advance(position);
  if (passed > sent) feedback_.counters().add(ViewerCounter::skippedNonReferencePackets, passed - sent);
  if (cursor_.position() == feed_.ring().head()) setBehind(false);
}

std::int64_t InterleavedLane::lagNs() {
  const Ring& ring = feed_.ring();
  std::uint64_t position = std::max(cursor_.position(), ring.tail());
  return position < ring.head() ? feed_.nowNs() - ring.entry(position).arrivalNs : 0;
}

/** The ladder of a viewer that takes less than it is due: first what no other picture needs, then up to a start point. */
void InterleavedLane::jumpIfFarBehind() {
  const Ring& ring = feed_.ring();
  const std::int64_t lag = lagNs();
  leastLagNs_ = std::min(leastLagNs_, lag);
  const std::int64_t allowed = leastLagNs_ + kSkipLagNs;
  if (lag <= kSkipLagNs) setBehind(false);
  if (cursor_.overrun() || (lag > std::max(allowed, ring.longestNs() / 2) && cursor_.canJump())) {
    feedback_.counters().add(ViewerCounter::startPointSkips, 1);
    feedback_.counters().add(ViewerCounter::droppedPackets, cursor_.jump());
  }
  skipping_ = lagNs() > allowed ||
              (cursor_.position() < ring.head() && ring.bytesFrom(ring.entry(cursor_.position())) > ring.bytes() / 2);
}

void InterleavedLane::setBehind(bool behind) {
  ViewerSlot& counters = feedback_.counters();
  const bool was = counters.get(ViewerCounter::behindSinceMonoNs) != 0;
  if (was != behind) counters.set(ViewerCounter::behindSinceMonoNs, behind ? static_cast<std::uint64_t>(feed_.nowNs()) : 0);
}

void InterleavedLane::taken(const FrameBatch& batch, std::size_t count, bool full) {
  std::size_t media = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (batch.frame(i).media) {
      ++media;
      continue;
    }
    feedback_.counters().add(ViewerCounter::txRtcpPackets, 1);
    const auto due = std::find_if(channels_.begin(), channels_.end(), [](const Channels& c) { return c.reportDue; });
    if (due != channels_.end()) due->reportDue = false;
  }
  if (count > 0) passTo(batch.frame(count - 1).after, media);
  if (full) setBehind(true);
}

void InterleavedLane::acknowledged(std::uint64_t packets, std::uint64_t bytes) {
  feedback_.counters().add(ViewerCounter::txPackets, packets);
  feedback_.counters().add(ViewerCounter::txBytes, bytes);
}

void InterleavedLane::onFrame(std::uint8_t channel, ByteView bytes) {
  for (const Channels& channels : channels_) {
    if (channels.rtcp == channel) feedback_.rtcp(channels.track, bytes);
  }
}

const InterleavedLane::Channels& InterleavedLane::channelsOf(std::uint32_t track) const {
  return *std::find_if(channels_.begin(), channels_.end(), [track](const Channels& c) { return c.track == track; });
}

}  // namespace weir

#include "interleaved-lane.h"

#include <algorithm>

#include "prefetch.h"
#include "rtcp.h"

namespace weir {

namespace {

/** A viewer that has fallen so far behind where it has been gets no pictures that no other one needs. */
constexpr std::int64_t kSkipLagNs = kNsPerSecond;
/** Who was taken to a start point has lost pictures; without another such loss for so long it keeps up. */
constexpr std::int64_t kKeptUpNs = 30 * kNsPerSecond;

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
  for (const FrameChannels& other : channels_) {
    for (const std::uint8_t channel : {other.rtp, other.rtcp}) {
      if (channel == rtpChannel || channel == rtcpChannel) return Status::bad("rtpChannel");
    }
  }
  if (!connection_->claim(rtpChannel, *this) || !connection_->claim(rtcpChannel, *this)) {
    return {Code::wrongState, 0, "channel is in use"};
  }
  channels_.push_back({track, rtpChannel, rtcpChannel});
  firstReports_.emplace_back();
  cursor_.follow(track);
  return {};
}

void InterleavedLane::play() {
  if (playing_ || connection_ == nullptr || !connection_->carriesFrames()) return;
  playing_ = true;
  leastLagNs_ = lagNs();
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    firstReports_[i].due = !feed_.track(channels_[i].track).senderReport().empty();
  }
  connection_->wake();
}

void InterleavedLane::pause() {
  playing_ = false;
  setBehind(false);
  keptUpAtNs_ = 0;
}

void InterleavedLane::bye() {
  for (const FrameChannels& channels : channels_) {
    const std::optional<std::uint32_t> ssrc = feed_.track(channels.track).ssrc();
    if (connection_ == nullptr || !ssrc || !connection_->carriesFrames()) continue;
    connection_->sendFrame(channels.rtcp, buildBye(*ssrc));
    feedback_.counters().add(ViewerCounter::txRtcpPackets, 1);
  }
}

void InterleavedLane::wake() {
  if (playing_) connection_->wake();
}

void InterleavedLane::fetch(std::size_t stage) const {
  if (stage == 0) return prefetch(this, sizeof *this);
  if (connection_ == nullptr) return;
  if (stage == 1) {
    prefetch(connection_, sizeof *connection_);
    prefetch(channels_.data(), sizeof(FrameChannels));
    prefetch(firstReports_.data(), sizeof(FirstReport));
  } else {
    connection_->fetchOut();
  }
}

void InterleavedLane::offer(FrameBatch& batch) {
  if (!playing_) return batch.clear();
  jumpIfFarBehind();
  if (!isOrdinary()) {
    batch.clear();
    offerReports(batch);
    offerMedia(batch);
  } else if (!batch.holds({static_cast<std::uint64_t>(feed_.id()), cursor_.position(), feed_.ring().head(), channels_})) {
    offerMedia(batch);
  }
  // Nothing of ours there: what was passed over needs no second look.
  if (batch.count() == 0) passTo(feed_.ring().head(), 0);
}

bool InterleavedLane::isOrdinary() const {
  return !skipping_ && std::ranges::all_of(firstReports_, [this](const FirstReport& report) {
    return !report.due && report.reportsFrom <= cursor_.position();
  });
}

void InterleavedLane::offerReports(FrameBatch& batch) {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    if (!firstReports_[i].due) continue;
    const FeedTrack& track = feed_.track(channels_[i].track);
    // The source has begun anew since: the next report is in its place in the ring.
    firstReports_[i].due = !track.senderReport().empty();
    if (!firstReports_[i].due) continue;
    firstReports_[i].reportsFrom = track.senderReportPosition() + 1;
    batch.add(channels_[i].rtcp, track.senderReport(), false, cursor_.position());
  }
}

void InterleavedLane::offerMedia(FrameBatch& batch) {
  const Ring& ring = feed_.ring();
  std::uint64_t position = cursor_.position();
  for (; position < ring.head() && !batch.full(); ++position) {
    const RingEntry& entry = ring.entry(position);
    if (!cursor_.follows(entry) || (skipping_ && entry.disposable)) continue;
    const std::size_t index = indexOf(entry.track);
    const bool media = entry.kind == PacketKind::rtp;
    if (!media && position < firstReports_[index].reportsFrom) continue;
    batch.add(media ? channels_[index].rtp : channels_[index].rtcp, {ring.data(entry), entry.length}, media, position + 1);
  }
  if (batch.count() > 0) batch.reach(position);
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
  std::int64_t lag = lagNs();
  leastLagNs_ = std::min(leastLagNs_, lag);
  const std::int64_t allowed = leastLagNs_ + kSkipLagNs;
  if (lag <= kSkipLagNs) setBehind(false);
  if (cursor_.overrun() || (lag > std::max(allowed, ring.longestNs() / 2) && cursor_.canJump())) {
    feedback_.counters().add(ViewerCounter::startPointSkips, 1);
    feedback_.counters().add(ViewerCounter::droppedPackets, cursor_.jump(ring.head()));
    lag = lagNs();
    setBehind(true);
    keptUpAtNs_ = feed_.nowNs() + kKeptUpNs;
  }
  skipping_ = lag > allowed ||
              (cursor_.position() < ring.head() && ring.bytesFrom(ring.entry(cursor_.position())) > ring.bytes() / 2);
}

void InterleavedLane::setBehind(bool behind) {
  if (behind_ == behind) return;
  behind_ = behind;
  if (behind && feed_.nowNs() >= keptUpAtNs_) behindSinceNs_ = feed_.nowNs();
  feedback_.counters().set(ViewerCounter::behindSinceMonoNs, behind ? static_cast<std::uint64_t>(behindSinceNs_) : 0);
}

void InterleavedLane::taken(const FrameBatch& batch, std::size_t count, bool full) {
  std::size_t media = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (batch.frame(i).media) {
      ++media;
      continue;
    }
    feedback_.counters().add(ViewerCounter::txRtcpPackets, 1);
    const auto first = std::ranges::find_if(firstReports_, &FirstReport::due);
    if (first != firstReports_.end()) first->due = false;
  }
  if (count > 0) passTo(batch.frame(count - 1).after, media);
  if (full) setBehind(true);
}

void InterleavedLane::acknowledged(std::uint64_t packets, std::uint64_t bytes) {
  feedback_.counters().add(ViewerCounter::txPackets, packets);
  feedback_.counters().add(ViewerCounter::txBytes, bytes);
}

void InterleavedLane::onFrame(std::uint8_t channel, ByteView bytes) {
  for (const FrameChannels& channels : channels_) {
    if (channels.rtcp == channel) feedback_.rtcp(channels.track, bytes);
  }
}

std::size_t InterleavedLane::indexOf(std::uint32_t track) const {
  return static_cast<std::size_t>(std::ranges::find(channels_, track, &FrameChannels::track) - channels_.begin());
}

}  // namespace weir

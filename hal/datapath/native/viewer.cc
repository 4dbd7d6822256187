#include "viewer.h"

#include <algorithm>

namespace weir {

namespace {

/**
 * How long the last bytes on a connection may take to be acknowledged before the counters are final: more than the way by
 * satellite and back, and acknowledgements are held back for up to 500 ms (RFC 9293 s.3.8.6.3).
 */
constexpr std::int64_t kSettleNs = kNsPerSecond;
constexpr std::int64_t kSettleStepNs = 10 * kNsPerMs;

}  // namespace

Viewer::Viewer(Feed& feed, Loop& loop, EventSink& sink, ViewerId id, ViewerSlot counters)
    : feed_(feed), loop_(loop), feedback_(sink, id, counters), settleTimer_(loop, [this] { settle(); }) {}

Viewer::~Viewer() {
  // Their last word goes into the slot, which is the caller's after this.
  udp_.reset();
  interleaved_.clear();
  if (seeking_) seeking_(Status::dead("viewer"));
  if (closed_) closed_(Status{});
}

Status Viewer::addTracks(const std::vector<TrackTo>& tracks) {
  Status status = tracks.empty() ? Status::bad("tracks") : Status{};
  for (auto track = tracks.begin(); status.ok() && track != tracks.end(); ++track) status = addTrack(*track);
  if (!status.ok()) {
    udp_.reset();
    interleaved_.clear();
    tracks_.clear();
  }
  return status;
}

Status Viewer::addTrack(const TrackTo& track) {
  if (track.track >= feed_.trackCount()) return Status::bad("track");
  if (std::find(tracks_.begin(), tracks_.end(), track.track) != tracks_.end()) return Status::bad("track");
  tracks_.push_back(track.track);
  if (const auto* udp = std::get_if<UdpTo>(&track.to)) {
    if (udp->rtpTarget.port == 0) return Status::bad("rtpTarget");
    if (!udp_) udp_ = std::make_unique<UdpLane>(feed_, loop_, feedback_);
    return udp_->add(track.track, *udp->pair, udp->rtpTarget, udp->rtcpTarget);
  }
  const auto& to = std::get<InterleavedTo>(track.to);
  if (to.rtpChannel == to.rtcpChannel) return Status::bad("rtcpChannel");
  auto lane = std::find_if(interleaved_.begin(), interleaved_.end(),
                           [&to](const auto& other) { return other->uses(*to.connection); });
  if (lane == interleaved_.end()) {
    if (!to.connection->carriesFrames()) return {Code::wrongState, 0, "connection has ended"};
    interleaved_.push_back(std::make_unique<InterleavedLane>(feed_, *to.connection, feedback_));
    lane = interleaved_.end() - 1;
  }
  return (*lane)->add(track.track, to.rtpChannel, to.rtcpChannel);
}

void Viewer::seekToStart(std::uint32_t waitMs, Starts done) {
  if (playing_ || seeking_) {
    done(Status{Code::wrongState, 0, playing_ ? "viewer is playing" : "viewer is seeking"});
    return;
  }
  seeking_ = std::move(done);
  placed_ = false;
  StartWait::Owner& self = *this;
  wait_ = std::make_unique<StartWait>(feed_, loop_, tracks_, waitMs, self);
}

void Viewer::onPlaced(std::uint64_t position) {
  placed_ = true;
  if (udp_) udp_->cursor().seek(position);
  for (const auto& lane : interleaved_) lane->cursor().seek(position);
  if (playing_) playLanes();
}

void Viewer::onAnswer(StartWait::Starts starts) {
  const Starts answer = std::move(seeking_);
  answer(std::move(starts));
}

Status Viewer::play() {
  if (seeking_) return {Code::wrongState, 0, "viewer is seeking"};
  playing_ = true;
  if (placed_) playLanes();
  return {};
}

void Viewer::playLanes() {
  if (udp_) udp_->play();
  for (const auto& lane : interleaved_) lane->play();
}

void Viewer::pause() {
  playing_ = false;
  if (udp_) udp_->pause();
  for (const auto& lane : interleaved_) lane->pause();
}

void Viewer::close(bool bye, Done done, Callback<void()> over) {
  pause();
  wait_.reset();
  if (seeking_) {
    const Starts answer = std::move(seeking_);
    answer(Status::dead("viewer"));
  }
  closed_ = std::move(done);
  over_ = std::move(over);
  if (bye && udp_) udp_->bye();
  for (const auto& lane : interleaved_) {
    if (bye) lane->bye();
  }
  udp_.reset();
  settleUntilNs_ = loop_.nowNs() + kSettleNs;
  settle();
}

void Viewer::settle() {
  const bool settled = std::all_of(interleaved_.begin(), interleaved_.end(), [](const auto& lane) { return lane->settled(); });
  if (!settled && loop_.nowNs() < settleUntilNs_) {
    settleTimer_.armIn(kSettleStepNs);
    return;
  }
  interleaved_.clear();
  // From here on the slot is the caller's.
  const Done done = std::move(closed_);
  done(Status{});
  over_();
}

}  // namespace weir

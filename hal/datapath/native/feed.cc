#include "feed.h"

#include <algorithm>
#include <array>
#include <utility>

#include "interleaved-lane.h"
#include "start-wait.h"
#include "udp-lane.h"

namespace weir {

namespace {

/** A feed that has shown no start point for so long since its first packet, or since the last one, is played without. */
constexpr std::int64_t kFirstStartPatienceNs = 5 * kNsPerSecond;
constexpr std::int64_t kNextStartPatienceNs = 20 * kNsPerSecond;
/** Media from before a silence is nothing to begin with. */
constexpr std::int64_t kFreshNs = kNsPerSecond;
/** What is held for less tells no rate. */
constexpr std::int64_t kLeastHeldNs = 100 * kNsPerMs;
/**
 * Sources write a picture's packets one by one. Where so many viewers follow that sending is most of the work, the engine
 * waits for the end of the picture, but no longer than this, and makes one send for a viewer of it instead of several.
 */
constexpr std::int64_t kPictureWaitNs = kNsPerMs / 2;
constexpr std::size_t kManyViewers = 16;
/** Of most pictures, start pictures of a calm scene among them. */
constexpr std::uint64_t kPictureBytes = 64 * 1024;
/** After a rehearsal: by then most pictures have come. */
constexpr std::int64_t kAwakeNs = 600 * kNsPerUs;
/** So many viewers are served while the memory of a later one is fetched. */
constexpr std::size_t kFetchApart = 2;
constexpr std::uint64_t kMaxUnflushedBytes = 1024 * 1024;

/** RFC 7022 s.4.2: 96 random bits, so that no two boxes and no two feeds share one. */
std::string randomCname(std::minstd_rand& random) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string name;
  for (int i = 0; i < 16; ++i) name += kDigits[random() / 64 % kDigits.size()];
  return name;
}

}  // namespace

Feed::Feed(Loop& loop, Workspace& work, EventSink& sink, FeedId id, const FeedOptions& options, FeedSlot counters)
    : loop_(loop),
      work_(work),
      sink_(sink),
      id_(id),
      counters_(counters),
      ring_(options.ringBytes, options.ringMs),
      catchUp_(options.catchUp),
      cname_(randomCname(work.random)),
      maxUnflushedBytes_(std::min<std::uint64_t>(options.ringBytes / 4, kMaxUnflushedBytes)),
      catchUpTimer_(loop, [this] { catchUp(); }),
      pictureTimer_(loop, [this] { flush(); }),
      rehearsalTimer_(loop, [this] { rehearse(); }) {
  const auto video = std::find_if(options.tracks.begin(), options.tracks.end(), [](const auto& track) { return track.video; });
  if (video != options.tracks.end()) {
    pictureTrack_ = static_cast<std::uint32_t>(video - options.tracks.begin());
    pictureClock_.emplace(video->clockRateHz);
  }
  for (std::size_t i = 0; i < options.tracks.size(); ++i) {
    TrackOptions track = options.tracks[i];
    if (track.video) videoTracks_ |= 1U << i;
    // Without video, any packet will do.
    if (video == options.tracks.end()) track.codec = StartPointCodec::none;
    const bool decides = video == options.tracks.end() || &options.tracks[i] == &*video;
    tracks_.push_back(std::make_unique<FeedTrack>(*this, loop, static_cast<std::uint32_t>(i), track, decides));
  }
}

void Feed::resume() {
  counters_.add(FeedCounter::resumes, 1);
  resumedBy_ = nullptr;
  // Where nothing has come yet there is nothing to go on from.
  const bool begun = std::any_of(tracks_.begin(), tracks_.end(), [](const auto& track) { return track->ssrc().has_value(); });
  for (const auto& track : tracks_) track->resume(begun);
}

void Feed::endWaiting(const FeedTrack& track) {
  resumedBy_ = &track;
  for (const auto& other : tracks_) other->endWaiting();
}

bool Feed::startsDecided() const {
  return std::any_of(tracks_.begin(), tracks_.end(), [](const auto& track) { return track->decidesStart() && track->hasSource(); });
}

std::uint64_t Feed::append(RingEntry entry, ByteView packet) {
  if (!flushAsked_) {
    flushAsked_ = true;
    loop_.atBatchEnd(*this);
  }
  if (unflushedBytes_ + packet.size() > maxUnflushedBytes_ || ring_.head() - flushed_ >= 512) {
    // What has not been sent must not be pushed out of the ring.
    flush();
  }
  entry.arrivalNs = loop_.nowNs();
  unflushedBytes_ += packet.size();
  (entry.kind == PacketKind::rtp ? unflushedRtp_ : unflushedRtcp_) |= 1U << entry.track;
  if (entry.kind == PacketKind::rtp) {
    rate_.add(packet.size(), entry.arrivalNs);
    if (mediaSinceNs_ == 0) mediaSinceNs_ = entry.arrivalNs;
    const bool video = (videoTracks_ >> entry.track & 1) != 0;
    // RFC 3551 s.4.1, RFC 6184 s.5.1: the marker is on the last packet of a picture.
    pictureOpen_ = video && (packet[1] & 0x80) == 0;
    if (video) runEnd_.add(packet.size(), ring_.head());
    if (pictureClock_ && entry.track == pictureTrack_) seePicture(entry);
  }
  return ring_.append(entry, packet);
}

void Feed::markStart(std::uint64_t position) {
  ring_.markStart(position);
  startMarkedNs_ = loop_.nowNs();
  for (StartWait* wait : waiting_) wait->startCame(position);
  counters_.add(FeedCounter::startPoints, 1);
}

std::uint64_t Feed::bytesPerSecond() const {
  const std::int64_t nowNs = loop_.nowNs();
  const std::uint64_t lately = rate_.bytesPerSecond(nowNs);
  if (ring_.tail() == ring_.head()) return lately;
  const RingEntry& oldest = ring_.entry(ring_.tail());
  const std::int64_t heldNs = nowNs - oldest.arrivalNs;
  if (heldNs < kLeastHeldNs) return lately;
  const auto held = static_cast<double>(ring_.bytesFrom(oldest)) * kNsPerSecond / static_cast<double>(heldNs);
  return std::max(lately, static_cast<std::uint64_t>(held));
}

std::optional<std::uint64_t> Feed::beginning(std::uint32_t tracks) const {
  const std::uint64_t start = ring_.beginning();
  const bool waits = videoTracks_ == 0 || showsPictures(tracks);
  if (waits && start < ring_.head() && mayBeginAt(start)) return start;
  if (waits && !startsStayAway()) return std::nullopt;
  const std::uint64_t newest = ring_.newest(tracks);
  const bool fresh = newest < ring_.head() && loop_.nowNs() - ring_.entry(newest).arrivalNs <= kFreshNs;
  return fresh ? newest : ring_.head();
}

/** One of them is video, and the track that decides where viewers start belongs to the session. */
bool Feed::showsPictures(std::uint32_t tracks) const {
  const auto decides = [](const auto& track) { return track->decidesStart() && (track->hasSource() || track->ssrc()); };
  return (tracks & videoTracks_) != 0 && std::any_of(tracks_.begin(), tracks_.end(), decides);
}

/** It is not further back than catching up may go. */
bool Feed::mayBeginAt(std::uint64_t position) const {
  const RingEntry& start = ring_.entry(position);
  const std::int64_t ageNs = loop_.nowNs() - start.arrivalNs;
  // Without video it is the newest packet: there is nothing to catch up with.
  if (videoTracks_ == 0) return ageNs <= kFreshNs;
  return catchUp_ && ageNs <= catchUp_->maxMs * kNsPerMs && ring_.bytesFrom(start) <= catchUp_->maxBytes;
}

bool Feed::startsStayAway() const {
  if (mediaSinceNs_ == 0) return false;
  if (startMarkedNs_ != 0) return loop_.nowNs() - startMarkedNs_ > kNextStartPatienceNs;
  return loop_.nowNs() - mediaSinceNs_ > kFirstStartPatienceNs;
}

void Feed::onBatchEnd() {
  flushAsked_ = false;
  if (!pictureOpen_) loop_.maySleep();
  if (!pictureOpen_ || liveViewers() < kManyViewers) {
    flush();
  } else {
    // To wait with what is whole would save nothing by UDP; by TCP it goes with the rest.
    if (runEnd_.position() > flushed_) sendToLive(runEnd_.position());
    if (!pictureTimer_.armed()) pictureTimer_.armIn(kPictureWaitNs);
  }
  foretell();
}

/** The first packet of a picture is the first of its RTP time. */
void Feed::seePicture(const RingEntry& entry) {
  if (entry.rtpTime == pictureTime_) return;
  foretell();
  pictureTime_ = entry.rtpTime;
  pictureCameNs_ = entry.arrivalNs;
}

/** Once what came of the picture is on its way: it takes some microseconds, and the next picture is far. */
void Feed::foretell() {
  if (!pictureCameNs_) return;
  pictureClock_->add(*std::exchange(pictureCameNs_, std::nullopt), *pictureTime_);
  rehearsalTimer_.cancel();
  if (liveViewers() < kManyViewers) return;
  if (const std::optional<std::int64_t> nextNs = pictureClock_->nextNs()) rehearsalTimer_.armAt(*nextNs);
}

void Feed::rehearse() {
  // It came sooner, or the one before has not gone yet.
  if (ring_.head() != flushed_) return;
  bool rehearsed = false;
  for (const auto& group : groups_) {
    if (group->track() == pictureTrack_ && group->rehearse(loop_.nowNs())) rehearsed = true;
  }
  ring_.prepare(kPictureBytes);
  if (rehearsed) loop_.stayAwake(kAwakeNs);
}

void Feed::flush() {
  pictureTimer_.cancel();
  sendToLive(ring_.head());
  unflushedBytes_ = 0;
  unflushedRtp_ = unflushedRtcp_ = 0;
  for (std::size_t i = interleaved_.size(); i-- > 0;) {
    // Since its last turn all the others have been served: its memory is far from the processor.
    for (std::size_t stage = 0; stage < InterleavedLane::kFetchStages; ++stage) {
      const std::size_t ahead = (InterleavedLane::kFetchStages - stage) * kFetchApart;
      if (i >= ahead) interleaved_[i - ahead]->fetch(stage);
    }
    interleaved_[i]->wake();
  }
  // One that is answered leaves the list.
  for (std::size_t i = waiting_.size(); i-- > 0;) waiting_[i]->check();
}

void Feed::sendToLive(std::uint64_t end) {
  const std::uint64_t from = flushed_;
  flushed_ = end;
  for (const PacketKind kind : {PacketKind::rtcp, PacketKind::rtp}) {
    for (const auto& group : groups_) {
      if (((kind == PacketKind::rtp ? unflushedRtp_ : unflushedRtcp_) >> group->track() & 1) == 0) continue;
      group->send(kind, from, end, loop_.nowNs());
    }
  }
}

std::size_t Feed::liveViewers() const {
  std::size_t count = interleaved_.size();
  for (const auto& group : groups_) count += group->size();
  return count;
}

FanoutGroup* Feed::findGroup(std::uint32_t track, const UdpPair& pair) {
  for (const auto& group : groups_) {
    if (group->serves(pair, track)) return group.get();
  }
  return nullptr;
}

void Feed::joinLive(std::uint32_t track, CountedLeg leg) {
  FanoutGroup* group = findGroup(track, *leg.leg->pair);
  if (group == nullptr) {
    group = groups_.emplace_back(std::make_unique<FanoutGroup>(*leg.leg->pair, track, ring_, work_.run, work_.cloner)).get();
  }
  group->add(leg, flushed_);
}

void Feed::leaveLive(std::uint32_t track, const UdpLeg& leg) {
  FanoutGroup* group = findGroup(track, *leg.pair);
  if (group == nullptr) return;
  group->remove(leg);
  if (group->empty()) std::erase_if(groups_, [group](const auto& other) { return other.get() == group; });
}

void Feed::refreshLive(std::uint32_t track, const UdpLeg& leg) {
  if (FanoutGroup* group = findGroup(track, *leg.pair)) group->refresh();
}

void Feed::beginCatchingUp(UdpLane& lane) {
  catchingUp_.push_back(&lane);
  armCatchUp(lane.dueNs());
}

void Feed::armCatchUp(std::int64_t dueNs) {
  if (catchUpTimer_.armed() && catchUpDueNs_ <= dueNs) return;
  catchUpDueNs_ = dueNs;
  catchUpTimer_.armAt(dueNs);
}

void Feed::endCatchingUp(UdpLane& lane) { std::erase(catchingUp_, &lane); }

void Feed::catchUp() {
  // One that has caught up leaves the list.
  for (std::size_t i = catchingUp_.size(); i-- > 0;) {
    if (catchingUp_[i]->dueNs() <= loop_.nowNs()) catchingUp_[i]->step(loop_.nowNs());
  }
  for (const UdpLane* lane : catchingUp_) armCatchUp(lane->dueNs());
}

}  // namespace weir

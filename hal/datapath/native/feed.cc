#include "feed.h"

#include <algorithm>
#include <array>

#include "interleaved-lane.h"
#include "start-wait.h"
#include "udp-lane.h"

namespace weir {

namespace {

constexpr std::int64_t kCatchUpNs = 5 * kNsPerMs;
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
      cname_(randomCname(work.random)),
      maxUnflushedBytes_(std::min<std::uint64_t>(options.ringBytes / 4, kMaxUnflushedBytes)),
      catchUpTimer_(loop, [this] { catchUp(); }) {
  const auto video = std::find_if(options.tracks.begin(), options.tracks.end(), [](const auto& track) { return track.video; });
  for (std::size_t i = 0; i < options.tracks.size(); ++i) {
    TrackOptions track = options.tracks[i];
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
  if (entry.kind == PacketKind::rtp) rate_.add(packet.size(), entry.arrivalNs);
  return ring_.append(entry, packet);
}

void Feed::markStart(std::uint64_t position) {
  ring_.markStart(position);
  counters_.add(FeedCounter::startPoints, 1);
}

void Feed::onBatchEnd() {
  flushAsked_ = false;
  flush();
}

void Feed::flush() {
  const std::uint64_t head = ring_.head();
  const std::uint64_t from = flushed_;
  const std::uint32_t rtp = unflushedRtp_;
  const std::uint32_t rtcp = unflushedRtcp_;
  flushed_ = head;
  unflushedBytes_ = 0;
  unflushedRtp_ = unflushedRtcp_ = 0;
  for (const PacketKind kind : {PacketKind::rtcp, PacketKind::rtp}) {
    for (const auto& group : groups_) {
      if (((kind == PacketKind::rtp ? rtp : rtcp) >> group->track() & 1) == 0) continue;
      group->send(kind, from, head, loop_.nowNs());
    }
  }
  for (std::size_t i = interleaved_.size(); i-- > 0;) interleaved_[i]->wake();
  // One that is answered leaves the list.
  for (std::size_t i = waiting_.size(); i-- > 0;) waiting_[i]->check();
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
    group = groups_.emplace_back(std::make_unique<FanoutGroup>(*leg.leg->pair, track, ring_, work_.run)).get();
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
  if (!catchUpTimer_.armed()) catchUpTimer_.armIn(kCatchUpNs);
}

void Feed::endCatchingUp(UdpLane& lane) { std::erase(catchingUp_, &lane); }

void Feed::catchUp() {
  // One that has caught up leaves the list.
  for (std::size_t i = catchingUp_.size(); i-- > 0;) catchingUp_[i]->step(loop_.nowNs());
  if (!catchingUp_.empty()) catchUpTimer_.armIn(kCatchUpNs);
}

}  // namespace weir

#include "start-wait.h"

#include <algorithm>

namespace weir {

StartWait::StartWait(Feed& feed, Loop& loop, std::vector<std::uint32_t> tracks, std::uint32_t waitMs, Owner& owner)
    : feed_(feed),
      tracks_(std::move(tracks)),
      owner_(owner),
      timeout_(loop, [this] { answer(); }) {
  for (const std::uint32_t track : tracks_) trackBits_ |= 1U << track;
  feed_.beginWaiting(*this);
  begin(feed_.beginning(trackBits_));
  look();
  // Never from within the constructor: the owner has to hold it first.
  timeout_.armIn(position_ && starts_.size() == tracks_.size() ? 0 : waitMs * kNsPerMs);
}

void StartWait::begin(std::optional<std::uint64_t> position) {
  position_ = position;
  looked_ = position.value_or(0);
  starts_.clear();
}

void StartWait::startCame(std::uint64_t position) {
  if (!position_) begin(position);
}

void StartWait::look() {
  const bool lost = position_ && *position_ < feed_.ring().tail();
  if (!position_ || lost) begin(feed_.beginning(trackBits_));
  if (!position_) return;
  const Ring& ring = feed_.ring();
  for (; looked_ < ring.head() && starts_.size() < tracks_.size(); ++looked_) {
    const RingEntry& entry = ring.entry(looked_);
    const auto isIts = [&entry](const auto& other) { return other.track == entry.track; };
    if (entry.kind != PacketKind::rtp || std::any_of(starts_.begin(), starts_.end(), isIts)) continue;
    if ((trackBits_ >> entry.track & 1) != 0) starts_.push_back({entry.track, entry.seq, entry.rtpTime});
  }
}

void StartWait::check() {
  look();
  if (answered_) {
    if (position_) place();
  } else if (position_ && starts_.size() == tracks_.size()) {
    answer();
  }
}

void StartWait::place() {
  if (placed_) return;
  placed_ = true;
  feed_.endWaiting(*this);
  owner_.onPlaced(*position_);
}

void StartWait::answer() {
  if (answered_) return;
  look();
  answered_ = true;
  timeout_.cancel();
  if (position_) place();
  std::sort(starts_.begin(), starts_.end(), [](const auto& a, const auto& b) { return a.track < b.track; });
  owner_.onAnswer(std::move(starts_));
}

}  // namespace weir

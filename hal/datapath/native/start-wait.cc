#include "start-wait.h"

#include <algorithm>

namespace weir {

StartWait::StartWait(Feed& feed, Loop& loop, std::vector<std::uint32_t> tracks, std::uint32_t waitMs, Found found)
    : feed_(feed),
      tracks_(std::move(tracks)),
      found_(std::move(found)),
      timeout_(loop, [this] { finish(); }) {
  feed_.beginWaiting(*this);
  timeout_.armIn(waitMs * kNsPerMs);
  begin();
  look();
  // Never from within the constructor: the owner has to hold it first.
  if (starts_.size() == tracks_.size()) timeout_.armIn(0);
}

void StartWait::begin() {
  position_ = feed_.ring().beginning();
  atStart_ = position_ < feed_.ring().head();
  looked_ = position_;
  starts_.clear();
}

void StartWait::look() {
  const Ring& ring = feed_.ring();
  for (; looked_ < ring.head() && starts_.size() < tracks_.size(); ++looked_) {
    const RingEntry& entry = ring.entry(looked_);
    const auto isIts = [&entry](const auto& other) { return other.track == entry.track; };
    if (entry.kind != PacketKind::rtp || std::any_of(starts_.begin(), starts_.end(), isIts)) continue;
    if (std::find(tracks_.begin(), tracks_.end(), entry.track) == tracks_.end()) continue;
    starts_.push_back({entry.track, entry.seq, entry.rtpTime});
  }
}

void StartWait::check() {
  const Ring& ring = feed_.ring();
  const bool startCame = !atStart_ && ring.beginning() < ring.head();
  if (startCame || position_ < ring.tail()) begin();
  look();
  if (starts_.size() == tracks_.size()) finish();
}

void StartWait::finish() {
  if (done_) return;
  done_ = true;
  timeout_.cancel();
  feed_.endWaiting(*this);
  if (position_ < feed_.ring().tail()) {
    begin();
    look();
  }
  std::sort(starts_.begin(), starts_.end(), [](const auto& a, const auto& b) { return a.track < b.track; });
  found_(position_, std::move(starts_));
}

}  // namespace weir

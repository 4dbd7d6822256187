#include "reorder-window.h"

#include <algorithm>

namespace weir {

bool ReorderWindow::take(const RtpPacket& packet, ByteView bytes, std::int64_t nowNs, OrderedPackets& out) {
  if (!begun_) {
    begun_ = true;
    newest_ = next_ = packet.seq;
  }
  const std::int64_t seq = newest_ + static_cast<std::int16_t>(packet.seq - static_cast<std::uint16_t>(newest_));
  newest_ = std::max(newest_, seq);
  if (seq < next_) return false;
  if (seq == next_) {
    ++next_;
    out.onOrdered(packet, bytes, nowNs, 0);
    if (count_ > 0) passOnHeld(0, out);
    return true;
  }
  hold(seq, bytes, nowNs);
  if (count_ > maxPackets_) giveUp(out);
  return true;
}

void ReorderWindow::hold(std::int64_t seq, ByteView bytes, std::int64_t nowNs) {
  const auto free = held_.begin() + static_cast<std::ptrdiff_t>(count_++);
  free->seq = seq;
  free->arrivalNs = nowNs;
  free->bytes.assign(bytes.begin(), bytes.end());
  const auto place = std::find_if(held_.begin(), free, [seq](const Held& other) { return other.seq > seq; });
  std::rotate(place, free, free + 1);
}

std::optional<std::int64_t> ReorderWindow::dueNs() const {
  if (count_ == 0) return std::nullopt;
  const auto end = held_.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto sooner = [](const Held& a, const Held& b) { return a.arrivalNs < b.arrivalNs; };
  return std::min_element(held_.begin(), end, sooner)->arrivalNs + kLongestNs;
}

void ReorderWindow::giveUpDue(std::int64_t nowNs, OrderedPackets& out) {
  for (auto due = dueNs(); due && *due <= nowNs; due = dueNs()) giveUp(out);
}

void ReorderWindow::giveUpAll(OrderedPackets& out) {
  while (count_ > 0) giveUp(out);
}

void ReorderWindow::restart(OrderedPackets& out) {
  giveUpAll(out);
  begun_ = false;
}

/** The first gap: what stands between the last packet that went on and the first that is held. */
void ReorderWindow::giveUp(OrderedPackets& out) {
  const std::int64_t lost = held_[0].seq - next_;
  next_ = held_[0].seq;
  passOnHeld(static_cast<std::uint32_t>(lost), out);
}

/** Up to the next gap. */
void ReorderWindow::passOnHeld(std::uint32_t lostBefore, OrderedPackets& out) {
  std::size_t passed = 0;
  for (; passed < count_ && held_[passed].seq == next_; ++passed, ++next_) {
    const Held& held = held_[passed];
    out.onOrdered(*parseRtp(held.bytes), held.bytes, held.arrivalNs, passed == 0 ? lostBefore : 0);
  }
  const auto begin = held_.begin();
  std::rotate(begin, begin + static_cast<std::ptrdiff_t>(passed), begin + static_cast<std::ptrdiff_t>(count_));
  count_ -= passed;
}

}  // namespace weir

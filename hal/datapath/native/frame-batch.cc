#include "frame-batch.h"

#include <algorithm>

namespace weir {

void FrameBatch::clear() {
  count_ = 0;
  named_ = false;
  whole_.clear();
}

bool FrameBatch::holds(const Content& content) {
  if (named_ && feed_ == content.feed && from_ == content.from && to_ == content.to &&
      std::ranges::equal(channels_, content.channels)) {
    if (whole_.empty()) makeWhole();
    return true;
  }
  clear();
  named_ = true;
  feed_ = content.feed;
  from_ = content.from;
  to_ = content.to;
  channels_.assign(content.channels.begin(), content.channels.end());
  return false;
}

void FrameBatch::add(std::uint8_t channel, ByteView packet, bool media, std::uint64_t after) {
  Frame& frame = frames_[count_];
  frame.header = {'$', channel, static_cast<std::uint8_t>(packet.size() >> 8), static_cast<std::uint8_t>(packet.size())};
  frame.length = static_cast<std::uint16_t>(packet.size());
  frame.media = media;
  frame.after = after;
  pieces_[2 * count_] = {frame.header.data(), frame.header.size()};
  pieces_[2 * count_ + 1] = {const_cast<std::uint8_t*>(packet.data()), packet.size()};
  ++count_;
}

void FrameBatch::makeWhole() {
  for (const iovec& piece : std::span(pieces_).first(2 * count_)) {
    const auto* bytes = static_cast<const std::uint8_t*>(piece.iov_base);
    whole_.insert(whole_.end(), bytes, bytes + piece.iov_len);
  }
}

}  // namespace weir

#include "rtsp-framer.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace weir {

namespace {

/** Position after the blank line that ends a head, looking from `from` on; lone LF counts as a line end. 0: not there. */
std::size_t headEnd(ByteView data, std::size_t from) {
  while (from < data.size()) {
    const void* found = std::memchr(data.data() + from, '\n', data.size() - from);
    if (found == nullptr) return 0;
    const auto at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - data.data());
    if (at + 1 < data.size() && data[at + 1] == '\n') return at + 2;
    if (at + 2 < data.size() && data[at + 1] == '\r' && data[at + 2] == '\n') return at + 3;
    from = at + 1;
  }
  return 0;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool sameName(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

/** Specification: RFC 2326 s.12.14. 0 when the header is absent; nothing when it is no number or given twice differently. */
std::optional<std::size_t> contentLength(std::string_view head) {
  constexpr std::size_t kMaxDigits = 9;
  std::optional<std::size_t> length;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find('\n'), head.size() - 1);
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !sameName(trim(line.substr(0, colon)), "content-length")) continue;
    const std::string_view digits = trim(line.substr(colon + 1));
    if (digits.empty() || digits.size() > kMaxDigits) return std::nullopt;
    std::size_t value = 0;
    for (const char digit : digits) {
      if (digit < '0' || digit > '9') return std::nullopt;
      value = value * 10 + static_cast<std::size_t>(digit - '0');
    }
    if (length && *length != value) return std::nullopt;
    length = value;
  }
  return length.value_or(0);
}

}  // namespace

RtspItem RtspFramer::next(ByteView data) {
  // RFC 2068 s.4.1: empty lines before a message are ignored.
  std::size_t skipped = 0;
  while (skipped < data.size() && (data[skipped] == '\r' || data[skipped] == '\n')) ++skipped;
  if (skipped == data.size()) return {.consumed = skipped};
  const ByteView rest = data.subspan(skipped);
  if (rest[0] != '$') return nextMessage(rest, skipped);
  constexpr std::size_t kHeader = 4;
  if (rest.size() < kHeader || rest.size() < kHeader + readU16(&rest[2])) return {.consumed = skipped};
  const std::size_t length = readU16(&rest[2]);
  return {RtspItem::Kind::frame, rest.subspan(kHeader, length), rest[1], skipped + kHeader + length};
}

RtspItem RtspFramer::nextMessage(ByteView data, std::size_t skipped) {
  const RtspItem bad{.kind = RtspItem::Kind::bad, .consumed = skipped};
  // A method or "RTSP/" begins with a visible character; a TLS or binary protocol mostly does not.
  if (data[0] <= ' ' || data[0] >= 0x7f) return bad;
  if (wholeBytes_ == 0) {
    const std::size_t end = headEnd(data, looked_);
    if (end == 0) {
      if (data.size() > limits_.maxHeaderBytes) return bad;
      // The last two bytes may be the beginning of the blank line.
      looked_ = data.size() - std::min<std::size_t>(data.size(), 2);
      return {.consumed = skipped};
    }
    if (end > limits_.maxHeaderBytes) return bad;
    const auto length = contentLength({reinterpret_cast<const char*>(data.data()), end});
    if (!length || *length > limits_.maxBodyBytes) return bad;
    wholeBytes_ = end + *length;
  }
  if (data.size() < wholeBytes_) return {.consumed = skipped};
  const std::size_t whole = wholeBytes_;
  looked_ = wholeBytes_ = 0;
  return {RtspItem::Kind::message, data.first(whole), 0, skipped + whole};
}

}  // namespace weir

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "../tables.h"
#include "rtsp-framer.h"

using namespace weir;

namespace {

constexpr std::size_t kMaxMessageBytes = tables::kFramerLimits.maxHeaderBytes + tables::kFramerLimits.maxBodyBytes;

struct Outcome {
  std::vector<Bytes> items;
  bool bad = false;
  std::size_t used = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome frame(const Bytes& stream, std::size_t step) {
  RtspFramer framer(tables::kFramerLimits);
  Outcome outcome;
  std::size_t given = 0;
  while (!outcome.bad) {
    const ByteView waiting(stream.data() + outcome.used, given - outcome.used);
    const RtspItem item = framer.next(waiting);
    if (item.consumed > waiting.size()) std::abort();
    if (item.kind == RtspItem::Kind::message && item.bytes.size() > kMaxMessageBytes) std::abort();
    outcome.used += item.consumed;
    outcome.bad = item.kind == RtspItem::Kind::bad;
    if (item.kind == RtspItem::Kind::frame || item.kind == RtspItem::Kind::message) {
      outcome.items.emplace_back(item.bytes.begin(), item.bytes.end());
    } else if (given == stream.size()) {
      break;
    } else {
      given = std::min(stream.size(), given + step);
    }
  }
  return outcome;
}

}  // namespace

/** Whatever the bytes and wherever they are cut: the same items come out. The first byte tells where to cut. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes stream(data + 1, data + size);
  const Outcome whole = frame(stream, stream.size() + 1);
  if (frame(stream, 1) != whole || frame(stream, data[0] + std::size_t{1}) != whole) std::abort();
  return 0;
}

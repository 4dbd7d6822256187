#include "picture-clock.h"

#include <algorithm>

namespace weir {

namespace {

/** How long it may be before the next picture. */
constexpr std::int64_t kLongestStepNs = kNsPerSecond;
constexpr std::int64_t kWindowNs = 800 * kNsPerUs;
/** Whoever gets ready takes some time: what comes sooner after the window's beginning was not foretold. */
constexpr std::int64_t kReadyNs = 50 * kNsPerUs;
constexpr std::int32_t kWhole = 1024;
constexpr std::int32_t kRightEnough = kWhole / 3;
/** How much one picture counts for: a thirty-second. */
constexpr int kMemoryShift = 5;

}  // namespace

void PictureClock::begin(std::int64_t arrivalNs, std::uint32_t rtpTime) {
  count_ = 1;
  lateNs_[0] = 0;
  beganNs_ = arrivalNs;
  mediaTicks_ = 0;
  stepTicks_ = 0;
  rtpTime_ = rtpTime;
  nextNs_.reset();
}

void PictureClock::add(std::int64_t arrivalNs, std::uint32_t rtpTime) {
  const auto step = static_cast<std::int32_t>(rtpTime - rtpTime_);
  if (count_ == 0 || step <= 0 || step > kLongestStepNs / kNsPerSecond * clockRateHz_) return begin(arrivalNs, rtpTime);
  if (nextNs_) {
    const bool right = arrivalNs >= *nextNs_ + kReadyNs && arrivalNs < *nextNs_ + kWindowNs + kReadyNs;
    right_ += ((right ? kWhole : 0) - right_) >> kMemoryShift;
  }
  rtpTime_ = rtpTime;
  stepTicks_ = step;
  mediaTicks_ += step;
  mediaNs_ = beganNs_ + mediaTicks_ / clockRateHz_ * kNsPerSecond + mediaTicks_ % clockRateHz_ * kNsPerSecond / clockRateHz_;
  lateNs_[count_++ % kKept] = arrivalNs - mediaNs_;
  foretell();
}

std::optional<std::int64_t> PictureClock::nextNs() const {
  return right_ >= kRightEnough ? nextNs_ : std::nullopt;
}

void PictureClock::foretell() {
  nextNs_.reset();
  if (count_ < kLeast) return;
  struct Earlier {
    std::int64_t unlike;
    std::int64_t nextLateNs;
  };
  std::array<Earlier, kKept - 1> earlier;
  const std::size_t last = count_ - 1;
  auto end = earlier.begin();
  for (std::size_t at = count_ > kKept ? count_ - kKept : 0; at < last; ++at) {
    *end++ = {std::abs(lateNs(at) - lateNs(last)), lateNs(at + 1)};
  }
  std::nth_element(earlier.begin(), earlier.begin() + kAlike, end,
                   [](const Earlier& a, const Earlier& b) { return a.unlike < b.unlike; });
  std::array<std::int64_t, kAlike> late;
  for (std::size_t i = 0; i < kAlike; ++i) late[i] = earlier[i].nextLateNs;
  std::sort(late.begin(), late.end());
  // The densest window; what is in it in its middle.
  std::size_t most = 0;
  std::int64_t middleNs = 0;
  for (std::size_t from = 0, to = 0; from < kAlike; ++from) {
    while (to < kAlike && late[to] - late[from] <= kWindowNs) ++to;
    if (to - from <= most) continue;
    most = to - from;
    middleNs = (late[from] + late[to - 1]) / 2;
  }
  const std::int64_t stepNs = stepTicks_ * kNsPerSecond / clockRateHz_;
  nextNs_ = mediaNs_ + stepNs + middleNs - kWindowNs / 2;
}

}  // namespace weir

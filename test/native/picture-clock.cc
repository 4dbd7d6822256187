#include "picture-clock.h"

#include <random>

#include "check.h"

using namespace weir;

namespace {

constexpr std::uint32_t kClockHz = 90'000;
/** 30000/1001 pictures a second. */
constexpr std::uint32_t kStep = 3003;
constexpr std::int64_t kWindowNs = 800 * kNsPerUs;

std::int64_t dueNs(std::int64_t picture) { return 50 * kNsPerSecond + picture * kStep * kNsPerSecond / kClockHz; }

/** A source whose timer counts whole milliseconds, and a network that is up to 0.1 ms slower at times. */
class Source {
 public:
  explicit Source(std::uint32_t firstRtpTime = 0) : firstRtpTime_(firstRtpTime) {}

  [[nodiscard]] std::uint32_t rtpTime(std::int64_t picture) const {
    return firstRtpTime_ + static_cast<std::uint32_t>(picture) * kStep;
  }
  std::int64_t arrivalNs(std::int64_t picture) {
    return (dueNs(picture) / kNsPerMs + 1) * kNsPerMs + std::uniform_int_distribution<std::int64_t>(0, 100 * kNsPerUs)(random_);
  }

 private:
  std::uint32_t firstRtpTime_;
  std::minstd_rand random_{1};
};

/** How many of the pictures [from, to) came in the window that was foretold. */
int foretold(PictureClock& clock, Source source, std::int64_t from, std::int64_t to) {
  int right = 0;
  for (std::int64_t picture = from; picture < to; ++picture) {
    const std::int64_t atNs = source.arrivalNs(picture);
    const std::optional<std::int64_t> nextNs = clock.nextNs();
    if (nextNs && atNs >= *nextNs && atNs < *nextNs + kWindowNs) ++right;
    clock.add(atNs, source.rtpTime(picture));
  }
  return right;
}

}  // namespace

TEST("the next picture of a source whose timer counts whole milliseconds is foretold") {
  PictureClock clock(kClockHz);
  CHECK_EQ(foretold(clock, Source(), 0, 48), 0);
  CHECK(foretold(clock, Source(), 48, 548) > 450);
}

TEST("pictures are foretold across the wrap of RTP time (RFC 3550 s.5.1)") {
  PictureClock clock(kClockHz);
  foretold(clock, Source(0xffff0000), 0, 128);
  CHECK(foretold(clock, Source(0xffff0000), 128, 228) > 90);
}

TEST("nothing is foretold of pictures that come without a rhythm") {
  PictureClock clock(kClockHz);
  std::minstd_rand random(1);
  for (std::int64_t picture = 0; picture < 1000; ++picture) {
    const std::int64_t lateNs = std::uniform_int_distribution<std::int64_t>(0, 30 * kNsPerMs)(random);
    clock.add(dueNs(picture) + lateNs, static_cast<std::uint32_t>(picture) * kStep);
  }
  CHECK(!clock.nextNs());
}

TEST("nothing is foretold where pictures are sent in another order than shown") {
  PictureClock clock(kClockHz);
  for (std::int64_t picture = 0; picture < 1000; ++picture) {
    clock.add(dueNs(picture), static_cast<std::uint32_t>(picture + (picture % 2 == 0 ? 2 : 0)) * kStep);
  }
  CHECK(!clock.nextNs());
}

TEST("after a silence the rhythm is learned anew") {
  PictureClock clock(kClockHz);
  foretold(clock, Source(), 0, 200);
  CHECK(clock.nextNs().has_value());
  CHECK_EQ(foretold(clock, Source(), 300, 348), 0);
  CHECK(foretold(clock, Source(), 348, 448) > 80);
}

TEST("pictures are foretold for longer than a day") {
  PictureClock clock(kClockHz);
  int wrong = 0;
  // After 102,481 s the ticks in ns are more than 64 bits hold.
  for (std::int64_t second = 0; second < 103'000; ++second) {
    const std::int64_t atNs = (50 + second) * kNsPerSecond;
    const std::optional<std::int64_t> nextNs = clock.nextNs();
    if (second > 200 && !(nextNs && atNs >= *nextNs && atNs < *nextNs + kWindowNs)) ++wrong;
    clock.add(atNs, static_cast<std::uint32_t>(second * kClockHz));
  }
  CHECK_EQ(wrong, 0);
}

#include "awake-budget.h"

#include "check.h"

using namespace weir;

TEST("who may stay awake does so until it is told to sleep, or as long as it asked for") {
  AwakeBudget budget;
  const std::int64_t begun = 100 * kNsPerSecond;
  CHECK(!budget.awake(begun));
  budget.begin(begun, kNsPerMs);
  CHECK(budget.awake(begun + 1));
  CHECK(budget.awake(begun + kNsPerMs - 1));
  CHECK(!budget.awake(begun + kNsPerMs));
  CHECK(budget.idle());
  budget.begin(begun + 2 * kNsPerMs, kNsPerMs);
  CHECK(budget.awake(begun + 2 * kNsPerMs + 1));
  CHECK_EQ(budget.spentNs(), kNsPerMs);
  budget.end(begun + 2 * kNsPerMs + 2);
  CHECK(!budget.awake(begun + 2 * kNsPerMs + 3));
  CHECK_EQ(budget.spentNs(), kNsPerMs + 2);
}

TEST("nobody stays awake for more than a hundredth of the time, however many ask for it") {
  AwakeBudget budget;
  const std::int64_t begun = 100 * kNsPerSecond;
  std::int64_t awakeNs = 0;
  // A thousand feeds' pictures a second, each asking for a millisecond that nobody ends.
  for (std::int64_t now = begun; now < begun + 10 * kNsPerSecond; now += 10 * kNsPerUs) {
    if ((now - begun) % kNsPerMs == 0) budget.begin(now, kNsPerMs);
    if (budget.awake(now)) awakeNs += 10 * kNsPerUs;
  }
  // And a second's savings at the beginning.
  CHECK(awakeNs <= 11 * kNsPerSecond / 100 + kNsPerMs);
  CHECK(awakeNs > 9 * kNsPerSecond / 100);
}

TEST("what ends before it began, by an older reading of the clock, gains nothing") {
  AwakeBudget budget;
  const std::int64_t begun = 100 * kNsPerSecond;
  budget.begin(begun, kNsPerSecond);
  budget.end(begun - kNsPerMs);
  budget.begin(begun, kNsPerSecond);
  CHECK(budget.awake(begun + 10 * kNsPerMs - 1));
  CHECK(!budget.awake(begun + 10 * kNsPerMs));
}

TEST("what was saved for longer than a second is gone") {
  AwakeBudget budget;
  const std::int64_t begun = 1000 * kNsPerSecond;
  budget.begin(begun, kNsPerSecond);
  CHECK(budget.awake(begun + 10 * kNsPerMs - 1));
  CHECK(!budget.awake(begun + 10 * kNsPerMs));
  budget.begin(begun + 11 * kNsPerMs, kNsPerSecond);
  CHECK(budget.awake(begun + 11 * kNsPerMs + 1));
  CHECK(!budget.awake(begun + 12 * kNsPerMs));
}

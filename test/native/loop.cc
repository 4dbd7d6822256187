#include "loop.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "check.h"

using namespace weir;

namespace {

/** How often the system had this thread sleep. */
long sleeps() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_nvcsw;
}

/** In a loop that has nothing to do until a timer ends it after `lastsNs`; the least of several tries. */
long sleepsIn(std::int64_t lastsNs, std::int64_t awakeNs, bool maySleep = false) {
  long least = std::numeric_limits<long>::max();
  for (int i = 0; i < 5; ++i) {
    Loop loop;
    Loop::Timer end(loop, [&] { loop.stop(); });
    end.armIn(lastsNs);
    if (awakeNs > 0) loop.stayAwake(awakeNs);
    if (maySleep) loop.maySleep();
    const long before = sleeps();
    loop.run();
    least = std::min(least, sleeps() - before);
  }
  return least;
}

}  // namespace

TEST("a loop that is to stay awake does not sleep until then, and its timers are on time") {
  CHECK_EQ(sleepsIn(kNsPerMs, 5 * kNsPerMs), 0);
  CHECK(sleepsIn(kNsPerMs, 0) > 0);
}

TEST("a loop sleeps again once it has been awake for as long as was asked for, or may sleep sooner") {
  CHECK(sleepsIn(5 * kNsPerMs, kNsPerMs) > 0);
  CHECK(sleepsIn(5 * kNsPerMs, 8 * kNsPerMs, true) > 0);
}

TEST("what a loop was awake for is told, up to when it might sleep") {
  Loop loop;
  Loop::Timer end(loop, [&] { loop.stop(); });
  end.armIn(kNsPerMs);
  CHECK_EQ(loop.awakeNs(), 0);
  loop.stayAwake(5 * kNsPerMs);
  loop.run();
  loop.maySleep();
  CHECK(loop.awakeNs() > 0 && loop.awakeNs() <= 5 * kNsPerMs);
}

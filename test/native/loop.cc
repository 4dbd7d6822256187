#include "loop.h"

#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <string>

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

TEST("timers of one time call back in the order of their arming; in it one may arm itself, cancel and destroy others") {
  Loop loop;
  std::string order;
  Loop::Timer cancelled(loop, [&] { order += 'x'; });
  auto destroyed = std::make_unique<Loop::Timer>(loop, [&] { order += 'y'; });
  std::function<void()> first;
  Loop::Timer a(loop, [&] { first(); });
  Loop::Timer b(loop, [&] { order += 'b'; });
  first = [&] {
    order += 'a';
    if (order.size() > 1) return loop.stop();
    a.armAt(0);
    cancelled.cancel();
    destroyed.reset();
  };
  const std::int64_t at = loop.nowNs() + kNsPerMs;
  for (Loop::Timer* timer : {&a, &cancelled, destroyed.get(), &b}) timer->armAt(at);
  // Again: what counts is the last arming.
  b.armAt(at);
  loop.run();
  CHECK_EQ(order, "aba");
  CHECK(!a.armed() && !b.armed() && !cancelled.armed());
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

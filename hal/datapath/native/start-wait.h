#pragma once

#include <vector>

#include "feed.h"

namespace weir {

/**
 * Waits until each track of a viewer has a packet at or after the start point, at most for a while. The start point
 * is the newest one; where there is none yet, the first that comes, or else the next packet.
 */
class StartWait {
 public:
  using Starts = std::vector<TrackStart>;
  /** Called once with where to begin and what each track begins with. */
  using Found = Callback<void(std::uint64_t position, Starts starts)>;

  StartWait(Feed& feed, Loop& loop, std::vector<std::uint32_t> tracks, std::uint32_t waitMs, Found found);
  StartWait(const StartWait&) = delete;
  StartWait& operator=(const StartWait&) = delete;
  ~StartWait() { feed_.endWaiting(*this); }

  /** Looks at what has come since. */
  void check();

 private:
  void begin();
  void look();
  void finish();

  Feed& feed_;
  std::vector<std::uint32_t> tracks_;
  Found found_;
  std::uint64_t position_ = 0;
  std::uint64_t looked_ = 0;
  bool atStart_ = false;
  bool done_ = false;
  Starts starts_;
  Loop::Timer timeout_;
};

}  // namespace weir

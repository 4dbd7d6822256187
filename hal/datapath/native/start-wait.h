#pragma once

#include <optional>
#include <vector>

#include "feed.h"

namespace weir {

/**
 * Finds where a viewer begins. First that place: a start point that is held and not too far back, else the next one to
 * come, else, where start points stay away, the newest packet (Feed::beginning). Then what each of its tracks begins
 * with there. The answer is given after a while all the same, with what is known by then; the place may follow later.
 */
class StartWait {
 public:
  using Starts = std::vector<TrackStart>;
  class Owner {
   public:
    /** Once; never from within the constructor. */
    virtual void onPlaced(std::uint64_t position) = 0;
    /** Once, behind `onPlaced` if that comes in time. */
    virtual void onAnswer(Starts starts) = 0;

   protected:
    ~Owner() = default;
  };

  StartWait(Feed& feed, Loop& loop, std::vector<std::uint32_t> tracks, std::uint32_t waitMs, Owner& owner);
  StartWait(const StartWait&) = delete;
  StartWait& operator=(const StartWait&) = delete;
  ~StartWait() { feed_.endWaiting(*this); }

  /** A start point came: none of the past, whatever catching up may go back. */
  void startCame(std::uint64_t position);
  /** Looks at what has come since. */
  void check();

 private:
  void begin(std::optional<std::uint64_t> position);
  void look();
  void place();
  void answer();

  Feed& feed_;
  std::vector<std::uint32_t> tracks_;
  std::uint32_t trackBits_ = 0;
  Owner& owner_;
  std::optional<std::uint64_t> position_;
  std::uint64_t looked_ = 0;
  bool placed_ = false;
  bool answered_ = false;
  Starts starts_;
  Loop::Timer timeout_;
};

}  // namespace weir

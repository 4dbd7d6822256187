#pragma once

#include <random>

#include "cloner.h"
#include "fanout.h"
#include "frame-batch.h"
#include "receive-arena.h"
#include "run.h"

namespace weir {

/** Memory that everything on one engine thread works in, one after the other; nothing stays in it. */
struct Workspace {
  ReceiveArena arena;
  FrameBatch frames;
  Run run;
  Fan solo;
  Cloner cloner;
  std::minstd_rand random{std::random_device{}()};
};

}  // namespace weir

#include "feed-rig.h"

using namespace test;

TEST("a UDP viewer gets the origin's packets byte for byte, from the newest start point on") {
  World world;
  FeedRig rig(world);
  rig.send(0, rig.video(false));
  const Bytes key = rig.video(true);
  const Bytes after = rig.video(false);
  rig.send(0, key);
  rig.send(0, after);
  const auto viewer = rig.addUdp();
  CHECK_EQ(viewer->starts.size(), 1U);
  CHECK_EQ(viewer->starts[0].seq, 101);
  CHECK_EQ(viewer->starts[0].rtpTime, 9000U + 7200);
  rig.play(viewer->id);
  CHECK(viewer->rtp.receive() == key);
  CHECK(viewer->rtp.lastFrom == viewer->pair.rtp);
  CHECK(viewer->rtp.receive() == after);
  const Bytes live = rig.video(false);
  rig.send(0, live);
  CHECK(viewer->rtp.receive() == live);
  world.awaitCounter(viewer->slot, ViewerCounter::txPackets, 3);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::txBytes), key.size() + after.size() + live.size());
}

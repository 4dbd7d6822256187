#include <algorithm>
#include <map>

#include "clock.h"
#include "disposable.h"
#include "feed-rig.h"
#include "tables.h"

using namespace test;

namespace {

/** A slice that no other picture is decoded from: nal_ref_idc 0. */
Bytes disposable(Bytes packet) {
  packet[12] = 0x01;
  return packet;
}

/** Sends pictures, every other one disposable, until the viewer takes no more, and then some. */
std::vector<Bytes> fill(FeedRig& rig, const FeedRig::TcpViewer& viewer) {
  std::vector<Bytes> sent;
  std::size_t most = 50'000;
  while (sent.size() < most) {
    const Bytes packet = rig.video(sent.empty(), 1300);
    sent.push_back(sent.size() % 2 == 1 ? disposable(packet) : packet);
    rig.send(0, sent.back());
    const bool behind = rig.world.counter(viewer.slot, ViewerCounter::behindSinceMonoNs) != 0;
    if (behind && most == 50'000) most = sent.size() + 100;
  }
  CHECK(most < 50'000);
  return sent;
}

void letPass(std::int64_t ns) {
  const std::int64_t until = monoNs() + ns;
  World::awaitTrue([&] { return monoNs() > until; }, "time");
}

/** Which of `sent` the viewer gets, in order, up to the last. */
std::vector<bool> readAll(FeedRig::TcpViewer& viewer, const std::vector<Bytes>& sent) {
  std::vector<bool> got(sent.size());
  while (!got.back()) {
    const Bytes header = viewer.peer.receive(4);
    const Bytes packet = viewer.peer.receive(readU16(&header[2]));
    const auto at = std::find(sent.begin(), sent.end(), packet) - sent.begin();
    CHECK(at < static_cast<std::ptrdiff_t>(sent.size()));
    got[static_cast<std::size_t>(at)] = true;
  }
  return got;
}

}  // namespace

TEST("a viewer more than a second behind is spared the pictures no other one needs, then is live again") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp(0, 1);
  rig.play(viewer->id);
  std::vector<Bytes> sent = fill(rig, *viewer);
  const std::uint64_t since = world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs);
  const std::uint64_t cpuNs = world.engine().cpuNs();
  letPass(1200 * kNsPerMs);
  CHECK(world.engine().cpuNs() - cpuNs < static_cast<std::uint64_t>(20 * kNsPerMs));
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs), since);
  sent.push_back(rig.video(false));
  rig.send(0, sent.back());
  const std::vector<bool> got = readAll(*viewer, sent);
  std::uint64_t missing = 0;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (got[i]) continue;
    ++missing;
    CHECK_EQ(sent[i][12], 0x01);
  }
  CHECK(missing > 0);
  world.awaitCounter(viewer->slot, ViewerCounter::txPackets, sent.size() - missing);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::skippedNonReferencePackets), missing);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::startPointSkips), 0U);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::droppedPackets), 0U);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs), 0U);
  // It has caught up by itself: what comes next is another time.
  fill(rig, *viewer);
  CHECK(world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs) > since);
}

TEST("a viewer behind by more than half of the ring's time goes on at the newest start point") {
  World world;
  FeedRig rig(world, 4 * 1024 * 1024, "127.0.0.1", 6000);
  const auto viewer = rig.addTcp(0, 1);
  rig.play(viewer->id);
  std::vector<Bytes> sent = fill(rig, *viewer);
  const std::uint64_t since = world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs);
  letPass(3200 * kNsPerMs);
  for (int i = 0; i < 4; ++i) {
    sent.push_back(rig.video(i == 1));
    rig.send(0, sent.back());
  }
  const std::vector<bool> got = readAll(*viewer, sent);
  CHECK(got[sent.size() - 3] && got[sent.size() - 2]);
  CHECK(!got[sent.size() - 4] && !got[sent.size() - 100]);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::startPointSkips), 1U);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::skippedNonReferencePackets), 0U);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::droppedPackets),
           static_cast<std::uint64_t>(std::count(got.begin(), got.end(), false)));
  // A start point took it to the head, not its own speed: when it falls behind again it has been so since the first time.
  World::awaitTrue([&] { return world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs) == 0; }, "live again");
  fill(rig, *viewer);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::behindSinceMonoNs), since);
}

TEST("a viewer that joins far behind the head is not behind for that: it gets every picture") {
  World world;
  FeedRig rig(world);
  std::vector<Bytes> sent;
  for (int i = 0; i < 100; ++i) {
    const Bytes packet = rig.video(i == 0, 1300);
    sent.push_back(i % 2 == 1 ? disposable(packet) : packet);
    rig.send(0, sent.back());
  }
  letPass(1200 * kNsPerMs);
  const auto viewer = rig.addTcp();
  rig.play(viewer->id);
  const std::vector<bool> got = readAll(*viewer, sent);
  CHECK_EQ(std::count(got.begin(), got.end(), true), 100);
  CHECK_EQ(world.counter(viewer->slot, ViewerCounter::skippedNonReferencePackets), 0U);
}

TEST("payload formats show which packets no other picture is decoded from") {
  std::map<StartPointCodec, Disposable> codecs;
  for (const auto& one : tables::disposableCases()) {
    RtpPacket packet;
    packet.payload = one.payload;
    packet.rtpTime = one.rtpTime;
    Disposable& codec = codecs.try_emplace(one.codec, one.codec).first->second;
    if (codec.shows(packet) != one.disposable) throw check::Failure(one.name);
  }
}

#include <algorithm>

#include "clock.h"
#include "disposable.h"
#include "feed-rig.h"

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
}

TEST("a viewer behind by more than half of the ring's time goes on at the newest start point") {
  World world;
  FeedRig rig(world, 4 * 1024 * 1024, "127.0.0.1", 6000);
  const auto viewer = rig.addTcp(0, 1);
  rig.play(viewer->id);
  std::vector<Bytes> sent = fill(rig, *viewer);
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
  struct Case {
    const char* name;
    StartPointCodec codec;
    Bytes payload;
    bool disposable;
  };
  using Codec = StartPointCodec;
  const std::vector<Case> cases{
      {"H.264 slice, nal_ref_idc 0", Codec::h264, {0x01, 0x9a}, true},
      {"H.264 slice, nal_ref_idc 2", Codec::h264, {0x41, 0x9a}, false},
      {"H.264 SEI", Codec::h264, {0x06, 0x05, 0x00}, false},
      {"H.264 delimiter", Codec::h264, {0x09, 0xf0}, false},
      {"H.264 FU-A, any part", Codec::h264, {0x1c, 0x01, 0x9a}, true},
      {"H.264 FU-A of a reference", Codec::h264, {0x5c, 0x81, 0x9a}, false},
      {"H.264 STAP-A, delimiter and slice", Codec::h264, {0x18, 0, 2, 0x09, 0xf0, 0, 2, 0x01, 0x9a}, true},
      {"H.264 STAP-A without slice", Codec::h264, {0x18, 0, 2, 0x09, 0xf0}, false},
      {"H.264 STAP-A with a reference", Codec::h264, {0x18, 0, 2, 0x01, 0x9a, 0, 2, 0x41, 0x9a}, false},
      {"H.264 STAP-A cut", Codec::h264, {0x18, 0, 9, 0x01, 0x9a}, false},
      {"H.264 nothing", Codec::h264, {}, false},
      {"H.265 TRAIL_N in the only layer", Codec::h265, {0x00, 0x01, 0xd0}, true},
      {"H.265 TRAIL_R", Codec::h265, {0x02, 0x01, 0xd0}, false},
      {"H.265 TSA_N in a higher layer", Codec::h265, {0x04, 0x02, 0xd0}, true},
      {"H.265 TRAIL_N below a higher layer", Codec::h265, {0x00, 0x01, 0xd0}, false},
      {"H.265 FU of RASL_N", Codec::h265, {0x62, 0x02, 0x88, 0xaf}, true},
      {"H.265 FU of IDR", Codec::h265, {0x62, 0x02, 0x93, 0xaf}, false},
      {"H.265 AP, SEI and TRAIL_N", Codec::h265, {0x60, 0x02, 0, 3, 0x4e, 0x01, 0x05, 0, 3, 0x00, 0x02, 0xd0}, true},
      {"H.265 AP of parameter sets", Codec::h265, {0x60, 0x02, 0, 3, 0x40, 0x01, 0x0c}, false},
      {"H.265 AP with an empty unit", Codec::h265, {0x60, 0x02, 0, 0, 0x00, 0x02}, false},
      {"VP8 non-reference frame", Codec::vp8, {0x30, 0x51}, true},
      {"VP8 reference frame", Codec::vp8, {0x10, 0x51}, false},
      {"VP9 and the others show none", Codec::vp9, {0x49, 0x82}, false},
  };
  Disposable h264(Codec::h264);
  Disposable h265(Codec::h265);
  Disposable vp8(Codec::vp8);
  Disposable vp9(Codec::vp9);
  for (const Case& one : cases) {
    RtpPacket packet;
    packet.payload = one.payload;
    Disposable& codec = one.codec == Codec::h264 ? h264 : one.codec == Codec::h265 ? h265 : one.codec == Codec::vp8 ? vp8 : vp9;
    if (codec.shows(packet) != one.disposable) throw check::Failure(one.name);
  }
}

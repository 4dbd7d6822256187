#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>

#include "feed-rig.h"

using namespace test;

namespace {

/** What has been asked of the kernel for one descriptor. */
struct Calls {
  std::atomic<std::uint64_t> sends = 0;
  /** How often it was to be told when there is room (EPOLLOUT). */
  std::atomic<std::uint64_t> waits = 0;
  std::atomic<bool> waiting = false;
};

std::array<Calls, 4096> callsByFd;
/** For descriptors beyond. */
Calls others;

Calls& callsOn(int fd) {
  const auto at = static_cast<std::size_t>(fd);
  return at < callsByFd.size() ? callsByFd[at] : others;
}

/** The function that would have been called: the sanitizer's, or else the C library's. */
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t send(int fd, const void* bytes, std::size_t count, int flags) {
  static auto* const real = next<decltype(send)>("send");
  ++callsOn(fd).sends;
  return real(fd, bytes, count, flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static auto* const real = next<decltype(sendmsg)>("sendmsg");
  ++callsOn(fd).sends;
  return real(fd, message, flags);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  static auto* const real = next<decltype(epoll_ctl)>("epoll_ctl");
  Calls& calls = callsOn(fd);
  calls.waiting = operation != EPOLL_CTL_DEL && (event->events & EPOLLOUT) != 0;
  if (calls.waiting) ++calls.waits;
  return real(epoll, operation, fd, event);
}

}  // extern "C"

namespace {

/** A picture of so many packets. */
std::vector<Bytes> picture(FeedRig& rig, bool idr, std::size_t packets = 40) {
  std::vector<Bytes> all;
  for (std::size_t i = 0; i < packets; ++i) all.push_back(rig.video(idr, 1000, i > 0));
  all.back()[1] |= 0x80;
  return all;
}

Bytes framed(const std::vector<Bytes>& packets, std::uint8_t channel = 0) {
  Bytes stream;
  for (const Bytes& packet : packets) {
    const Bytes one = frame(channel, packet);
    stream.insert(stream.end(), one.begin(), one.end());
  }
  return stream;
}

}  // namespace

TEST("a picture goes to a TCP viewer by one call, and who reads everything is never waited for") {
  World world;
  FeedRig rig(world);
  struct Reader {
    std::unique_ptr<FeedRig::TcpViewer> viewer;
    std::uint8_t channel;
    std::uint64_t waits;
  };
  std::vector<Reader> readers;
  // The first on its channels is sent the frames where they lie, those after it the same in one piece.
  for (const std::uint8_t channel : {0, 0, 0, 4}) {
    auto viewer = rig.addTcp(0, 0, channel);
    const std::uint64_t waits = callsOn(viewer->engineFd).waits;
    rig.play(viewer->id);
    readers.push_back({std::move(viewer), channel, waits});
  }
  for (int i = 0; i < 20; ++i) {
    const std::vector<Bytes> packets = picture(rig, i == 0);
    std::vector<std::uint64_t> before;
    for (const Reader& reader : readers) before.push_back(callsOn(reader.viewer->engineFd).sends);
    rig.burst(0, packets);
    for (std::size_t at = 0; at < readers.size(); ++at) {
      Reader& reader = readers[at];
      const Calls& calls = callsOn(reader.viewer->engineFd);
      CHECK_EQ(calls.sends - before[at], 1U);
      const Bytes wanted = framed(packets, reader.channel);
      CHECK(reader.viewer->peer.receive(wanted.size()) == wanted);
      CHECK_EQ(calls.waits, reader.waits);
    }
  }
}

TEST("a TCP viewer who does not read is waited for until it has read, and no longer") {
  World world;
  FeedRig rig(world);
  const auto viewer = rig.addTcp(0, 1);
  const Calls& calls = callsOn(viewer->engineFd);
  rig.play(viewer->id);
  for (int turn = 0; turn < 2; ++turn) {
    const std::uint64_t waits = calls.waits;
    CHECK(!calls.waiting);
    Bytes wanted;
    while (!calls.waiting) {
      const std::vector<Bytes> packets = picture(rig, turn == 0 && wanted.empty());
      rig.burst(0, packets);
      const Bytes stream = framed(packets);
      wanted.insert(wanted.end(), stream.begin(), stream.end());
      CHECK(wanted.size() < 3 * 1024 * 1024);
    }
    // It costs no call as long as there is no room.
    const std::uint64_t sends = calls.sends;
    for (int i = 0; i < 5; ++i) {
      const std::vector<Bytes> packets = picture(rig, false);
      rig.burst(0, packets);
      const Bytes stream = framed(packets);
      wanted.insert(wanted.end(), stream.begin(), stream.end());
    }
    CHECK(calls.waiting);
    CHECK_EQ(calls.sends, sends);
    CHECK_EQ(calls.waits, waits + 1);
    CHECK(viewer->peer.receive(wanted.size()) == wanted);
    World::awaitTrue([&] { return !calls.waiting; }, "nothing to wait for");
  }
}

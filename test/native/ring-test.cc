#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "check.h"
#include "clock.h"
#include "cursor.h"
#include "ring.h"
#include "run.h"
#include "engine.h"

using namespace weir;

namespace {

constexpr std::uint32_t kBytes = 256 * 1024;

std::uint64_t put(Ring& ring, std::uint8_t track, std::size_t size, std::int64_t atMs = 0, std::uint8_t fill = 0) {
  RingEntry entry{};
  entry.track = track;
  entry.kind = PacketKind::rtp;
  entry.arrivalNs = atMs * kNsPerMs;
  return ring.append(entry, Bytes(size, fill));
}

}  // namespace

TEST("the ring keeps packets whole and pushes the oldest out, by bytes, by entries and by age") {
  Ring ring(kBytes, 1000);
  for (int i = 0; i < 1000; ++i) {
    put(ring, 0, 1000 + static_cast<std::size_t>(i % 7), 0, static_cast<std::uint8_t>(i));
    std::size_t held = 0;
    for (std::uint64_t at = ring.tail(); at < ring.head(); ++at) {
      const RingEntry& entry = ring.entry(at);
      held += entry.length;
      CHECK_EQ(ring.data(entry)[0], static_cast<std::uint8_t>(at));
      CHECK_EQ(ring.data(entry)[entry.length - 1], static_cast<std::uint8_t>(at));
    }
    CHECK(held <= kBytes);
  }
  CHECK(ring.head() - ring.tail() > 200);
  for (int i = 0; i < 5000; ++i) put(ring, 0, 10);
  CHECK(ring.head() - ring.tail() <= kBytes / 256);
  put(ring, 0, 10, 1001);
  CHECK_EQ(ring.head() - ring.tail(), 1U);
}

TEST("memory for what comes next is there once it was asked for, and no more than that") {
  constexpr std::uint32_t kRingBytes = 1024 * 1024;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  Ring ring(kRingBytes, 1000);
  put(ring, 0, 100, 0, 7);
  auto* memory = const_cast<std::uint8_t*>(ring.data(ring.entry(0)));
  const auto resident = [&] {
    std::vector<unsigned char> pages(kRingBytes / page);
    CHECK_EQ(::mincore(memory, kRingBytes, pages.data()), 0);
    std::size_t count = 0;
    while (count < pages.size() && (pages[count] & 1) != 0) ++count;
    return count * page;
  };
  CHECK_EQ(resident(), page);
  ring.prepare(64 * 1024);
  CHECK_EQ(resident(), 64U * 1024);
  put(ring, 0, 2 * page, 0, 8);
  ring.prepare(64 * 1024);
  CHECK_EQ(resident(), 64U * 1024 + 2 * page);
  // Round and round: what is held stays as it is.
  for (int i = 0; i < 1000; ++i) {
    put(ring, 0, 5000, 0, static_cast<std::uint8_t>(i));
    ring.prepare(64 * 1024);
    const RingEntry& oldest = ring.entry(ring.tail());
    const std::uint8_t fill = ring.data(oldest)[0];
    for (std::size_t at = 0; at < oldest.length; ++at) CHECK_EQ(ring.data(oldest)[at], fill);
  }
  CHECK_EQ(resident(), kRingBytes);
}

TEST("a viewer begins at the newest start point that is held, else at the next packet") {
  Ring ring(kBytes, 1000);
  CHECK_EQ(ring.beginning(), 0U);
  put(ring, 0, 100);
  const std::uint64_t start = put(ring, 0, 100);
  ring.markStart(start);
  put(ring, 0, 100);
  CHECK_EQ(ring.beginning(), start);
  put(ring, 0, 100, 2000);
  CHECK_EQ(ring.beginning(), ring.head());
}

TEST("a cursor that was overrun knows how many packets of its tracks it has left out") {
  Ring ring(kBytes, 1000);
  Cursor cursor(ring);
  cursor.follow(0);
  cursor.seek(ring.beginning());
  for (int i = 0; i < 10; ++i) {
    put(ring, 0, 100);
    put(ring, 1, 100);
  }
  cursor.advance(4);
  CHECK(!cursor.overrun());
  put(ring, 0, 100, 5000);
  CHECK(cursor.overrun());
  // The newest packet has still to be sent to those who are live: it is not left out.
  CHECK_EQ(cursor.jump(ring.head() - 1), 8U);
  CHECK_EQ(cursor.position(), ring.head() - 1);
  CHECK_EQ(cursor.jump(ring.head()), 1U);
  CHECK_EQ(cursor.position(), ring.head());
}

TEST("runs are of one track and equal length, the last packet may be shorter, contiguous bytes are one piece") {
  Ring ring(kBytes, 1000);
  for (const std::size_t size : {1000, 1000, 400, 1000, 1200, 1200}) put(ring, 0, size);
  put(ring, 1, 1200);
  put(ring, 0, 1200);
  std::vector<std::vector<std::size_t>> runs;
  std::vector<std::size_t> pieces;
  Run run;
  cutRuns(ring, 0, ring.head(), 0, PacketKind::rtp, run, [&](Run& made) {
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < made.count(); ++i) sizes.push_back(made.packets()[i].iov_len);
    runs.push_back(sizes);
    pieces.push_back(made.pieceCount());
    return true;
  });
  const std::vector<std::vector<std::size_t>> wanted{{1000, 1000, 400}, {1000}, {1200, 1200, 1200}};
  CHECK(runs == wanted);
  CHECK(pieces == (std::vector<std::size_t>{1, 1, 2}));
}

TEST("a run never holds more than one datagram can carry") {
  Ring ring(kBytes, 1000);
  for (int i = 0; i < 60; ++i) put(ring, 0, 1316);
  for (int i = 0; i < 200; ++i) put(ring, 1, 100);
  Run run;
  std::size_t packets = 0;
  for (const std::uint32_t track : {0U, 1U}) {
    cutRuns(ring, 0, ring.head(), track, PacketKind::rtp, run, [&](Run& made) {
      CHECK(made.bytes() <= Run::kMaxBytes);
      CHECK(made.count() <= Run::kMaxPackets);
      packets += made.count();
      return true;
    });
  }
  CHECK_EQ(packets, 260U);
}

TEST("a run is whole when a shorter packet has come, or one that does not go into it, and not before") {
  RunEnd end;
  end.add(1400, 10);
  end.add(1400, 11);
  CHECK_EQ(end.position(), 0U);
  end.add(300, 12);
  CHECK_EQ(end.position(), 13U);
  end.add(20, 13);
  CHECK_EQ(end.position(), 13U);
  end.add(1400, 15);
  CHECK_EQ(end.position(), 15U);
  for (std::uint64_t position = 16; position < 15 + Run::kMaxBytes / 1400; ++position) end.add(1400, position);
  CHECK_EQ(end.position(), 15U);
  end.add(1400, 100);
  CHECK_EQ(end.position(), 100U);
}

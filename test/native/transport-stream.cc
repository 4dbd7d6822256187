#include <optional>

#include "check.h"
#include "clock.h"
#include "feed-rig.h"
#include "transport-stream-starts.h"

using namespace test;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr unsigned kMapPid = 0x1000;
constexpr unsigned kVideoPid = 0x100;
constexpr unsigned kAudioPid = 0x101;
constexpr std::uint8_t kH264 = 0x1b;
constexpr std::uint8_t kAac = 0x0f;

struct Stream {
  std::uint8_t type;
  unsigned pid;
};

void putU16(Bytes& bytes, unsigned value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

/** ISO/IEC 13818-1 2.4.3.2: a packet with a section behind its pointer field. */
Bytes sectionPacket(unsigned pid, std::uint8_t tableId, const Bytes& body) {
  Bytes packet{0x47};
  putU16(packet, 0x4000 | pid);
  packet.insert(packet.end(), {0x10, 0x00, tableId});
  putU16(packet, static_cast<unsigned>(0xb000 | (5 + body.size() + 4)));
  packet.insert(packet.end(), {0x00, 0x01, 0xc1, 0x00, 0x00});
  packet.insert(packet.end(), body.begin(), body.end());
  packet.insert(packet.end(), {0, 0, 0, 0});
  packet.resize(188, 0xff);
  return packet;
}

/** The network's table first, then one programme. */
Bytes association() {
  Bytes body;
  for (const unsigned word : {0x0000U, 0xe010U, 0x0001U, 0xe000U | kMapPid}) putU16(body, word);
  return sectionPacket(0, 0x00, body);
}

/** With a descriptor of the programme and one of each stream, to be stepped over. */
Bytes map(const std::vector<Stream>& streams) {
  Bytes body;
  putU16(body, 0xe000 | kVideoPid);
  putU16(body, 0xf003);
  body.insert(body.end(), {0x05, 0x01, 0x1b});
  for (const Stream& stream : streams) {
    body.push_back(stream.type);
    putU16(body, 0xe000 | stream.pid);
    putU16(body, 0xf003);
    body.insert(body.end(), {0x0a, 0x01, 0x42});
  }
  return sectionPacket(kMapPid, 0x02, body);
}

Bytes media(unsigned pid, bool randomAccess) {
  Bytes packet{0x47};
  putU16(packet, (randomAccess ? 0x4000U : 0U) | pid);
  packet.insert(packet.end(), {0x30, 0x07, static_cast<std::uint8_t>(randomAccess ? 0x50 : 0x10)});
  packet.resize(188, 0);
  return packet;
}

Bytes joined(const std::vector<Bytes>& packets) {
  Bytes payload;
  for (const Bytes& packet : packets) payload.insert(payload.end(), packet.begin(), packet.end());
  return payload;
}

struct Finder {
  TransportStreamStarts starts;
  std::uint64_t position = 10;
  std::int64_t nowNs = kNsPerSecond;

  /** The payload is made of these packets; the start point that it shows, or -1. */
  std::int64_t take(const std::vector<Bytes>& packets) {
    const auto start = starts.take(joined(packets), position++, nowNs += 10 * kNsPerMs);
    return start ? static_cast<std::int64_t>(*start) : -1;
  }
};

const std::vector<Stream> kPicturesAndSound{{kAac, kAudioPid}, {kH264, kVideoPid}};

}  // namespace

TEST("a transport stream is begun at the tables before a picture with random_access_indicator (13818-1 2.4.3.5)") {
  Finder finder;
  CHECK_EQ(finder.take({association(), map(kPicturesAndSound), media(kVideoPid, true)}), 10);
  CHECK_EQ(finder.take({media(kVideoPid, false)}), -1);
  CHECK_EQ(finder.take({association()}), -1);
  CHECK_EQ(finder.take({map(kPicturesAndSound), media(kVideoPid, false)}), -1);
  CHECK_EQ(finder.take({media(kVideoPid, true)}), 12);
}

TEST("an association table without such a picture is no start point, nor is the indicator of the sound") {
  Finder finder;
  finder.take({association(), map(kPicturesAndSound), media(kVideoPid, true)});
  for (int i = 0; i < 1000; ++i) {
    CHECK_EQ(finder.take({association(), map(kPicturesAndSound), media(kAudioPid, true), media(kVideoPid, false)}), -1);
  }
}

TEST("tables that are too old, or whose programme map has not come, are not those of the picture") {
  Finder finder;
  finder.take({association(), map(kPicturesAndSound)});
  finder.nowNs += 2 * kNsPerSecond;
  CHECK_EQ(finder.take({media(kVideoPid, true)}), 11);
  finder.take({association()});
  CHECK_EQ(finder.take({media(kVideoPid, true)}), 13);
}

TEST("a stream that never sets the indicator is begun at its tables, after some seconds without one") {
  Finder finder;
  while (finder.nowNs < 4 * kNsPerSecond) CHECK_EQ(finder.take({association(), map(kPicturesAndSound)}), -1);
  finder.nowNs += 2 * kNsPerSecond;
  finder.position = 900;
  CHECK_EQ(finder.take({association(), map(kPicturesAndSound)}), 900);
  CHECK_EQ(finder.take({association()}), -1);
  CHECK_EQ(finder.take({map(kPicturesAndSound)}), 901);
  CHECK_EQ(finder.take({media(kVideoPid, true)}), 901);
  CHECK_EQ(finder.take({association(), map(kPicturesAndSound)}), -1);
}

TEST("a programme without pictures is begun at its tables") {
  Finder finder;
  CHECK_EQ(finder.take({association(), map({{kAac, kAudioPid}})}), 10);
}

TEST("a transport stream that begins anew is learnt again") {
  Finder finder;
  finder.take({association(), map(kPicturesAndSound), media(kVideoPid, true)});
  finder.starts.restart();
  CHECK_EQ(finder.take({media(kVideoPid, true)}), -1);
  CHECK_EQ(finder.take({association(), map(kPicturesAndSound), media(kVideoPid, true)}), 12);
}

TEST("a stream known to do without the indicator is begun at its tables, also when it begins anew") {
  Finder finder;
  finder.take({association(), map(kPicturesAndSound)});
  finder.nowNs += 5 * kNsPerSecond;
  CHECK_EQ(finder.take({association(), map(kPicturesAndSound)}), 11);
  finder.starts.restart();
  CHECK_EQ(finder.take({media(kVideoPid, false)}), -1);
  CHECK_EQ(finder.take({association(), map(kPicturesAndSound)}), 13);
}

namespace {

/** A viewer of a transport stream whose source comes back; its packets are numbered from 500 then. */
struct ResumedStream {
  static constexpr std::uint16_t kLastSeq = 100;

  World world;
  FeedRig rig{world, 4 * 1024 * 1024, "127.0.0.1", 60'000, FeedRig::kWholeRing, StartPointCodec::mp2t};
  std::unique_ptr<FeedRig::UdpViewer> viewer = rig.addUdp();
  std::uint16_t seq = 500;

  ResumedStream() {
    rig.play(viewer->id);
    const Bytes last = rtp(kLastSeq, 9000, joined({association(), map(kPicturesAndSound), media(kVideoPid, true)}));
    rig.send(0, last);
    CHECK(viewer->rtp.receive() == last);
    rig.resume();
  }

  /** An RTP packet of its own, with a time of its own (RFC 2250 s.2). */
  Bytes send(const std::vector<Bytes>& packets) {
    const Bytes packet = rtp(seq, seq * 100U, joined(packets));
    ++seq;
    rig.send(0, packet);
    return packet;
  }

  /** The viewer gets this one as the `index`th since its source came back. */
  void checkGot(const Bytes& sent, unsigned index) {
    const Bytes got = viewer->rtp.receive();
    CHECK_EQ(unsigned{readU16(&got[2])}, kLastSeq + 1U + index);
    CHECK(Bytes(got.begin() + 12, got.end()) == Bytes(sent.begin() + 12, sent.end()));
  }
};

}  // namespace

TEST("a transport stream that is resumed goes on at the tables before a picture, not at any tables") {
  ResumedStream stream;
  stream.send({association(), map(kPicturesAndSound)});
  stream.send({media(kVideoPid, false)});
  const Bytes tables = stream.send({association(), map(kPicturesAndSound)});
  const Bytes sound = stream.send({media(kAudioPid, true)});
  const Bytes picture = stream.send({media(kVideoPid, true)});
  const Bytes next = stream.send({media(kVideoPid, false)});
  const Bytes* const all[] = {&tables, &sound, &picture, &next};
  for (unsigned i = 0; i < 4; ++i) stream.checkGot(*all[i], i);
  CHECK_EQ(stream.world.counter(stream.rig.slot, FeedCounter::resumeDroppedPackets), 2U);
  CHECK_EQ(stream.world.counter(stream.rig.slot, FeedCounter::startPoints), 2U);
  // Where the ring has it: who comes now begins at the tables as well.
  const auto late = stream.rig.addUdp();
  CHECK_EQ(unsigned{late->starts.at(0).seq}, ResumedStream::kLastSeq + 1U);
}

TEST("a resumed transport stream whose tables lie far before its picture goes on at the picture") {
  ResumedStream stream;
  stream.send({association(), map(kPicturesAndSound)});
  for (int i = 0; i < 70; ++i) stream.send({media(kVideoPid, false)});
  const Bytes picture = stream.send({media(kVideoPid, true)});
  stream.checkGot(picture, 0);
  CHECK_EQ(stream.world.counter(stream.rig.slot, FeedCounter::resumeDroppedPackets), 71U);
}

TEST("a transport stream that is cut, out of step or lies about its lengths shows nothing and harms nothing") {
  for (const Bytes& whole : {association(), map(kPicturesAndSound), media(kVideoPid, true)}) {
    for (std::size_t at = 0; at < 64; ++at) {
      for (const std::uint8_t value : {0x00, 0x47, 0x7f, 0xff}) {
        TransportStreamStarts starts;
        starts.take(association(), 0, 1);
        starts.take(map(kPicturesAndSound), 1, 1);
        Bytes broken = whole;
        broken[at] = value;
        const auto start = starts.take(broken, 2, 1);
        CHECK(!start || *start <= 2);
      }
    }
    TransportStreamStarts starts;
    CHECK(!starts.take(ByteView(whole).first(187), 0, 1));
  }
}

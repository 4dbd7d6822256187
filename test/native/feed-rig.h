#pragma once

#include "world.h"

namespace test {

/** A feed of a video track (H.264 unless told) and an audio track that come by UDP, and viewers of it. */
class FeedRig {
 public:
  static constexpr CatchUp kWholeRing{60'000, kMaxRingBytes};

  struct UdpViewer {
    ViewerId id{};
    std::uint32_t slot = 0;
    UdpPeer rtp;
    UdpPeer rtcp;
    PairOpened pair;
    std::vector<TrackStart> starts;
  };
  struct TcpViewer {
    ViewerId id{};
    ConnectionId connection{};
    std::uint32_t slot = 0;
    std::uint32_t connectionSlot = 0;
    /** The engine's end. */
    int engineFd = -1;
    TcpPeer peer;
    std::vector<TrackStart> starts;
  };

  explicit FeedRig(World& world, std::uint32_t ringBytes = 4 * 1024 * 1024, const std::string& address = "127.0.0.1",
                   std::uint32_t ringMs = 60'000, std::optional<CatchUp> catchUp = kWholeRing,
                   StartPointCodec codec = StartPointCodec::h264);

  /** A new upstream session: other pairs, other ports of the origin. */
  void resume();
  /** Sends one packet of the track to the engine, and waits until what it does with it at once is done and counted. */
  void send(std::uint32_t track, const Bytes& packet);
  /** The same with packets that the engine finds all at once: none of them waits for another. */
  void burst(std::uint32_t track, const std::vector<Bytes>& packets);
  void sendRtcp(std::uint32_t track, const Bytes& packet);
  /** The next packet of the video track; a new access unit unless `sameUnit`. */
  Bytes video(bool idr, std::size_t payloadBytes = 1000, bool sameUnit = false);

  PairOpened openPair(const std::string& address = "127.0.0.1");
  std::unique_ptr<UdpViewer> addUdp(std::uint32_t startWaitMs = 0, const std::string& address = "127.0.0.1",
                                    const PairOpened* shared = nullptr);
  /** Its tracks go by four channels from `channel` on. */
  std::unique_ptr<TcpViewer> addTcp(std::uint32_t startWaitMs = 0, int receiveBytes = 0, std::uint8_t channel = 0);
  void play(ViewerId id);
  /** What the next video packet is numbered. */
  void renumber(std::uint16_t seq, std::uint32_t rtpTime) {
    seq_ = seq;
    rtpTime_ = rtpTime;
  }

  World& world;
  FeedId feed{};
  std::uint32_t slot;
  /** Video is track 0, audio track 1. */
  std::vector<PairOpened> upstream;
  std::vector<std::unique_ptr<UdpPeer>> originRtp;
  std::vector<std::unique_ptr<UdpPeer>> originRtcp;

 private:
  void receive(bool resume);

  std::string address_;
  std::uint16_t seq_ = 100;
  std::uint32_t rtpTime_ = 9000;
};

}  // namespace test

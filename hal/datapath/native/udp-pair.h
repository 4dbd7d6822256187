#pragma once

#include <array>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "engine.h"
#include "loop.h"
#include "receive-arena.h"
#include "udp-socket.h"

namespace weir {

class UdpPair;

/** Where one port of a viewer is. */
struct LegPort {
  /** What the viewer told. */
  Address declared;
  /** Where packets go: the declared port, or the one its punch came from (address translation on the way). */
  Address target;
  bool heardDeclared = false;
};

/** One track of one viewer on a pair. */
struct UdpLeg {
  class Owner {
   public:
    /** Something came from the viewer's address; `rtcp` tells to which port of the pair. */
    virtual void onLegHeard(UdpLeg& leg, bool rtcp, ByteView bytes, std::int64_t nowNs) = 0;
    virtual void onLegMoved(UdpLeg& leg) = 0;
    virtual void onLegRefused(UdpLeg& leg, bool rtcp, std::int64_t nowNs) = 0;
    /** The pair is being closed. */
    virtual void onLegGone(UdpLeg& leg) = 0;

   protected:
    ~Owner() = default;
  };

  Owner* owner = nullptr;
  UdpPair* pair = nullptr;
  std::uint32_t track = 0;
  LegPort rtp;
  LegPort rtcp;
  PathMtu path;
  /** While it catches up: media before it has been sent, by a leg that had more room than the viewer's others. */
  std::uint64_t sentTo = 0;
  /** Sender reports in the ring before it are older than the one that was sent first. */
  std::uint64_t reportsFrom = 0;
};

/** Who receives the origin's packets by a pair. */
class UdpUpstream {
 public:
  /** Datagrams of `segmentBytes` each, the last may be shorter. */
  virtual void onDatagrams(bool rtcp, const ReceiveArena::Message& message) = 0;
  virtual void onPairGone() = 0;

 protected:
  ~UdpUpstream() = default;
};

/**
 * Two adjacent UDP ports, RTP even and RTCP odd (RFC 3550 s.11). It serves either one upstream track or any number of
 * viewers, at most one per address. Before it serves anybody nothing is read: what comes early waits in the kernel.
 */
class UdpPair {
 public:
  /** A sign of life from an address that belongs to no viewer yet. */
  struct Punch {
    Address from;
    bool rtcp = false;
    std::int64_t atNs = 0;
  };
  /** A pair apart from the thread that serves it. */
  struct Parts final : PairParcel {
    Fd rtp;
    Address rtpLocal;
    Fd rtcp;
    Address rtcpLocal;
    /** The oldest is overwritten. */
    std::array<Punch, 64> punches{};
    std::size_t nextPunch = 0;
  };

  static Result<std::unique_ptr<UdpPair>> open(Loop& loop, ReceiveArena& arena, const PairOptions& options,
                                               std::minstd_rand& random);
  UdpPair(Loop& loop, ReceiveArena& arena, Parts parts);
  UdpPair(const UdpPair&) = delete;
  UdpPair& operator=(const UdpPair&) = delete;
  ~UdpPair();

  [[nodiscard]] UdpSocket& rtp() { return rtp_.socket; }
  [[nodiscard]] UdpSocket& rtcp() { return rtcp_.socket; }

  Status attach(UdpLeg& leg);
  void detach(UdpLeg& leg);
  Status attach(UdpUpstream& upstream);
  void detach(UdpUpstream& upstream);
  /** It serves somebody. */
  [[nodiscard]] bool busy() const { return upstream_ != nullptr || !legs_.empty(); }
  /** Takes apart a pair that serves nobody. */
  [[nodiscard]] std::unique_ptr<Parts> release();
  /** Reads what ICMP told of packets sent before. */
  void takeErrors(bool rtcp);

  /** Somebody who has media to send by this pair that had no room. */
  class RoomWaiter {
   public:
    /** Goes on sending; whoever has no room again asks again. */
    virtual void onRoom(std::int64_t nowNs) = 0;

   protected:
    ~RoomWaiter() = default;
  };
  /** Calls back once, when it is worth trying again. Several wait in turn. */
  void awaitRoom(RoomWaiter& waiter, Pressure pressure);
  void forgetRoom(RoomWaiter& waiter) { std::erase(roomWaiters_, &waiter); }

 private:
  struct Side final : Loop::Ready {
    Side(UdpPair& owner, Fd fd, const Address& local, bool isRtcp) : pair(owner), socket(std::move(fd), local), rtcp(isRtcp) {}
    void onReady(std::uint32_t events) override;
    UdpPair& pair;
    UdpSocket socket;
    bool rtcp;
    Loop::Watch watch;
  };
  Status watchIfNeeded();
  void heard(bool rtcp, const ReceiveArena::Message& message);
  void latch(UdpLeg& leg, bool rtcp, const Address& from);
  void remember(bool rtcp, const Address& from);
  void applyPunches(UdpLeg& leg);
  void giveRoom();

  Loop& loop_;
  ReceiveArena& arena_;
  Side rtp_;
  Side rtcp_;
  UdpUpstream* upstream_ = nullptr;
  /** By address, port 0. */
  std::map<Address, UdpLeg*> legs_;
  std::array<Punch, 64> punches_;
  std::size_t nextPunch_;
  std::vector<RoomWaiter*> roomWaiters_;
  bool socketFull_ = false;
  Loop::Timer roomTimer_;
};

}  // namespace weir

#include "udp-pair.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "socket-factory.h"

namespace weir {

namespace {

constexpr std::uint16_t kFirstPort = 40'000;
constexpr std::uint16_t kLastPort = 59'998;
/** Batches read from one socket before others get their turn; what is left is reported again. */
constexpr int kBatchesPerTurn = 8;
/** A punch that is older belongs to somebody else by now. */
constexpr std::int64_t kPunchLifeNs = 30 * kNsPerSecond;
/** A full queue of a NIC tells nobody when it has room: it is tried again so often. At 1 Gbit/s, 80 full packets later. */
constexpr std::int64_t kRoomRetryNs = kNsPerMs;

}  // namespace

Result<std::unique_ptr<UdpPair>> UdpPair::open(Loop& loop, ReceiveArena& arena, const PairOptions& options,
                                               std::minstd_rand& random) {
  if (!options.address.valid()) return Status::bad("address");
  if (options.rtpPort && (*options.rtpPort == 0 || *options.rtpPort % 2 != 0)) return Status::bad("rtpPort");
  constexpr std::uint32_t kPlaces = (kLastPort - kFirstPort) / 2 + 1;
  const auto firstPlace = static_cast<std::uint32_t>(random() % kPlaces);
  for (std::uint32_t attempt = options.rtpPort ? 0 : 1; attempt <= kPlaces; ++attempt) {
    const std::uint16_t port =
        attempt == 0 ? *options.rtpPort
                     : static_cast<std::uint16_t>(kFirstPort + 2 * ((firstPlace + attempt) % kPlaces));
    const Address rtpLocal = options.address.withPort(port);
    const Address rtcpLocal = options.address.withPort(static_cast<std::uint16_t>(port + 1));
    Result<Fd> rtp = openUdp(rtpLocal, options.transparent);
    Result<Fd> rtcp = rtp.ok() ? openUdp(rtcpLocal, options.transparent) : Result<Fd>(rtp.status);
    if (rtcp.ok()) {
      Parts parts;
      parts.rtp = std::move(rtp.value);
      parts.rtpLocal = rtpLocal;
      parts.rtcp = std::move(rtcp.value);
      parts.rtcpLocal = rtcpLocal;
      return std::make_unique<UdpPair>(loop, arena, std::move(parts));
    }
    if (rtcp.status.errnum != EADDRINUSE) return rtcp.status;
  }
  return Status{Code::limitReached, EADDRINUSE, "rtpPort"};
}

UdpPair::UdpPair(Loop& loop, ReceiveArena& arena, Parts parts)
    : loop_(loop),
      arena_(arena),
      rtp_(*this, std::move(parts.rtp), parts.rtpLocal, false),
      rtcp_(*this, std::move(parts.rtcp), parts.rtcpLocal, true),
      punches_(parts.punches),
      nextPunch_(parts.nextPunch),
      roomTimer_(loop, [this] { giveRoom(); }) {}

std::unique_ptr<UdpPair::Parts> UdpPair::release() {
  auto parts = std::make_unique<Parts>();
  parts->rtp = rtp_.socket.release();
  parts->rtpLocal = rtp_.socket.local();
  parts->rtcp = rtcp_.socket.release();
  parts->rtcpLocal = rtcp_.socket.local();
  parts->punches = punches_;
  parts->nextPunch = nextPunch_;
  return parts;
}

UdpPair::~UdpPair() {
  if (upstream_ != nullptr) upstream_->onPairGone();
  while (!legs_.empty()) {
    UdpLeg* leg = legs_.begin()->second;
    legs_.erase(legs_.begin());
    leg->owner->onLegGone(*leg);
  }
}

Status UdpPair::watchIfNeeded() {
  const bool needed = upstream_ != nullptr || !legs_.empty();
  for (Side* side : {&rtp_, &rtcp_}) {
    if (!needed) {
      side->watch.reset();
    } else if (!side->watch.active()) {
      side->watch = loop_.watch(side->socket.fd(), EPOLLIN, *side);
      if (!side->watch.active()) return Status::failed("epoll_ctl", errno);
    }
  }
  return {};
}

Status UdpPair::attach(UdpLeg& leg) {
  if (upstream_ != nullptr) return {Code::wrongState, 0, "pair receives from an origin"};
  const int family = rtp_.socket.local().family;
  if (leg.rtp.declared.family != family || !leg.rtp.declared.sameHost(leg.rtcp.declared)) return Status::bad("rtpTarget");
  if (!legs_.emplace(leg.rtp.declared.withPort(0), &leg).second) {
    return {Code::wrongState, EADDRINUSE, "pair has a viewer of that address"};
  }
  leg.pair = this;
  leg.rtp.target = leg.rtp.declared;
  leg.rtcp.target = leg.rtcp.declared;
  leg.path.ask(leg.rtp.declared, loop_.nowNs());
  applyPunches(leg);
  Status watched = watchIfNeeded();
  if (!watched.ok()) detach(leg);
  return watched;
}

void UdpPair::detach(UdpLeg& leg) {
  const auto found = legs_.find(leg.rtp.declared.withPort(0));
  if (found == legs_.end() || found->second != &leg) return;
  legs_.erase(found);
  watchIfNeeded();
}

Status UdpPair::attach(UdpUpstream& upstream) {
  if (!legs_.empty()) return {Code::wrongState, 0, "pair has viewers"};
  if (upstream_ != nullptr && upstream_ != &upstream) return {Code::wrongState, 0, "pair receives another track"};
  upstream_ = &upstream;
  Status watched = watchIfNeeded();
  if (!watched.ok()) detach(upstream);
  return watched;
}

void UdpPair::detach(UdpUpstream& upstream) {
  if (upstream_ != &upstream) return;
  upstream_ = nullptr;
  watchIfNeeded();
}

void UdpPair::Side::onReady(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) pair.takeErrors(rtcp);
  if ((events & EPOLLOUT) != 0) pair.giveRoom();
  for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
    const std::size_t got = pair.arena_.receive(socket.fd());
    for (std::size_t i = 0; i < got; ++i) {
      const ReceiveArena::Message message = pair.arena_.message(i);
      if (pair.upstream_ != nullptr) {
        pair.upstream_->onDatagrams(rtcp, message);
      } else {
        pair.heard(rtcp, message);
      }
    }
    if (got < ReceiveArena::kMessages) return;
  }
}

void UdpPair::heard(bool rtcp, const ReceiveArena::Message& message) {
  // Nothing can be sent to port 0, and RFC 768 means "no answer" by it.
  if (message.from.port == 0) return;
  const auto found = legs_.find(message.from.withPort(0));
  if (found == legs_.end()) {
    remember(rtcp, message.from);
    return;
  }
  UdpLeg& leg = *found->second;
  latch(leg, rtcp, message.from);
  if (message.bytes.empty()) leg.owner->onLegHeard(leg, rtcp, {}, loop_.nowNs());
  for (std::size_t at = 0; at < message.bytes.size(); at += message.segmentBytes) {
    const std::size_t length = std::min(message.segmentBytes, message.bytes.size() - at);
    leg.owner->onLegHeard(leg, rtcp, message.bytes.subspan(at, length), loop_.nowNs());
  }
}

void UdpPair::latch(UdpLeg& leg, bool rtcp, const Address& from) {
  LegPort& port = rtcp ? leg.rtcp : leg.rtp;
  if (from.port == port.declared.port) port.heardDeclared = true;
  const Address target = port.heardDeclared ? port.declared : from;
  if (target == port.target) return;
  port.target = target;
  leg.owner->onLegMoved(leg);
}

void UdpPair::remember(bool rtcp, const Address& from) {
  for (Punch& punch : punches_) {
    if (punch.rtcp == rtcp && punch.from == from) {
      punch.atNs = loop_.nowNs();
      return;
    }
  }
  punches_[nextPunch_++ % punches_.size()] = {from, rtcp, loop_.nowNs()};
}

void UdpPair::applyPunches(UdpLeg& leg) {
  for (Punch& punch : punches_) {
    if (!punch.from.sameHost(leg.rtp.declared) || loop_.nowNs() - punch.atNs > kPunchLifeNs) continue;
    latch(leg, punch.rtcp, punch.from);
    leg.owner->onLegHeard(leg, punch.rtcp, {}, punch.atNs);
    punch = {};
  }
}

void UdpPair::awaitRoom(RoomWaiter& waiter, Pressure pressure) {
  if (std::find(roomWaiters_.begin(), roomWaiters_.end(), &waiter) == roomWaiters_.end()) roomWaiters_.push_back(&waiter);
  if (pressure == Pressure::socket) {
    socketFull_ = true;
    rtp_.watch.set(EPOLLIN | EPOLLOUT);
  } else if (!roomTimer_.armed()) {
    roomTimer_.armIn(kRoomRetryNs);
  }
}

void UdpPair::giveRoom() {
  socketFull_ = false;
  rtp_.watch.set(EPOLLIN);
  for (std::size_t turns = roomWaiters_.size(); turns > 0 && !socketFull_; --turns) {
    RoomWaiter* waiter = roomWaiters_.front();
    roomWaiters_.erase(roomWaiters_.begin());
    waiter->onRoom(loop_.nowNs());
  }
}

void UdpPair::takeErrors(bool rtcp) {
  UdpError error;
  for (int i = 0; i < 1024 && (rtcp ? rtcp_ : rtp_).socket.takeError(error); ++i) {
    const auto found = legs_.find(error.destination.withPort(0));
    if (found == legs_.end()) continue;
    UdpLeg& leg = *found->second;
    // Fragmentation needed, or packet too big (RFC 1191, RFC 8201): the kernel knows by now how much is not.
    if (error.errnum == EMSGSIZE) leg.path.ask(leg.rtp.target, loop_.nowNs());
    if (error.errnum != ECONNREFUSED) continue;
    if ((rtcp ? leg.rtcp : leg.rtp).target == error.destination) leg.owner->onLegRefused(leg, rtcp, loop_.nowNs());
  }
}

}  // namespace weir

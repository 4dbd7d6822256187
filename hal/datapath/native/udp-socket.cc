#include "udp-socket.h"

#include <linux/errqueue.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "clock.h"

namespace weir {

namespace {

/** The kernel takes no more messages by one call (UIO_MAXIOV). */
constexpr std::size_t kMaxMessages = 1024;
/** How long a socket does without segmentation after it was refused. */
constexpr std::int64_t kSinglyNs = 60 * kNsPerSecond;
/** A send buffer that is full for so many in a row is full for the rest of the run too. */
constexpr int kFullInARow = 16;

}  // namespace

void Destinations::clear() {
  addresses_.clear();
  headers_.clear();
  first_ = 0;
  iov_ = nullptr;
}

void Destinations::add(const Address& to) {
  sockaddr_storage& address = addresses_.emplace_back();
  mmsghdr& header = headers_.emplace_back();
  header = {};
  header.msg_hdr.msg_namelen = to.store(address);
  iov_ = nullptr;
}

void Destinations::prepare(iovec* iov, std::size_t pieces, void* control, std::size_t controlBytes) {
  if (iov == iov_ && pieces == pieces_ && controlBytes == controlBytes_) return;
  for (std::size_t i = 0; i < headers_.size(); ++i) {
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &addresses_[i];
    header.msg_iov = iov;
    header.msg_iovlen = pieces;
    header.msg_control = controlBytes > 0 ? control : nullptr;
    header.msg_controllen = controlBytes;
  }
  iov_ = iov;
  pieces_ = pieces;
  controlBytes_ = controlBytes;
}

UdpSocket::UdpSocket(Fd fd, const Address& local) : fd_(std::move(fd)), local_(local) {
  auto* control = reinterpret_cast<cmsghdr*>(control_.data());
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
}

bool UdpSocket::mayCut(const Run& run, std::int64_t nowNs) const {
  return run.count() > 1 && !isOversized(run.segmentBytes()) && nowNs >= singlyUntilNs_;
}

void UdpSocket::sendRun(Run& run, Destinations& to, SendOutcome& outcome, std::int64_t nowNs) {
  // Two parts, so that those whom a full buffer left out last time come first now.
  const std::size_t middle = to.first_ < to.size() ? to.first_ : 0;
  to.leftOut_ = false;
  for (const auto& [begin, end] : {std::pair{middle, to.size()}, std::pair{std::size_t{0}, middle}}) {
    std::size_t at = begin;
    if (mayCut(run, nowNs)) {
      const std::uint16_t segment = run.segmentBytes();
      std::memcpy(CMSG_DATA(reinterpret_cast<cmsghdr*>(control_.data())), &segment, sizeof segment);
      to.prepare(run.pieces(), run.pieceCount(), control_.data(), control_.size());
      at = sendPart({begin, end, run.count(), run.bytes(), true}, to, outcome);
      if (at < end) singlyUntilNs_ = nowNs + kSinglyNs;
    }
    if (at < end) sendSingly(run, at, end, to, outcome);
  }
}

void UdpSocket::sendSingly(Run& run, std::size_t begin, std::size_t end, Destinations& to, SendOutcome& outcome) {
  for (std::size_t i = 0; i < run.count(); ++i) {
    iovec* packet = run.packets() + i;
    to.prepare(packet, 1, nullptr, 0);
    sendPart({begin, end, 1, packet->iov_len, false}, to, outcome);
  }
}

/** Returns where segmentation was refused, else the end. */
std::size_t UdpSocket::sendPart(const Part& part, Destinations& to, SendOutcome& outcome) {
  std::size_t at = part.begin;
  bool errorsTaken = false;
  int fullInARow = 0;
  while (at < part.end) {
    const auto wanted = static_cast<unsigned>(std::min(part.end - at, kMaxMessages));
    const int sent = ::sendmmsg(fd_.get(), &to.headers_[at], wanted, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      outcome.sent(at, static_cast<std::size_t>(sent), part.packets, part.bytes);
      at += static_cast<std::size_t>(sent);
      errorsTaken = false;
      fullInARow = 0;
      continue;
    }
    const int failure = errno;
    if (failure == EINTR) continue;
    if (part.segmented && (failure == EMSGSIZE || failure == EINVAL || failure == EIO)) return at;
    const bool full = failure == EAGAIN || failure == ENOBUFS;
    if (!full && !errorsTaken) {
      // Often an earlier destination's error (ICMP) that the socket tells now, not this one's.
      outcome.errorsWait();
      errorsTaken = true;
      continue;
    }
    if (full && !to.leftOut_) {
      to.first_ = at;
      to.leftOut_ = true;
    }
    fullInARow = full ? fullInARow + 1 : 0;
    const std::size_t left = fullInARow >= kFullInARow ? part.end : at + 1;
    for (; at < left; ++at) outcome.dropped(at, part.packets);
    errorsTaken = false;
  }
  return part.end;
}

bool UdpSocket::sendOne(const Address& to, ByteView bytes) {
  sockaddr_storage address;
  const socklen_t length = to.store(address);
  for (int attempt = 0; attempt < 3; ++attempt) {
    const ssize_t sent = ::sendto(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), length);
    if (sent >= 0) return true;
    if (errno == EAGAIN) return false;
  }
  return false;
}

bool UdpSocket::takeError(UdpError& error) {
  sockaddr_storage destination{};
  std::array<std::uint8_t, 1> payload;
  iovec iov{payload.data(), payload.size()};
  alignas(cmsghdr) std::array<char, 512> control;
  msghdr header{};
  header.msg_name = &destination;
  header.msg_namelen = sizeof destination;
  header.msg_iov = &iov;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  if (::recvmsg(fd_.get(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
  error = {Address::of(destination), 0};
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
    const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err extended;
    std::memcpy(&extended, CMSG_DATA(part), sizeof extended);
    error.errnum = static_cast<int>(extended.ee_errno);
  }
  return true;
}

}  // namespace weir

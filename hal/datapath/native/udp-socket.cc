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
/** ICMP errors that may come in while one message is tried. */
constexpr int kToldAtMost = 2;

}  // namespace

void Destinations::clear() {
  addresses_.clear();
  paths_.clear();
  headers_.clear();
  smallestMtu_ = SIZE_MAX;
  iov_ = nullptr;
}

void Destinations::add(const Address& to, PathMtu& path) {
  sockaddr_storage& address = addresses_.emplace_back();
  mmsghdr& header = headers_.emplace_back();
  header = {};
  header.msg_hdr.msg_namelen = to.store(address);
  paths_.push_back(&path);
  smallestMtu_ = std::min(smallestMtu_, path.bytes());
  iov_ = nullptr;
}

std::size_t Destinations::alike(std::size_t begin, std::size_t end, std::size_t bytes, std::int64_t nowNs) {
  if (bytes <= smallestMtu_) return end;
  const bool first = takes(begin, bytes, nowNs);
  while (++begin < end && takes(begin, bytes, nowNs) == first) {
  }
  return begin;
}

void Destinations::refuse(std::size_t index, std::size_t bytes, std::int64_t nowNs) {
  paths_[index]->refuse(bytes, Address::of(addresses_[index]), nowNs);
  smallestMtu_ = std::min(smallestMtu_, paths_[index]->bytes());
}

void Destinations::askPath(std::size_t index, std::int64_t nowNs) {
  paths_[index]->ask(Address::of(addresses_[index]), nowNs);
  smallestMtu_ = std::min(smallestMtu_, paths_[index]->bytes());
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

SendStop UdpSocket::sendRun(Run& run, Destinations& to, std::size_t begin, std::size_t end, SendOutcome& outcome,
                            std::int64_t nowNs) {
  if (run.count() > 1) return sendSegmented(run, to, begin, end, outcome, nowNs);
  to.prepare(run.packets(), 1, nullptr, 0);
  while (begin < end) {
    const PartStop stop = sendAlike({begin, end, 1, run.bytes()}, to, outcome);
    if (stop.failure == Failure::none) break;
    if (stop.failure == Failure::socketFull) return {Pressure::socket, stop.destination, 0};
    if (stop.failure == Failure::linkFull) return {Pressure::link, stop.destination, 0};
    outcome.refused(stop.destination, 1);
    begin = stop.destination + 1;
  }
  return {};
}

/** By segmentation those whose path takes the segments, packet by packet the others. */
SendStop UdpSocket::sendSegmented(Run& run, Destinations& to, std::size_t begin, std::size_t end, SendOutcome& outcome,
                                  std::int64_t nowNs) {
  const std::uint16_t segment = run.segmentBytes();
  const std::size_t needed = segment + headerBytes();
  while (begin < end) {
    if (nowNs < singlyUntilNs_ || !to.takes(begin, needed, nowNs)) {
      if (const SendStop stop = sendEach(run, to, begin, outcome); stop.pressure != Pressure::none) return stop;
      ++begin;
      continue;
    }
    std::memcpy(CMSG_DATA(reinterpret_cast<cmsghdr*>(control_.data())), &segment, sizeof segment);
    to.prepare(run.pieces(), run.pieceCount(), control_.data(), control_.size());
    const Part part{begin, to.alike(begin, end, needed, nowNs), run.count(), run.bytes()};
    const PartStop stop = sendAlike(part, to, outcome);
    begin = stop.failure == Failure::none ? part.end : stop.destination;
    switch (stop.failure) {
      case Failure::none:
        break;
      case Failure::socketFull:
        return {Pressure::socket, begin, 0};
      case Failure::linkFull:
        return {Pressure::link, begin, 0};
      case Failure::tooLong:
        to.refuse(begin, needed, nowNs);
        break;
      case Failure::unfit:
        // Older kernels say so of a path that is too small, too.
        to.askPath(begin, nowNs);
        if (to.takes(begin, needed, nowNs)) singlyUntilNs_ = nowNs + kSinglyNs;
        break;
      case Failure::refused:
        outcome.refused(begin, run.count());
        ++begin;
        break;
    }
  }
  return {};
}

/** The packets of a run to one destination by one call. */
SendStop UdpSocket::sendEach(Run& run, Destinations& to, std::size_t index, SendOutcome& outcome) {
  std::array<mmsghdr, Run::kMaxPackets> headers;
  for (std::size_t i = 0; i < run.count(); ++i) {
    headers[i] = {};
    headers[i].msg_hdr.msg_name = &to.addresses_[index];
    headers[i].msg_hdr.msg_namelen = to.headers_[index].msg_hdr.msg_namelen;
    headers[i].msg_hdr.msg_iov = run.packets() + i;
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  for (std::size_t at = 0; at < run.count();) {
    std::size_t sent = 0;
    const Failure failure = send(&headers[at], run.count() - at, sent, outcome);
    for (const std::size_t until = at + sent; at < until; ++at) outcome.sent(index, 1, 1, run.packets()[at].iov_len);
    if (failure == Failure::none) continue;
    if (failure == Failure::socketFull) return {Pressure::socket, index, at};
    if (failure == Failure::linkFull) return {Pressure::link, index, at};
    outcome.refused(index, 1);
    ++at;
  }
  return {};
}

/** The same to each of them: what the headers hold. */
UdpSocket::PartStop UdpSocket::sendAlike(const Part& part, Destinations& to, SendOutcome& outcome) {
  for (std::size_t at = part.begin; at < part.end;) {
    std::size_t sent = 0;
    const Failure failure = send(&to.headers_[at], std::min(part.end - at, kMaxMessages), sent, outcome);
    if (sent > 0) outcome.sent(at, sent, part.packets, part.bytes);
    at += sent;
    if (failure != Failure::none) return {failure, at};
  }
  return {};
}

/** `sent` of `count` messages; a failure is that of the next one. */
UdpSocket::Failure UdpSocket::send(mmsghdr* headers, std::size_t count, std::size_t& sent, SendOutcome& outcome) {
  for (int told = 0;;) {
    const int done = ::sendmmsg(fd_.get(), headers, static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done > 0) {
      sent = static_cast<std::size_t>(done);
      return Failure::none;
    }
    const int failure = errno;
    if (failure == EINTR) continue;
    if (failure == EAGAIN) return Failure::socketFull;
    if (failure == ENOBUFS) return Failure::linkFull;
    if (told == kToldAtMost) {
      if (failure == EMSGSIZE) return Failure::tooLong;
      return failure == EINVAL || failure == EIO ? Failure::unfit : Failure::refused;
    }
    // Often what ICMP said of an earlier packet, which the socket tells now, and not this one's.
    outcome.errorsWait();
    ++told;
  }
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

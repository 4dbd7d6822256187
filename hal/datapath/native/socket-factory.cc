#include "socket-factory.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <cerrno>
#include <utility>

namespace weir {

namespace {

#ifndef IPV6_TRANSPARENT
constexpr int IPV6_TRANSPARENT = 75;
#endif

/**
 * What may lie in the NIC's queue, by the kernel's measure (it doubles this); the rest waits in the ring. Half of it has
 * to last until the engine comes back with more: 1.4 ms at 10 Gbit/s. All of it is what others on a link of 1 Gbit/s
 * wait for, some 25 ms; and some 1,800 packets sent one by one, or 350 runs of eight.
 */
constexpr int kUdpSendBufferBytes = 2 * 1024 * 1024;
constexpr int kUdpReceiveBufferBytes = 8 * 1024 * 1024;

int setInt(const Fd& fd, int level, int option, int value) {
  return ::setsockopt(fd.get(), level, option, &value, sizeof value);
}

/** Beyond the system's limit where we may (CAP_NET_ADMIN), else as far as it goes. */
void setBuffer(const Fd& fd, int forced, int plain, int bytes) {
  if (setInt(fd, SOL_SOCKET, forced, bytes) != 0) setInt(fd, SOL_SOCKET, plain, bytes);
}

Result<Fd> openSocket(int family, int type, bool transparent) {
  Fd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.open()) return Status::failed("socket", errno);
  if (family == AF_INET6 && setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0) {
    return Status::failed("IPV6_V6ONLY", errno);
  }
  if (transparent) {
    const int failed = family == AF_INET ? setInt(fd, IPPROTO_IP, IP_TRANSPARENT, 1)
                                         : setInt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
    if (failed != 0) return Status::failed("IP_TRANSPARENT", errno);
  }
  return fd;
}

Status bindTo(const Fd& fd, const Address& local) {
  sockaddr_storage to;
  const socklen_t length = local.store(to);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0) return Status::failed("bind", errno);
  return {};
}

}  // namespace

Result<Fd> openTcpListener(const Address& local, bool transparent, int backlog) {
  if (!local.valid()) return Status::bad("local");
  Result<Fd> socket = openSocket(local.family, SOCK_STREAM, transparent);
  if (!socket.ok()) return socket;
  if (setInt(socket.value, SOL_SOCKET, SO_REUSEADDR, 1) != 0) return Status::failed("SO_REUSEADDR", errno);
  if (const Status bound = bindTo(socket.value, local); !bound.ok()) return bound;
  if (::listen(socket.value.get(), backlog) != 0) return Status::failed("listen", errno);
  return socket;
}

Result<Fd> beginTcpConnect(const Address& remote, const Address& local, bool transparent) {
  if (!remote.valid() || remote.port == 0) return Status::bad("remote");
  const bool bound = local.family != AF_UNSPEC;
  if (bound && local.family != remote.family) return Status::bad("local");
  Result<Fd> socket = openSocket(remote.family, SOCK_STREAM, transparent);
  if (!socket.ok()) return socket;
  if (bound) {
    // With port 0 the port is chosen at connect, by the whole 4-tuple: many connections to one origin find room.
    if (local.port == 0) {
      setInt(socket.value, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    } else if (setInt(socket.value, SOL_SOCKET, SO_REUSEADDR, 1) != 0) {
      return Status::failed("SO_REUSEADDR", errno);
    }
    if (const Status done = bindTo(socket.value, local); !done.ok()) return done;
  }
  sockaddr_storage to;
  const socklen_t length = remote.store(to);
  if (::connect(socket.value.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0 && errno != EINPROGRESS) {
    return Status::failed("connect", errno);
  }
  return socket;
}

Result<Fd> openUdp(const Address& local, bool transparent) {
  Result<Fd> socket = openSocket(local.family, SOCK_DGRAM, transparent);
  if (!socket.ok()) return socket;
  const Fd& fd = socket.value;
  // DF off: a packet larger than some link is fragmented, not lost. Errors come back per destination.
  const bool v4 = local.family == AF_INET;
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  if (setInt(fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, 1) != 0) return Status::failed("IP_RECVERR", errno);
  if (setInt(fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, v4 ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT) != 0) {
    return Status::failed("IP_MTU_DISCOVER", errno);
  }
  setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, kUdpSendBufferBytes);
  setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, kUdpReceiveBufferBytes);
  // An older kernel without it just delivers single packets.
  setInt(fd, IPPROTO_UDP, UDP_GRO, 1);
  if (const Status bound = bindTo(fd, local); !bound.ok()) return bound;
  return socket;
}

Status takeTcp(const Fd& fd) {
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &length) != 0) return Status::failed("getsockopt", errno);
  if (type != SOCK_STREAM) return Status::bad("fd");
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return Status::failed("fcntl", errno);
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) return Status::failed("fcntl", errno);
  return {};
}

Address localAddress(int fd) {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&from), &length) != 0) return {};
  return Address::of(from);
}

Address remoteAddress(int fd) {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&from), &length) != 0) return {};
  return Address::of(from);
}

}  // namespace weir

#include "path-mtu.h"

#include <netinet/in.h>

#include <algorithm>

#include "clock.h"
#include "fd.h"

namespace weir {

namespace {

/** How long a small MTU is believed: the kernel itself forgets what ICMP told after some minutes. */
constexpr std::int64_t kBelievedNs = 60 * kNsPerSecond;

}  // namespace

void PathMtu::ask(const Address& to, std::int64_t nowNs) {
  askedNs_ = nowNs;
  bytes_ = kEthernetBytes;
  // Only a connected socket tells (IP_MTU in ip(7)); the sending one is not. Nothing is sent by this.
  const Fd probe(::socket(to.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage there;
  const socklen_t length = to.withPort(9).store(there);
  if (!probe.open() || ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&there), length) != 0) return;
  const bool v4 = to.family == AF_INET;
  int mtu = 0;
  socklen_t size = sizeof mtu;
  const int told = ::getsockopt(probe.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &size);
  if (told == 0 && mtu > 0) bytes_ = static_cast<std::size_t>(mtu);
}

bool PathMtu::takes(std::size_t bytes, const Address& to, std::int64_t nowNs) {
  if (bytes <= bytes_) return true;
  if (nowNs - askedNs_ < kBelievedNs) return false;
  ask(to, nowNs);
  return bytes <= bytes_;
}

void PathMtu::refuse(std::size_t bytes, const Address& to, std::int64_t nowNs) {
  ask(to, nowNs);
  bytes_ = std::min(bytes_, bytes - 1);
}

}  // namespace weir

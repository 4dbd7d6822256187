#include "viewer-network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>

namespace test {

ViewerNetwork::Holder::Holder() {
  std::promise<int> made;
  thread_ = std::thread([&made, over = over_.get_future()]() mutable {
    made.set_value(::unshare(CLONE_NEWNET) == 0 ? ::gettid() : 0);
    over.wait();
  });
  id_ = made.get_future().get();
}

ViewerNetwork::Holder::~Holder() {
  over_.set_value();
  thread_.join();
}

ViewerNetwork::ViewerNetwork() {
  needOwnNetwork();
  if (holder_.id() == 0) throw check::Skip("needs the right to make a network namespace");
  makeNics();
}

ViewerNetwork::~ViewerNetwork() {
  // Both of them go with the namespace, but not at once.
  [[maybe_unused]] const int gone = std::system("ip link delete access 2>/dev/null");
}

void ViewerNetwork::makeNics() const {
  need("ip link add access type veth peer name eth0 netns " + std::to_string(holder_.id()));
  need("ip addr add 198.19.0.1/32 dev access && ip addr add fd19::1/128 dev access nodad && ip link set access up");
  there("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.ip_nonlocal_bind=1 && ip link set lo up && ip link set eth0 up");
  there("ip route replace local 198.18.0.0/16 dev lo && ip -6 route replace local fd18::/64 dev lo");
  there("ip route add 198.19.0.0/24 dev eth0 src 198.18.0.1 && ip -6 addr add fd18::1/128 dev eth0 nodad && ip -6 route add fd19::/64 dev eth0");
  // One neighbour for all, as behind a router: who has none yet is not what is looked at.
  need("ip route add 198.18.0.0/16 via 198.18.0.1 dev access onlink && ip -6 route add fd18::/64 via fd18::1 dev access onlink");
  need("sysctl -qw net.ipv4.conf.access.forwarding=1 net.ipv6.conf.access.forwarding=1");
}

unsigned ViewerNetwork::device() const { return ::if_nametoindex("access"); }

std::string ViewerNetwork::address6(int viewer) {
  // As the kernel writes it, and so does Address::text: no leading zeros.
  char text[32];
  std::snprintf(text, sizeof text, "fd18::%x", viewer + 16);
  return text;
}

void ViewerNetwork::there(const std::string& command) const {
  need("nsenter --net=/proc/" + std::to_string(::getpid()) + "/task/" + std::to_string(holder_.id()) + "/ns/net -- sh -c '" + command + "' 2>&1");
}

Fd ViewerNetwork::enter() const {
  Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const std::string path = "/proc/self/task/" + std::to_string(holder_.id()) + "/ns/net";
  const Fd there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  CHECK_EQ(::setns(there.get(), CLONE_NEWNET), 0);
  return here;
}

void ViewerNetwork::leave(const Fd& here) { CHECK_EQ(::setns(here.get(), CLONE_NEWNET), 0); }

}  // namespace test

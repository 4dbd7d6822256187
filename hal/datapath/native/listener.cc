#include "listener.h"

#include <sys/epoll.h>

#include <cerrno>

#include "socket-factory.h"

namespace weir {

namespace {

/** So that a flood of connections cannot hold up media. */
constexpr int kAcceptsPerTurn = 32;
/** When descriptors or memory have run out: the connection stays in the queue meanwhile. */
constexpr std::int64_t kPauseNs = 100 * kNsPerMs;

}  // namespace

Listener::Listener(Loop& loop, EventSink& sink, ListenerId id, Fd fd)
    : sink_(sink),
      id_(id),
      fd_(std::move(fd)),
      local_(localAddress(fd_.get())),
      resume_(loop, [this] { watch_.set(EPOLLIN); }),
      watch_(loop.watch(fd_.get(), EPOLLIN, *this)) {}

void Listener::onReady(std::uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    Fd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.open()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN) {
        watch_.set(0);
        resume_.armIn(kPauseNs);
      }
      return;
    }
    const Address local = localAddress(fd.get());
    sink_.accepted(id_, fd.release(), local, Address::of(from));
  }
}

}  // namespace weir

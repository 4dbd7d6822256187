#include "connector.h"

#include <sys/epoll.h>

#include <cerrno>

#include "socket-factory.h"

namespace weir {

Connector::Connector(Loop& loop, Fd fd, std::uint32_t timeoutMs, Completion<Connected> done, Callback<void()> over)
    : fd_(std::move(fd)),
      done_(std::move(done)),
      over_(std::move(over)),
      timeout_(loop, [this] { finish(Status{Code::timedOut, ETIMEDOUT, "connect"}); }),
      watch_(loop.watch(fd_.get(), EPOLLOUT, *this)) {
  if (!watch_.active()) {
    finish(Status::failed("epoll_ctl", errno));
    return;
  }
  timeout_.armIn(timeoutMs * kNsPerMs);
}

Connector::~Connector() {
  if (done_) done_(Status{Code::stopped, 0, "connect"});
}

void Connector::onReady(std::uint32_t) {
  int failure = 0;
  socklen_t length = sizeof failure;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &failure, &length) != 0) failure = errno;
  if (failure != 0) {
    finish(Status::failed("connect", failure));
    return;
  }
  watch_.reset();
  Connected connected{-1, localAddress(fd_.get()), remoteAddress(fd_.get())};
  connected.fd = fd_.release();
  finish(connected);
}

void Connector::finish(Result<Connected> result) {
  timeout_.cancel();
  watch_.reset();
  const Completion<Connected> done = std::move(done_);
  done(std::move(result));
  over_();
}

}  // namespace weir

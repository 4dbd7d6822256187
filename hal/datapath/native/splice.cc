#include "splice.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>

#include "socket-factory.h"

namespace weir {

namespace {

constexpr int kPipeBytes = 256 * 1024;
/** Then others get their turn. */
constexpr int kStepsPerTurn = 16;
constexpr std::uint32_t kEdges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

}  // namespace

Splice::Splice(Loop& loop, EventSink& sink, SpliceId id, Fd a, Fd b, SpliceOptions options,
               CounterSlot<SpliceCounter> counters)
    : loop_(loop),
      sink_(sink),
      id_(id),
      counters_(counters),
      a_(*this),
      b_(*this),
      ways_{Way{a_, b_, SpliceCounter::aToBBytes, std::move(options.toB), 0, Fd(), Fd(), 0, false, false},
            Way{b_, a_, SpliceCounter::bToABytes, std::move(options.toA), 0, Fd(), Fd(), 0, false, false}} {
  a_.fd = std::move(a);
  b_.fd = std::move(b);
}

Status Splice::open() {
  for (End* end : {&a_, &b_}) {
    if (const Status taken = takeTcp(end->fd); !taken.ok()) return taken;
  }
  for (Way& way : ways_) {
    if (const Status opened = openWay(way); !opened.ok()) return opened;
  }
  for (End* end : {&a_, &b_}) {
    end->watch = loop_.watch(end->fd.get(), kEdges, *end);
    if (!end->watch.active()) return Status::failed("epoll_ctl", errno);
  }
  // In the next turn, when the caller has the id.
  a_.watch.again(EPOLLIN);
  return {};
}

Status Splice::openWay(Way& way) {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return Status::failed("pipe2", errno);
  way.pipeOut = Fd(ends[0]);
  way.pipeIn = Fd(ends[1]);
  // An unprivileged user's pipes may be limited: the system's default does too.
  ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  return {};
}

void Splice::End::onReady(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable = true;
  int failure = 0;
  socklen_t length = sizeof failure;
  if ((events & EPOLLERR) != 0) ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failure, &length);
  if (failure != 0) {
    splice.finish(true);
    return;
  }
  splice.pump();
}

void Splice::pump() {
  if (ended_) return;
  bool more = false;
  for (Way& way : ways_) {
    Step last = Step::moved;
    for (int i = 0; i < kStepsPerTurn && last == Step::moved && !way.done; ++i) last = step(way);
    if (last == Step::failed) {
      finish(true);
      return;
    }
    more = more || (last == Step::moved && !way.done);
  }
  if (ways_[0].done && ways_[1].done) {
    finish(false);
  } else if (more) {
    a_.watch.again(EPOLLIN);
  }
}

Splice::Step Splice::step(Way& way) {
  if (way.firstSent < way.first.size()) return sendFirst(way);
  const Step filled = fill(way);
  const Step drained = filled == Step::failed ? Step::failed : drain(way);
  if (drained == Step::failed) return Step::failed;
  if (way.eof && way.inPipe == 0) {
    ::shutdown(way.to.fd.get(), SHUT_WR);
    way.done = true;
    return Step::moved;
  }
  return filled == Step::moved || drained == Step::moved ? Step::moved : Step::blocked;
}

Splice::Step Splice::sendFirst(Way& way) {
  if (!way.to.writable) return Step::blocked;
  const ssize_t sent = ::send(way.to.fd.get(), way.first.data() + way.firstSent, way.first.size() - way.firstSent,
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) return Step::failed;
    way.to.writable = errno == EINTR;
    return way.to.writable ? Step::moved : Step::blocked;
  }
  way.firstSent += static_cast<std::size_t>(sent);
  counters_.add(way.counter, static_cast<std::uint64_t>(sent));
  if (way.firstSent == way.first.size()) way.first = {};
  if (way.first.empty()) way.firstSent = 0;
  return Step::moved;
}

Splice::Step Splice::fill(Way& way) {
  if (way.eof || !way.from.readable) return Step::blocked;
  const ssize_t got = ::splice(way.from.fd.get(), nullptr, way.pipeIn.get(), nullptr, kPipeBytes,
                               SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got > 0) {
    way.inPipe += static_cast<std::size_t>(got);
    return Step::moved;
  }
  if (got == 0) {
    way.eof = true;
    return Step::moved;
  }
  if (errno == EINTR) return Step::moved;
  if (errno != EAGAIN) return Step::failed;
  // With bytes in the pipe it may be the pipe that is full, and the socket still readable.
  if (way.inPipe == 0) way.from.readable = false;
  return Step::blocked;
}

Splice::Step Splice::drain(Way& way) {
  if (way.inPipe == 0 || !way.to.writable) return Step::blocked;
  const ssize_t sent = ::splice(way.pipeOut.get(), nullptr, way.to.fd.get(), nullptr, way.inPipe,
                                SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (sent > 0) {
    way.inPipe -= static_cast<std::size_t>(sent);
    counters_.add(way.counter, static_cast<std::uint64_t>(sent));
    return Step::moved;
  }
  if (sent < 0 && errno == EINTR) return Step::moved;
  if (sent < 0 && errno != EAGAIN) return Step::failed;
  way.to.writable = false;
  return Step::blocked;
}

void Splice::finish(bool reset) {
  if (ended_) return;
  ended_ = true;
  for (End* end : {&a_, &b_}) {
    end->watch.reset();
    if (reset && end->fd.open()) {
      // The other side learns that it was no orderly end.
      const linger hard{1, 0};
      ::setsockopt(end->fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    end->fd.reset();
  }
  for (Way& way : ways_) {
    way.pipeIn.reset();
    way.pipeOut.reset();
  }
  sink_.spliceEnded(id_, counters_.get(SpliceCounter::aToBBytes), counters_.get(SpliceCounter::bToABytes));
}

void Splice::close() { finish(true); }

}  // namespace weir

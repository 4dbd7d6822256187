#include "interleaved-connection.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "socket-factory.h"

namespace weir {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kReadsPerTurn = 4;
/** Of a source's frames most reads leave a piece, and the next takes it up. More than that is given back once nothing is left. */
constexpr std::size_t kKeptBytes = 64 * 1024;
constexpr std::uint32_t kMaxMessagesOut = 32;
constexpr std::uint64_t kMaxMessageBytesOut = 64 * 1024;
/** More than this unsent in the kernel makes a slow viewer only later, not better. */
constexpr int kUnsentBytes = 128 * 1024;
constexpr std::int64_t kCloseNs = kNsPerSecond;

}  // namespace

InterleavedConnection::InterleavedConnection(Loop& loop, ReceiveArena& arena, FrameBatch& batch, EventSink& sink,
                                             ConnectionId id, ConnectionState state,
                                             CounterSlot<ConnectionCounter> counters)
    : ConnectionState(std::move(state)),
      loop_(loop),
      arena_(arena),
      sink_(sink),
      id_(id),
      counts_(loop, counters),
      writer_(loop, batch, fd_, std::move(out_), counts_,
              [this] {
                updateAcknowledged();
                if (writer_.heldBack() && !writer_.full()) pump();
              }),
      closeTimer_(loop, [this] {
        if (!finSent_) sendFin();
        updateAcknowledged();
        over_();
      }) {}

InterleavedConnection::~InterleavedConnection() {
  while (!claims_.empty()) {
    FrameTaker& taker = *claims_.back().taker;
    release(taker);
    taker.onConnectionGone(*this);
  }
  if (closed_) closed_(Status{Code::stopped, 0, "closeConnection"});
}

Status InterleavedConnection::open(Bytes unread, std::uint32_t userTimeoutMs) {
  if (const Status taken = takeTcp(fd_); !taken.ok()) return taken;
  if (!remoteAddress(fd_.get()).valid()) return Status::failed("getpeername", ENOTCONN);
  const int one = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes, sizeof kUnsentBytes);
  if (userTimeoutMs > 0) ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &userTimeoutMs, sizeof userTimeoutMs);
  watch_ = loop_.watch(fd_.get(), EPOLLIN, *this);
  if (!watch_.active()) return Status::failed("epoll_ctl", errno);
  counts_.progress();
  unparsed_ = std::move(unread);
  // In the next turn: the caller has the id by then.
  if (!unparsed_.empty()) watch_.again(EPOLLIN);
  return {};
}

Status InterleavedConnection::resume() {
  watch_ = loop_.watch(fd_.get(), EPOLLIN, *this);
  if (!watch_.active()) return Status::failed("epoll_ctl", errno);
  if (!unparsed_.empty()) watch_.again(EPOLLIN);
  updateInterest();
  return {};
}

std::unique_ptr<ConnectionState> InterleavedConnection::release() {
  watch_.reset();
  out_ = writer_.release();
  return std::make_unique<ConnectionState>(std::move(static_cast<ConnectionState&>(*this)));
}

void InterleavedConnection::onReady(std::uint32_t events) {
  if (finSent_) {
    discard();
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
  if (!broken_ && (events & (EPOLLHUP | EPOLLERR)) != 0) {
    int failure = 0;
    socklen_t length = sizeof failure;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &failure, &length);
    fail(failure != 0 ? failure : ECONNRESET);
  }
  if (!broken_ && (events & EPOLLOUT) != 0) pump();
  updateInterest();
}

void InterleavedConnection::read() {
  if (!unparsed_.empty()) parse({});
  for (int i = 0; i < kReadsPerTurn && !ended_ && !stalled(); ++i) {
    const ssize_t got = ::recv(fd_.get(), arena_.bytes(), kReadBytes, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      if (errno != EAGAIN) fail(errno);
      return;
    }
    if (got == 0) {
      end(ConnectionEnd::fin, 0);
      return;
    }
    const auto bytes = static_cast<std::size_t>(got);
    counts_.add(ConnectionCounter::rxBytes, bytes);
    counts_.progress();
    parse({arena_.bytes(), bytes});
    if (bytes < kReadBytes) return;
  }
}

void InterleavedConnection::parse(ByteView fresh) {
  if (unparsed_.empty()) {
    const std::size_t used = parseWhole(fresh);
    unparsed_.assign(fresh.begin() + static_cast<std::ptrdiff_t>(used), fresh.end());
    return;
  }
  unparsed_.insert(unparsed_.end(), fresh.begin(), fresh.end());
  const std::size_t used = parseWhole(unparsed_);
  unparsed_.erase(unparsed_.begin(), unparsed_.begin() + static_cast<std::ptrdiff_t>(used));
  if (unparsed_.empty() && unparsed_.capacity() > kKeptBytes) unparsed_.shrink_to_fit();
}

std::size_t InterleavedConnection::parseWhole(ByteView data) {
  std::size_t at = 0;
  while (!ended_ && !stalled()) {
    const RtspItem item = framer_.next(data.subspan(at));
    at += item.consumed;
    if (item.kind == RtspItem::Kind::more) return at;
    if (item.kind == RtspItem::Kind::bad) {
      end(ConnectionEnd::badMessage, 0);
    } else {
      deliver(item);
    }
  }
  return ended_ ? data.size() : at;
}

void InterleavedConnection::deliver(const RtspItem& item) {
  if (item.kind == RtspItem::Kind::message) {
    ++messagesOut_;
    messageBytesOut_ += item.bytes.size();
    sink_.message(id_, item.bytes);
  } else {
    takeFrame(item.channel, item.bytes);
  }
}

void InterleavedConnection::takeFrame(std::uint8_t channel, ByteView bytes) {
  for (const Claim& claim : claims_) {
    if (claim.channel != channel) continue;
    claim.taker->onFrame(channel, bytes);
    return;
  }
  counts_.add(ConnectionCounter::rxUnknownFrames, 1);
}

bool InterleavedConnection::stalled() const {
  return messagesOut_ >= kMaxMessagesOut || messageBytesOut_ >= kMaxMessageBytesOut;
}

void InterleavedConnection::consumed(std::uint32_t messages, std::uint64_t bytes) {
  const bool was = stalled();
  messagesOut_ -= std::min(messages, messagesOut_);
  messageBytesOut_ -= std::min(bytes, messageBytesOut_);
  if (!was || stalled()) return;
  if (!unparsed_.empty() && !ended_) parse({});
  updateInterest();
}

void InterleavedConnection::sendText(ByteView text) {
  if (broken_ || finSent_ || closed_) return;
  if (!writer_.addText(text)) {
    end(ConnectionEnd::overflow, 0);
    return;
  }
  if (!writer_.full()) pump();
}

void InterleavedConnection::sendFrame(std::uint8_t channel, ByteView bytes) {
  if (ended_ || !writer_.addFrame(channel, bytes)) return;
  if (!writer_.full()) pump();
}

void InterleavedConnection::pump() {
  if (broken_) return;
  int failure = writer_.flush();
  const bool flushed = failure == 0 && !writer_.full();
  if (flushed && closed_) {
    sendFin();
    return;
  }
  if (flushed && !ended_) failure = writer_.sendFrames();
  if (failure != 0) fail(failure);
  updateInterest();
}

void InterleavedConnection::updateAcknowledged() {
  if (!broken_) writer_.updateAcknowledged();
}

bool InterleavedConnection::settled(const FrameSource& source) {
  updateAcknowledged();
  return broken_ || writer_.settled(source);
}

void InterleavedConnection::updateInterest() {
  const bool reading = finSent_ || (!ended_ && !stalled());
  watch_.set((reading ? std::uint32_t{EPOLLIN} : 0U) | (writer_.full() ? std::uint32_t{EPOLLOUT} : 0U));
}

bool InterleavedConnection::claim(std::uint8_t channel, FrameTaker& taker) {
  for (const Claim& claim : claims_) {
    if (claim.channel == channel) return claim.taker == &taker;
  }
  if (ended_) return false;
  claims_.push_back({channel, &taker});
  return true;
}

void InterleavedConnection::release(const FrameTaker& taker) {
  std::erase_if(claims_, [&taker](const Claim& claim) { return claim.taker == &taker; });
}

void InterleavedConnection::detach(FrameSource& source) {
  updateAcknowledged();
  writer_.detach(source);
}

void InterleavedConnection::wake() {
  if (!writer_.full() && !ended_) pump();
}

void InterleavedConnection::end(ConnectionEnd how, int errnum) {
  if (ended_) return;
  ended_ = true;
  while (!claims_.empty()) {
    FrameTaker& taker = *claims_.back().taker;
    release(taker);
    taker.onConnectionGone(*this);
  }
  updateInterest();
  sink_.connectionEnded(id_, how, errnum);
}

void InterleavedConnection::fail(int errnum) {
  if (broken_) return;
  updateAcknowledged();
  broken_ = true;
  watch_.reset();
  const bool reset = errnum == ECONNRESET || errnum == EPIPE;
  end(reset ? ConnectionEnd::reset : errnum == ETIMEDOUT ? ConnectionEnd::timeout : ConnectionEnd::error, errnum);
  if (closed_ && !finSent_) sendFin();
}

void InterleavedConnection::close(Done done, Callback<void()> over) {
  closed_ = std::move(done);
  over_ = std::move(over);
  end(ConnectionEnd::closedByUs, 0);
  closeTimer_.armIn(kCloseNs);
  if (broken_) {
    sendFin();
  } else {
    pump();
  }
}

void InterleavedConnection::sendFin() {
  if (finSent_) return;
  finSent_ = true;
  if (!broken_) writer_.finish();
  counts_.end();
  const Done done = std::move(closed_);
  done(Status{});
  if (broken_) {
    closeTimer_.armIn(0);
  } else {
    updateInterest();
  }
}

/** After our FIN: closing with bytes unread would send a reset, and that can overtake our last text at the peer. */
void InterleavedConnection::discard() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t got = ::recv(fd_.get(), arena_.bytes(), kReadBytes, MSG_DONTWAIT);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (got < 0 && errno == EAGAIN) return;
    // The peer's last word: what it has acknowledged is counted before the socket is gone.
    updateAcknowledged();
    broken_ = true;
    watch_.reset();
    closeTimer_.armIn(0);
    return;
  }
}

}  // namespace weir

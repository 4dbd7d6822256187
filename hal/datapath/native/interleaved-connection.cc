#include "interleaved-connection.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "socket-factory.h"

namespace weir {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kReadsPerTurn = 4;
constexpr int kSendsPerTurn = 16;
constexpr std::size_t kMaxTextBytes = 256 * 1024;
constexpr std::uint32_t kMaxMessagesOut = 32;
constexpr std::uint64_t kMaxMessageBytesOut = 64 * 1024;
/** More than this unsent in the kernel makes a slow viewer only later, not better. */
constexpr int kUnsentBytes = 128 * 1024;
/**
 * How late the counters of what is acknowledged may be while media goes out. Each look costs a system call for each
 * viewer; who ends is looked at once more.
 */
constexpr std::int64_t kAcknowledgePeriodNs = 500 * kNsPerMs;
/** Frames wait for it. */
constexpr std::int64_t kHeldBackPeriodNs = 100 * kNsPerMs;
constexpr std::int64_t kCloseNs = kNsPerSecond;
/** Of full frames it is more than the kernel's own send buffer takes. */
constexpr std::size_t kMaxUnacknowledged = 4096;
/** Entries for what is sent between two looks at most rates; what a burst took is given back. */
constexpr std::size_t kKeptUnacknowledged = 64;

}  // namespace

InterleavedConnection::InterleavedConnection(Loop& loop, ReceiveArena& arena, FrameBatch& batch, EventSink& sink,
                                             ConnectionId id, ConnectionState state,
                                             CounterSlot<ConnectionCounter> counters)
    : ConnectionState(std::move(state)),
      loop_(loop),
      arena_(arena),
      batch_(batch),
      sink_(sink),
      id_(id),
      counters_(counters),
      acknowledgeTimer_(loop, [this] {
        updateAcknowledged();
        if (heldBack_ && !writeWanted_) pump();
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
  for (const Attached& each : std::exchange(sources_, {})) each.source->onConnectionFreed();
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
  progress();
  unparsed_ = std::move(unread);
  // In the next turn: the caller has the id by then.
  if (!unparsed_.empty()) watch_.again(EPOLLIN);
  return {};
}

Status InterleavedConnection::resume() {
  watch_ = loop_.watch(fd_.get(), EPOLLIN, *this);
  if (!watch_.active()) return Status::failed("epoll_ctl", errno);
  if (!unparsed_.empty()) watch_.again(EPOLLIN);
  if (acknowledged_ < written_) acknowledgeTimer_.armIn(kAcknowledgePeriodNs);
  updateInterest();
  return {};
}

std::unique_ptr<ConnectionState> InterleavedConnection::release() {
  watch_.reset();
  acknowledgeTimer_.cancel();
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
  if (!broken_ && (events & EPOLLOUT) != 0) {
    writeWanted_ = false;
    pump();
  }
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
    count(ConnectionCounter::rxBytes, bytes);
    progress();
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
  if (unparsed_.empty()) unparsed_.shrink_to_fit();
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
  count(ConnectionCounter::rxUnknownFrames, 1);
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
  if (text_.size() - textSent_ + text.size() > kMaxTextBytes) {
    end(ConnectionEnd::overflow, 0);
    return;
  }
  text_.insert(text_.end(), text.begin(), text.end());
  if (!writeWanted_) pump();
}

void InterleavedConnection::sendFrame(std::uint8_t channel, ByteView bytes) {
  if (ended_ || bytes.size() > 0xffff || text_.size() - textSent_ + bytes.size() > kMaxTextBytes) return;
  const std::uint8_t header[] = {'$', channel, static_cast<std::uint8_t>(bytes.size() >> 8),
                                 static_cast<std::uint8_t>(bytes.size())};
  text_.insert(text_.end(), std::begin(header), std::end(header));
  sendText(bytes);
}

bool InterleavedConnection::writeOwn(Bytes& bytes, std::size_t& sent) {
  while (sent < bytes.size()) {
    const ssize_t got = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      if (errno != EAGAIN) fail(errno);
      return false;
    }
    sent += static_cast<std::size_t>(got);
    wrote(static_cast<std::size_t>(got));
  }
  bytes.clear();
  sent = 0;
  return true;
}

bool InterleavedConnection::flushOwn() { return writeOwn(tail_, tailSent_) && writeOwn(text_, textSent_); }

void InterleavedConnection::pump() {
  bool more = !broken_ && !flushOwn();
  if (!more && closed_) {
    sendFin();
    return;
  }
  heldBack_ = false;
  for (int sends = 0; !more && !ended_; ++sends) {
    heldBack_ = mustHoldBack();
    if (heldBack_) {
      acknowledgeTimer_.armIn(kHeldBackPeriodNs);
      break;
    }
    std::size_t silent = 0;
    while (silent < sources_.size()) {
      const Attached& next = sources_[nextSource_++ % sources_.size()];
      next.source->offer(batch_);
      if (batch_.count() > 0) break;
      ++silent;
    }
    if (silent == sources_.size()) break;
    more = !sendBatch(sources_[(nextSource_ - 1) % sources_.size()]) || sends == kSendsPerTurn;
    // Mostly that was all: there is one source, and it had no more.
    if (!more && sources_.size() == 1 && !batch_.full()) break;
  }
  writeWanted_ = more && !broken_;
  updateInterest();
}

bool InterleavedConnection::mustHoldBack() {
  if (unacknowledgedFrames_ + FrameBatch::kMaxFrames <= kMaxUnacknowledged) return false;
  updateAcknowledged();
  if (unacknowledgedFrames_ + FrameBatch::kMaxFrames <= kMaxUnacknowledged) return false;
  batch_.clear();
  for (const Attached& each : sources_) each.source->taken(batch_, 0, true);
  return true;
}

ssize_t InterleavedConnection::writeBatch() {
  const ByteView whole = batch_.whole();
  msghdr header{};
  header.msg_iov = batch_.pieces();
  header.msg_iovlen = 2 * batch_.count();
  ssize_t got = -1;
  do {
    got = whole.empty() ? ::sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL)
                        : ::send(fd_.get(), whole.data(), whole.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (got < 0 && errno == EINTR);
  return got;
}

bool InterleavedConnection::sendBatch(Attached& from) {
  const ssize_t got = writeBatch();
  if (got < 0) {
    if (errno != EAGAIN) fail(errno);
    else from.source->taken(batch_, 0, true);
    return false;
  }
  const auto written = static_cast<std::size_t>(got);
  const std::uint64_t before = written_;
  wrote(written);
  std::size_t end = 0;
  std::size_t frames = 0;
  while (frames < batch_.count() && end < written) {
    const FrameBatch::Frame& frame = batch_.frame(frames);
    end += frame.header.size() + frame.length;
    if (frame.media) {
      from.add(static_cast<std::uint32_t>(before + end), frame.length);
      ++unacknowledgedFrames_;
    }
    ++frames;
  }
  if (end > written) {
    // The ring may move on before the socket takes the rest.
    std::size_t left = end - written;
    for (std::size_t piece = 2 * frames - 2; piece < 2 * frames; ++piece) {
      const iovec& part = batch_.pieces()[piece];
      const std::size_t after = piece + 1 < 2 * frames ? batch_.frame(frames - 1).length : 0;
      if (left <= after) continue;
      const std::size_t bytes = left - after;
      const auto* stop = static_cast<const std::uint8_t*>(part.iov_base) + part.iov_len;
      tail_.insert(tail_.end(), stop - bytes, stop);
      left -= bytes;
    }
  }
  const bool whole = end == written && frames == batch_.count();
  from.source->taken(batch_, frames, !whole);
  return whole;
}

void InterleavedConnection::wrote(std::size_t bytes) {
  written_ += bytes;
  count(ConnectionCounter::txBytes, bytes);
  if (!acknowledgeTimer_.armed()) acknowledgeTimer_.armIn(kAcknowledgePeriodNs);
}

void InterleavedConnection::updateAcknowledged() {
  int queued = 0;
  if (broken_ || ::ioctl(fd_.get(), SIOCOUTQ, &queued) != 0) return;
  // Also after a reset. What was written before the connection came here is part of it, as is our FIN.
  if (finSent_ && queued > 0) --queued;
  const std::uint64_t now = written_ - std::min<std::uint64_t>(written_, static_cast<std::uint64_t>(queued));
  if (now > acknowledged_) {
    acknowledged_ = now;
    progress();
  }
  for (Attached& each : sources_) takeAcknowledged(each);
  if (acknowledged_ < written_) acknowledgeTimer_.armIn(kAcknowledgePeriodNs);
}

void InterleavedConnection::Attached::add(std::uint32_t end, std::uint16_t bytes) {
  ++frames;
  if (acknowledged < sent.size()) {
    Unacknowledged& last = sent.back();
    if (last.bytes == bytes && end - last.end == bytes + kFrameHeaderBytes && last.frames < UINT16_MAX) {
      last.end = end;
      ++last.frames;
      return;
    }
  }
  sent.push_back({end, bytes, 1});
}

void InterleavedConnection::Attached::tidy() {
  if (sent.size() - acknowledged > acknowledged) return;
  sent.erase(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(acknowledged));
  acknowledged = 0;
  if (sent.empty() && sent.capacity() > kKeptUnacknowledged) sent.shrink_to_fit();
}

void InterleavedConnection::takeAcknowledged(Attached& from) {
  const auto until = static_cast<std::uint32_t>(acknowledged_);
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  for (; from.acknowledged < from.sent.size(); ++from.acknowledged) {
    Unacknowledged& oldest = from.sent[from.acknowledged];
    // What is outstanding is far less than half of what the offset can tell apart.
    const auto missing = static_cast<std::int32_t>(oldest.end - until);
    const std::uint32_t frameBytes = oldest.bytes + kFrameHeaderBytes;
    // One of which a part is missing is missing.
    const std::uint32_t cut = missing <= 0 ? 0 : (static_cast<std::uint32_t>(missing) + frameBytes - 1) / frameBytes;
    const std::uint32_t left = std::min<std::uint32_t>(cut, oldest.frames);
    packets += oldest.frames - left;
    bytes += std::uint64_t{oldest.frames - left} * oldest.bytes;
    oldest.frames = static_cast<std::uint16_t>(left);
    if (left > 0) break;
  }
  from.frames -= packets;
  from.tidy();
  unacknowledgedFrames_ -= packets;
  if (packets > 0) from.source->acknowledged(packets, bytes);
}

bool InterleavedConnection::settled(const FrameSource& source) {
  updateAcknowledged();
  return broken_ || std::none_of(sources_.begin(), sources_.end(), [&source](const Attached& each) {
           return each.source == &source && each.frames > 0;
         });
}

void InterleavedConnection::updateInterest() {
  const bool reading = finSent_ || (!ended_ && !stalled());
  watch_.set((reading ? std::uint32_t{EPOLLIN} : 0U) | (writeWanted_ ? std::uint32_t{EPOLLOUT} : 0U));
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
  std::erase_if(sources_, [this, &source](const Attached& each) {
    if (each.source != &source) return false;
    unacknowledgedFrames_ -= each.frames;
    return true;
  });
}

void InterleavedConnection::wake() {
  if (!writeWanted_ && !ended_) pump();
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
  if (broken_ || flushOwn()) {
    sendFin();
  } else if (!broken_) {
    writeWanted_ = true;
    updateInterest();
  }
}

void InterleavedConnection::sendFin() {
  if (finSent_) return;
  finSent_ = true;
  writeWanted_ = false;
  if (!broken_) ::shutdown(fd_.get(), SHUT_WR);
  // The slot is the caller's again.
  counters_ = {};
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

void InterleavedConnection::count(ConnectionCounter name, std::uint64_t amount) {
  if (counters_.valid()) counters_.add(name, amount);
}

void InterleavedConnection::progress() {
  if (counters_.valid()) counters_.set(ConnectionCounter::lastProgressMonoNs, static_cast<std::uint64_t>(loop_.nowNs()));
}

}  // namespace weir

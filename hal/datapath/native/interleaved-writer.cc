#include "interleaved-writer.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "clock.h"

namespace weir {

namespace {

constexpr int kSendsPerTurn = 16;
constexpr std::size_t kMaxTextBytes = 256 * 1024;
/** So much text that has been written is kept in front of what waits: to move that each time would cost more. */
constexpr std::size_t kMaxSentTextBytes = 64 * 1024;
/**
 * How late the counters of what is acknowledged may be while media goes out. Each look costs a system call for each
 * viewer; who ends is looked at once more.
 */
constexpr std::int64_t kAcknowledgePeriodNs = 500 * kNsPerMs;
/** Frames wait for it. */
constexpr std::int64_t kHeldBackPeriodNs = 100 * kNsPerMs;
/** Of full frames it is more than the kernel's own send buffer takes. */
constexpr std::size_t kMaxUnacknowledged = 4096;

}  // namespace

InterleavedWriter::InterleavedWriter(Loop& loop, FrameBatch& batch, const Fd& socket, WriterState state,
                                     ConnectionCounts& counts, Callback<void()> look)
    : batch_(batch), socket_(socket), counts_(counts), state_(std::move(state)), acknowledgeTimer_(loop, std::move(look)) {
  if (state_.acknowledged < state_.written) acknowledgeTimer_.armIn(kAcknowledgePeriodNs);
}

InterleavedWriter::~InterleavedWriter() {
  for (const Attached& each : std::exchange(sources_, {})) each.source->onConnectionFreed();
}

WriterState InterleavedWriter::release() {
  acknowledgeTimer_.cancel();
  return std::move(state_);
}

void InterleavedWriter::detach(FrameSource& source) {
  std::erase_if(sources_, [this, &source](const Attached& each) {
    if (each.source != &source) return false;
    unacknowledgedFrames_ -= each.sent.count();
    return true;
  });
}

bool InterleavedWriter::settled(const FrameSource& source) const {
  return std::none_of(sources_.begin(), sources_.end(), [&source](const Attached& each) {
    return each.source == &source && each.sent.count() > 0;
  });
}

bool InterleavedWriter::addText(ByteView text) {
  if (waitingTextBytes() + text.size() > kMaxTextBytes) return false;
  // Of a peer that never takes the last of it, all would be kept.
  if (state_.textSent >= kMaxSentTextBytes) {
    state_.text.erase(state_.text.begin(), state_.text.begin() + static_cast<std::ptrdiff_t>(std::exchange(state_.textSent, 0)));
  }
  state_.text.insert(state_.text.end(), text.begin(), text.end());
  return true;
}

bool InterleavedWriter::addFrame(std::uint8_t channel, ByteView packet) {
  if (packet.size() > 0xffff || waitingTextBytes() + kFrameHeaderBytes + packet.size() > kMaxTextBytes) return false;
  const std::uint8_t header[] = {'$', channel, static_cast<std::uint8_t>(packet.size() >> 8),
                                 static_cast<std::uint8_t>(packet.size())};
  return addText(header) && addText(packet);
}

int InterleavedWriter::flush() {
  heldBack_ = false;
  state_.full = false;
  if (const int failure = writeOwn(state_.tail, state_.tailSent); failure != 0 || state_.full) return failure;
  return writeOwn(state_.text, state_.textSent);
}

int InterleavedWriter::writeOwn(Bytes& bytes, std::size_t& sent) {
  while (sent < bytes.size()) {
    const ssize_t got = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      state_.full = errno == EAGAIN;
      return state_.full ? 0 : errno;
    }
    sent += static_cast<std::size_t>(got);
    wrote(static_cast<std::size_t>(got));
  }
  bytes.clear();
  sent = 0;
  return 0;
}

int InterleavedWriter::sendFrames() {
  for (int sends = 0; !state_.full; ++sends) {
    heldBack_ = mustHoldBack();
    if (heldBack_) {
      acknowledgeTimer_.armIn(kHeldBackPeriodNs);
      return 0;
    }
    Attached* const from = takeOffer();
    if (from == nullptr) return 0;
    if (const int failure = sendBatch(*from); failure != 0) return failure;
    // Others get their turn: the rest goes when the loop comes round.
    if (sends == kSendsPerTurn) state_.full = true;
    // Mostly that was all: there is one source, and it had no more.
    if (sources_.size() == 1 && !batch_.full()) return 0;
  }
  return 0;
}

bool InterleavedWriter::mustHoldBack() {
  if (unacknowledgedFrames_ + FrameBatch::kMaxFrames <= kMaxUnacknowledged) return false;
  updateAcknowledged();
  if (unacknowledgedFrames_ + FrameBatch::kMaxFrames <= kMaxUnacknowledged) return false;
  batch_.clear();
  for (const Attached& each : sources_) each.source->taken(batch_, 0, true);
  return true;
}

InterleavedWriter::Attached* InterleavedWriter::takeOffer() {
  for (std::size_t silent = 0; silent < sources_.size(); ++silent) {
    Attached& next = sources_[nextSource_++ % sources_.size()];
    next.source->offer(batch_);
    if (batch_.count() > 0) return &next;
  }
  return nullptr;
}

ssize_t InterleavedWriter::writeBatch() {
  const ByteView whole = batch_.whole();
  msghdr header{};
  header.msg_iov = batch_.pieces();
  header.msg_iovlen = 2 * batch_.count();
  ssize_t got = -1;
  do {
    got = whole.empty() ? ::sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL)
                        : ::send(socket_.get(), whole.data(), whole.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (got < 0 && errno == EINTR);
  return got;
}

int InterleavedWriter::sendBatch(Attached& from) {
  const ssize_t got = writeBatch();
  if (got < 0) {
    if (errno != EAGAIN) return errno;
    state_.full = true;
    from.source->taken(batch_, 0, true);
    return 0;
  }
  const auto written = static_cast<std::size_t>(got);
  const std::uint64_t before = state_.written;
  wrote(written);
  std::size_t end = 0;
  std::size_t frames = 0;
  while (frames < batch_.count() && end < written) {
    const FrameBatch::Frame& frame = batch_.frame(frames);
    end += frame.header.size() + frame.length;
    if (frame.media) {
      from.sent.add(static_cast<std::uint32_t>(before + end), frame.length);
      ++unacknowledgedFrames_;
    }
    ++frames;
  }
  if (end > written) keepRest(frames - 1, end - written);
  state_.full = end > written || frames < batch_.count();
  from.source->taken(batch_, frames, state_.full);
  return 0;
}

/** The last bytes of that frame of the batch: the ring may move on before the socket takes them. */
void InterleavedWriter::keepRest(std::size_t frame, std::size_t bytes) {
  const iovec& header = batch_.pieces()[2 * frame];
  const iovec& packet = batch_.pieces()[2 * frame + 1];
  const std::size_t ofPacket = std::min(bytes, packet.iov_len);
  for (const auto& [part, count] : {std::pair{header, bytes - ofPacket}, {packet, ofPacket}}) {
    const auto* stop = static_cast<const std::uint8_t*>(part.iov_base) + part.iov_len;
    state_.tail.insert(state_.tail.end(), stop - count, stop);
  }
}

void InterleavedWriter::wrote(std::size_t bytes) {
  state_.written += bytes;
  counts_.add(ConnectionCounter::txBytes, bytes);
  if (!acknowledgeTimer_.armed()) acknowledgeTimer_.armIn(kAcknowledgePeriodNs);
}

void InterleavedWriter::finish() {
  finished_ = true;
  state_.full = false;
  ::shutdown(socket_.get(), SHUT_WR);
}

void InterleavedWriter::updateAcknowledged() {
  int queued = 0;
  if (::ioctl(socket_.get(), SIOCOUTQ, &queued) != 0) return;
  // Also after a reset. What was written before the connection came here is part of it, as is our FIN.
  if (finished_ && queued > 0) --queued;
  const std::uint64_t now = state_.written - std::min<std::uint64_t>(state_.written, static_cast<std::uint64_t>(queued));
  if (now > state_.acknowledged) {
    state_.acknowledged = now;
    counts_.progress();
  }
  for (Attached& each : sources_) takeAcknowledged(each);
  if (state_.acknowledged < state_.written) acknowledgeTimer_.armIn(kAcknowledgePeriodNs);
}

void InterleavedWriter::takeAcknowledged(Attached& from) {
  const UnacknowledgedFrames::Packets packets = from.sent.take(static_cast<std::uint32_t>(state_.acknowledged));
  unacknowledgedFrames_ -= packets.count;
  if (packets.count > 0) from.source->acknowledged(packets.count, packets.bytes);
}

}  // namespace weir

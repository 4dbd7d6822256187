#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

#include "clock.h"
#include "continuity.h"
#include "reorder-window.h"
#include "rtp-sequence.h"

using namespace weir;

namespace {

void hold(bool truth) {
  if (!truth) std::abort();
}

/** What is wanted of the window, said as simply as it can be: every packet in a sorted map, looked through each time. */
class Model {
 public:
  explicit Model(std::size_t maxPackets) : maxPackets_(maxPackets) {}

  bool take(std::uint16_t seq, std::int64_t nowNs, std::vector<std::int64_t>& out) {
    if (!next_) next_ = newest_ = seq;
    const std::int64_t at = newest_ + static_cast<std::int16_t>(seq - static_cast<std::uint16_t>(newest_));
    newest_ = std::max(newest_, at);
    if (at < *next_) return false;
    held_[at] = nowNs;
    settle(out);
    if (held_.size() > maxPackets_) giveUp(out);
    return true;
  }
  [[nodiscard]] std::optional<std::int64_t> dueNs() const {
    std::optional<std::int64_t> due;
    for (const auto& [at, arrivalNs] : held_) due = std::min(due.value_or(arrivalNs), arrivalNs);
    return due ? std::optional(*due + 30 * kNsPerMs) : std::nullopt;
  }
  void giveUpDue(std::int64_t nowNs, std::vector<std::int64_t>& out) {
    while (dueNs() && *dueNs() <= nowNs) giveUp(out);
  }
  void restart(std::vector<std::int64_t>& out) {
    while (!held_.empty()) giveUp(out);
    next_.reset();
  }

 private:
  void giveUp(std::vector<std::int64_t>& out) {
    next_ = held_.begin()->first;
    settle(out);
  }
  void settle(std::vector<std::int64_t>& out) {
    while (!held_.empty() && held_.begin()->first == *next_) {
      out.push_back((*next_)++);
      held_.erase(held_.begin());
    }
  }

  std::size_t maxPackets_;
  std::map<std::int64_t, std::int64_t> held_;
  std::optional<std::int64_t> next_;
  std::int64_t newest_ = 0;
};

/** A track from its packets to what viewers see, as `FeedTrack` puts it together; checks what comes out. */
class Track final : OrderedPackets {
 public:
  explicit Track(std::size_t maxPackets) : maxPackets_(maxPackets), model_(maxPackets) { window_.limit(maxPackets); }
  ~Track() { restart(); }

  void wait(std::int64_t ns) {
    const std::int64_t until = nowNs_ + ns;
    // As its timer would ring.
    for (auto due = window_.dueNs(); due && *due <= until; due = window_.dueNs()) {
      hold(due == model_.dueNs());
      nowNs_ = *due;
      window_.giveUpDue(nowNs_, *this);
      model_.giveUpDue(nowNs_, wanted_);
      compare();
    }
    nowNs_ = until;
  }

  void resume() {
    sequence_.restart();
    restart();
    anew_ = continuity_.begun();
  }

  void receive(std::uint16_t seq, std::uint32_t ssrc) {
    Bytes bytes(16);
    bytes[0] = 0x80;
    writeU16(&bytes[2], seq);
    writeU32(&bytes[4], sent_ * 3000);
    writeU32(&bytes[8], ssrc);
    writeU32(&bytes[12], sent_++);
    const RtpPacket packet = *parseRtp(bytes);
    const RtpSequence::Verdict verdict = sequence_.take(packet, nowNs_);
    if (verdict == RtpSequence::Verdict::astray || verdict == RtpSequence::Verdict::duplicate) return;
    if (verdict == RtpSequence::Verdict::anew) {
      restart();
      anew_ = true;
    }
    const bool taken = window_.take(packet, bytes, nowNs_, *this);
    hold(taken == model_.take(seq, nowNs_, wanted_));
    if (taken) ++taken_;
    // As by TCP: it has a place among what viewers know, or none.
    if (!taken && maxPackets_ == 0) continuity_.place(packet, nowNs_);
    compare();
  }

 private:
  using Bytes = std::vector<std::uint8_t>;

  void onOrdered(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, std::uint32_t lostBefore) override {
    hold(readU16(&bytes[2]) == packet.seq && packet.rtpTime == readU32(&bytes[12]) * 3000);
    hold(arrivalNs <= nowNs_ && nowNs_ - arrivalNs <= ReorderWindow::kLongestNs);
    got_.push_back(packet.seq);
    lost_ += lostBefore;
    const bool first = anew_;
    if (anew_) continuity_.goOn(packet, continuity_.timeAt(arrivalNs));
    anew_ = false;
    const auto place = continuity_.place(packet, arrivalNs);
    hold(place.has_value());
    if (lastSeq_) {
      const auto step = static_cast<std::int16_t>(place->seq - *lastSeq_);
      hold(first ? step == 1 : step == static_cast<std::int16_t>(lostBefore + 1));
      hold(!first || static_cast<std::int32_t>(place->rtpTime - lastTime_) > 0);
    }
    lastSeq_ = place->seq;
    lastTime_ = place->rtpTime;
  }

  /** Everything that was taken comes out, and all between first and last is either there or counted as lost. */
  void restart() {
    window_.restart(*this);
    model_.restart(wanted_);
    compare();
    hold(run_.size() == taken_);
    if (!run_.empty()) hold(run_.back() - run_.front() + 1 == static_cast<std::int64_t>(taken_ + lost_));
    run_.clear();
    taken_ = lost_ = 0;
  }

  void compare() {
    hold(got_.size() == wanted_.size());
    for (std::size_t i = 0; i < got_.size(); ++i) hold(got_[i] == static_cast<std::uint16_t>(wanted_[i]));
    run_.insert(run_.end(), wanted_.begin(), wanted_.end());
    got_.clear();
    wanted_.clear();
  }

  std::size_t maxPackets_;
  RtpSequence sequence_{90'000};
  ReorderWindow window_;
  Continuity continuity_{90'000};
  Model model_;
  std::int64_t nowNs_ = 0;
  std::uint32_t sent_ = 0;
  bool anew_ = false;
  std::vector<std::uint16_t> got_;
  std::vector<std::int64_t> wanted_;
  /** Of this source, as the model counts them on. */
  std::vector<std::int64_t> run_;
  std::size_t taken_ = 0;
  std::size_t lost_ = 0;
  std::optional<std::uint16_t> lastSeq_;
  std::uint32_t lastTime_ = 0;
};

}  // namespace

/**
 * The first byte tells the transport and where the numbers begin; then two bytes an event: a step in the sequence numbers
 * or something rarer, and the milliseconds after it.
 */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Track track((data[0] & 1) != 0 ? ReorderWindow::kMaxPackets : 0);
  auto seq = static_cast<std::uint16_t>(0xff00 + data[0]);
  std::uint32_t ssrc = 7;
  for (std::size_t at = 1; at + 1 < size; at += 2) {
    const std::uint8_t event = data[at];
    if (event < 0xe0) {
      // Mostly the neighbourhood: -24 to 199 from the last one.
      seq = static_cast<std::uint16_t>(seq + event - 24);
    } else if (event < 0xf0) {
      seq = static_cast<std::uint16_t>(seq + (event & 0x0f) * 251);
    } else if (event < 0xf8) {
      seq = static_cast<std::uint16_t>(seq + 0x1000 * (event & 0x07));
    } else if (event < 0xfc) {
      ssrc = event;
    } else {
      track.resume();
    }
    track.receive(seq, ssrc);
    track.wait((data[at + 1] & 0x3f) * kNsPerMs);
  }
  return 0;
}

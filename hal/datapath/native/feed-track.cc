#include "feed-track.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "feed.h"
#include "rtcp.h"
#include "start-point.h"

namespace weir {

namespace {

/** RFC 3550 s.6.2: about every 5 s, the first one earlier, never two boxes in step. */
constexpr std::int64_t kReportNs = 5 * kNsPerSecond;
constexpr std::int64_t kFirstReportNs = kNsPerSecond;
/** A source that shows no start point for so long goes on without. */
constexpr std::int64_t kLongestStartWaitNs = 20 * kNsPerSecond;
/** An access unit whose first packets show no start point is none. */
constexpr std::size_t kMaxWaiting = 64;
/** Reports that place a track further from its arrival than this come from clocks that are no clocks. */
constexpr std::int64_t kFarthestAlignmentSeconds = 2;
/** A compound packet does not come near it. */
constexpr std::size_t kMaxSenderReportBytes = 4096;
/** A source says so once (RFC 3550 s.6.3.7); one that goes on saying so is not told of each time. */
constexpr std::int64_t kByeNs = kNsPerSecond;

bool isFrom(const Address& from, const Address& source) {
  return from.sameHost(source) && (source.port == 0 || source.port == from.port);
}

}  // namespace

FeedTrack::FeedTrack(Feed& feed, Loop& loop, std::uint32_t index, const TrackOptions& options, bool decidesStart)
    : feed_(feed),
      loop_(loop),
      index_(index),
      options_(options),
      decidesStart_(decidesStart),
      sequence_(options.clockRateHz),
      orderTimer_(loop, [this] { giveUpDue(); }),
      disposable_(options.codec),
      continuity_(options.clockRateHz),
      ownSsrc_(feed.randomU32()),
      reportTimer_(loop, [this] { sendReport(); }) {}

Status FeedTrack::receive(const TrackFrom& from) {
  leave();
  order_.giveUpAll(*this);
  // A stream of bytes overtakes nothing: what is missing there will not come.
  order_.limit(std::holds_alternative<UdpFrom>(from) ? ReorderWindow::kMaxPackets : 0);
  if (const auto* udp = std::get_if<UdpFrom>(&from)) {
    if (const Status attached = udp->pair->attach(*this); !attached.ok()) return attached;
    from_ = from;
    punch(*udp);
  } else if (const auto* tcp = std::get_if<InterleavedFrom>(&from)) {
    if (!tcp->connection->claim(tcp->rtpChannel, *this) || !tcp->connection->claim(tcp->rtcpChannel, *this)) {
      tcp->connection->release(*this);
      return {Code::wrongState, 0, "channel is in use"};
    }
    from_ = from;
  }
  reportTimer_.armIn(kFirstReportNs / 2 + feed_.randomNs(kFirstReportNs));
  return {};
}

void FeedTrack::leave() {
  if (const auto* udp = std::get_if<UdpFrom>(&from_)) udp->pair->detach(*this);
  if (const auto* tcp = std::get_if<InterleavedFrom>(&from_)) {
    // Another track may receive by the same connection: only our own claims go.
    tcp->connection->release(*this);
  }
  from_ = {};
  rtcpFrom_ = {};
  reportTimer_.cancel();
}

void FeedTrack::onDatagrams(bool rtcp, const ReceiveArena::Message& message) {
  const auto* udp = std::get_if<UdpFrom>(&from_);
  if (udp == nullptr) return;
  const bool ours = isFrom(message.from, rtcp ? udp->rtcpSource : udp->rtpSource);
  if (ours && rtcp) rtcpFrom_ = message.from;
  for (std::size_t at = 0; at < message.bytes.size(); at += message.segmentBytes) {
    const ByteView bytes = message.bytes.subspan(at, std::min(message.segmentBytes, message.bytes.size() - at));
    if (!ours) {
      feed_.counters().add(FeedCounter::rejectedPackets, 1);
    } else if (rtcp) {
      takeRtcp(bytes);
    } else {
      takeRtp(bytes);
    }
  }
}

void FeedTrack::onFrame(std::uint8_t channel, ByteView bytes) {
  const auto* tcp = std::get_if<InterleavedFrom>(&from_);
  if (tcp == nullptr) return;
  if (channel == tcp->rtpChannel) {
    takeRtp(bytes);
  } else {
    takeRtcp(bytes);
  }
}

void FeedTrack::takeRtp(ByteView bytes) {
  FeedSlot& counters = feed_.counters();
  const std::optional<RtpPacket> packet = parseRtp(bytes);
  if (!packet) {
    counters.add(FeedCounter::rejectedPackets, 1);
    return;
  }
  const RtpSequence::Verdict verdict = sequence_.take(*packet, loop_.nowNs());
  if (verdict == RtpSequence::Verdict::astray) {
    counters.add(FeedCounter::rejectedPackets, 1);
    return;
  }
  if (verdict == RtpSequence::Verdict::duplicate) {
    counters.add(FeedCounter::duplicatePackets, 1);
  } else {
    if (verdict == RtpSequence::Verdict::anew) beginAnew(*packet);
    putInOrder(*packet, bytes, verdict == RtpSequence::Verdict::late);
  }
  counters.set(FeedCounter::lastRxMonoNs, static_cast<std::uint64_t>(loop_.nowNs()));
  counters.add(FeedCounter::rxBytes, bytes.size());
  counters.add(FeedCounter::rxPackets, 1);
}

void FeedTrack::putInOrder(const RtpPacket& packet, ByteView bytes, bool overtaken) {
  if (order_.take(packet, bytes, loop_.nowNs(), *this)) {
    if (overtaken) feed_.counters().add(FeedCounter::reorderedPackets, 1);
    // When it rings too early, because another gap has opened since, it is set again.
    if (const auto due = order_.dueNs(); due && !orderTimer_.armed()) orderTimer_.armAt(*due);
    return;
  }
  feed_.counters().add(FeedCounter::latePackets, 1);
  // By TCP it is the origin's own order, and stays as it is.
  if (std::holds_alternative<InterleavedFrom>(from_)) waitOrPassOn(packet, bytes, loop_.nowNs(), false);
}

void FeedTrack::giveUpDue() {
  order_.giveUpDue(loop_.nowNs(), *this);
  if (const auto due = order_.dueNs()) orderTimer_.armAt(*due);
}

void FeedTrack::onOrdered(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, std::uint32_t lostBefore) {
  if (lostBefore > 0) feed_.counters().add(FeedCounter::lostPackets, lostBefore);
  waitOrPassOn(packet, bytes, arrivalNs, true);
}

void FeedTrack::resume(bool wait) {
  leave();
  order_.restart(*this);
  dropWaiting();
  sequence_.restart();
  inUnit_ = false;
  transportStream_.restart();
  sourceReport_.reset();
  nextByeNs_ = 0;
  reportWaits_ = false;
  anew_ = continuity_.begun();
  waitUntilNs_ = wait ? loop_.nowNs() + kLongestStartWaitNs : 0;
}

/** The source has changed within its session: where its clock does not run on, that is a resume of this track alone. */
void FeedTrack::beginAnew(const RtpPacket& packet) {
  order_.restart(*this);
  dropWaiting();
  inUnit_ = false;
  transportStream_.restart();
  if (anew_ || !continuity_.begun()) return;
  if (continuity_.runsOn(packet, loop_.nowNs())) {
    continuity_.goOn(packet, continuity_.placedTime(packet.rtpTime));
    return;
  }
  feed_.counters().add(FeedCounter::resumes, 1);
  sourceReport_.reset();
  anew_ = true;
  if (decidesStart_) waitUntilNs_ = loop_.nowNs() + kLongestStartWaitNs;
}

void FeedTrack::waitOrPassOn(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, bool newest) {
  if (decidesStart_ && hasParameterSets(options_.codec, packet)) feed_.counters().add(FeedCounter::parameterSets, 1);
  if (waitUntilNs_ != 0) {
    waitForStart(packet, bytes, arrivalNs, newest);
  } else {
    passOn(packet, bytes, arrivalNs, newest);
  }
}

void FeedTrack::waitForStart(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, bool newest) {
  const bool late = loop_.nowNs() >= waitUntilNs_;
  const bool decides = decidesStart_ || late || !feed_.startsDecided();
  if (!decides || !newest) {
    feed_.counters().add(FeedCounter::resumeDroppedPackets, 1);
    return;
  }
  // Of a unit that was too long only the beginning was kept: no packet would follow on it.
  if (late && waiting_.size() == kMaxWaiting) dropWaiting();
  const bool complete = completesStart(packet, bytes);
  if (decidesStart_ && !late && !complete) return;
  const std::vector<Bytes> start = std::exchange(waiting_, {});
  feed_.endWaiting(*this);
  for (const Bytes& kept : start) passOn(*parseRtp(kept), kept, arrivalNs, true);
}

/**
 * Keeps a packet while media waits, with those before it that a start point would begin with: of its access unit, or
 * from the tables of a transport stream on. True when the start point has shown.
 */
bool FeedTrack::completesStart(const RtpPacket& packet, ByteView bytes) {
  if (options_.codec == StartPointCodec::mp2t) {
    const std::uint64_t position = waited_++;
    const auto start = transportStream_.take(packet.payload, position, loop_.nowNs());
    const std::uint64_t before = position - start.value_or(transportStream_.tablesAt().value_or(position));
    // Tables that lie too far back: viewers have had them, and get them again soon.
    dropWaiting(before < kMaxWaiting ? before : 0);
    waiting_.emplace_back(bytes.begin(), bytes.end());
    return start.has_value();
  }
  if (!waiting_.empty() && parseRtp(waiting_.front())->rtpTime != packet.rtpTime) dropWaiting();
  if (waiting_.size() == kMaxWaiting) {
    feed_.counters().add(FeedCounter::resumeDroppedPackets, 1);
    return false;
  }
  waiting_.emplace_back(bytes.begin(), bytes.end());
  return showsStart(options_.codec, packet);
}

void FeedTrack::endWaiting() {
  if (waitUntilNs_ == 0) return;
  waitUntilNs_ = 0;
  dropWaiting();
  // It has counted what waited; from here on it counts as the ring does.
  transportStream_.restart();
}

/** All but the newest. */
void FeedTrack::dropWaiting(std::size_t keep) {
  if (waiting_.size() <= keep) return;
  const std::size_t dropped = waiting_.size() - keep;
  feed_.counters().add(FeedCounter::resumeDroppedPackets, dropped);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(dropped));
}

void FeedTrack::passOn(const RtpPacket& packet, ByteView bytes, std::int64_t arrivalNs, bool newest) {
  if (anew_) goOn(packet, arrivalNs);
  const std::optional<Continuity::Place> place = continuity_.place(packet, arrivalNs);
  if (!place) {
    feed_.counters().add(FeedCounter::resumeDroppedPackets, 1);
    return;
  }
  RingEntry entry{};
  entry.track = static_cast<std::uint8_t>(index_);
  entry.kind = PacketKind::rtp;
  entry.seq = place->seq;
  entry.rtpTime = place->rtpTime;
  entry.disposable = disposable_.shows(packet);
  const std::uint64_t position = feed_.append(entry, bytes);
  if (continuity_.changes()) feed_.renumber(position, continuity_.ssrc());
  // A late packet belongs to an access unit that is over.
  if (decidesStart_ && newest) noteStart(packet, position);
}

void FeedTrack::goOn(const RtpPacket& packet, std::int64_t arrivalNs) {
  anew_ = false;
  const std::uint32_t rtpTime = alignedTime(packet, arrivalNs);
  reportBefore_ = continuity_.reportTime();
  resumedAt_ = packet.rtpTime;
  continuity_.goOn(packet, rtpTime);
  // Its clocks are no longer those of the media.
  if (reportWaits_) {
    passReportOn();
  } else {
    senderReport_.clear();
  }
}

/** By the time that passed without media; by the sender reports of both sessions where this and the first track have them. */
std::uint32_t FeedTrack::alignedTime(const RtpPacket& packet, std::int64_t arrivalNs) const {
  const std::uint32_t byArrival = continuity_.timeAt(arrivalNs);
  const FeedTrack* first = feed_.resumedBy();
  const std::optional<ReportTime>& before = continuity_.reportTime();
  if (first == nullptr || first == this || !before || !sourceReport_) return byArrival;
  if (!first->reportBefore_ || !first->sourceReport_) return byArrival;
  const Continuity& reference = first->continuity_;
  const std::uint32_t byReports =
      alignByReports({reference.clockRateHz(), first->resumedAt_, reference.placedTime(first->resumedAt_),
                      *first->reportBefore_, *first->sourceReport_},
                     {options_.clockRateHz, packet.rtpTime, 0, *before, *sourceReport_});
  const std::int64_t apart = static_cast<std::int32_t>(byReports - byArrival);
  return std::abs(apart) <= kFarthestAlignmentSeconds * options_.clockRateHz ? byReports : byArrival;
}

void FeedTrack::noteStart(const RtpPacket& packet, std::uint64_t position) {
  if (options_.codec == StartPointCodec::none) {
    feed_.markStart(position);
    return;
  }
  if (options_.codec == StartPointCodec::mp2t) {
    // RTP times are those of the packets, not of pictures (RFC 2250 s.2).
    if (const auto start = transportStream_.take(packet.payload, position, loop_.nowNs())) feed_.markStart(*start);
    return;
  }
  if (!inUnit_ || packet.rtpTime != unitRtpTime_ || packet.ssrc != unitSsrc_) {
    inUnit_ = true;
    unitRtpTime_ = packet.rtpTime;
    unitSsrc_ = packet.ssrc;
    unitPosition_ = position;
    unitMarked_ = false;
  }
  if (unitMarked_ || !showsStart(options_.codec, packet)) return;
  unitMarked_ = true;
  feed_.markStart(unitPosition_);
}

void FeedTrack::takeRtcp(ByteView bytes) {
  RtcpSummary summary;
  if (!parseRtcp(bytes, summary)) {
    feed_.counters().add(FeedCounter::rejectedPackets, 1);
    return;
  }
  feed_.counters().add(FeedCounter::rxRtcpPackets, 1);
  // Of a source that was left for another one (s.8.2), or of what comes beside the media (RFC 4588): not the media's clock, nor its end.
  if (sequence_.heard() && summary.senderSsrc != sequence_.ssrc()) return;
  // BYE is not passed on: whether a viewer's session ends is decided above.
  if (summary.bye) {
    sayBye();
    return;
  }
  if (!summary.senderReport || bytes.size() > kMaxSenderReportBytes) return;
  senderReport_.assign(bytes.begin(), bytes.end());
  sourceReportNs_ = loop_.nowNs();
  if (const std::optional<SenderInfo> info = senderInfo(bytes)) sourceReport_ = info->time;
  // Where the media goes on is not known yet: neither is what the report has to say.
  reportWaits_ = anew_;
  if (!reportWaits_) passReportOn();
}

void FeedTrack::sayBye() {
  if (loop_.nowNs() < nextByeNs_) return;
  nextByeNs_ = loop_.nowNs() + kByeNs;
  feed_.sayBye(index_);
}

void FeedTrack::passReportOn() {
  reportWaits_ = false;
  continuity_.rewrite(senderReport_);
  RingEntry entry{};
  entry.track = static_cast<std::uint8_t>(index_);
  entry.kind = PacketKind::rtcp;
  senderReportPosition_ = feed_.append(entry, senderReport_);
}

void FeedTrack::sendReport() {
  reportTimer_.armIn(kReportNs / 2 + feed_.randomNs(kReportNs));
  SenderReportTime time;
  if (sourceReport_) {
    const auto sinceMs = static_cast<std::uint64_t>((loop_.nowNs() - sourceReportNs_) / kNsPerMs);
    time.lastSr = static_cast<std::uint32_t>(sourceReport_->ntp >> 16);
    time.delay = static_cast<std::uint32_t>(sinceMs * 65536 / 1000);
  }
  const bool heard = sequence_.heard();
  const ReceptionFigures figures = sequence_.report();
  buildReceiverReport(receiverReport_, ownSsrc_, heard ? &figures : nullptr, time, feed_.cname());
  bool sent = false;
  if (const auto* udp = std::get_if<UdpFrom>(&from_)) {
    const Address& to = udp->rtcpSource.port != 0 ? udp->rtcpSource : rtcpFrom_;
    sent = to.valid() && udp->pair->rtcp().sendOne(to, receiverReport_);
  } else if (const auto* tcp = std::get_if<InterleavedFrom>(&from_)) {
    sent = true;
    tcp->connection->sendFrame(tcp->rtcpChannel, receiverReport_);
  }
  if (sent) feed_.counters().add(FeedCounter::txRtcpPackets, 1);
}

/** Opens the way through address translation between us and the origin, before it sends. */
void FeedTrack::punch(const UdpFrom& udp) {
  if (udp.rtpSource.port != 0) {
    // An RTP packet without payload, as players send it.
    std::uint8_t empty[12] = {0x80};
    writeU32(empty + 8, ownSsrc_);
    udp.pair->rtp().sendOne(udp.rtpSource, empty);
  }
  if (udp.rtcpSource.port != 0) {
    buildReceiverReport(receiverReport_, ownSsrc_, nullptr, {}, feed_.cname());
    udp.pair->rtcp().sendOne(udp.rtcpSource, receiverReport_);
  }
}

}  // namespace weir

/* What one receiver saw of one RTP stream (RFC 3550 s.5.1, appendix A.1). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "histogram.h"
#include "net.h"

/* Sequence numbers looked back for a duplicate. */
enum { RTP_WINDOW = 1024, RTP_HEADER = 12, RTP_STAMPED = 25 };

struct rtp_stats {
  uint64_t packets, bytes, duplicates, reordered, malformed, foreign, rtcp_packets, byes;
  /* Packets in order whose RTP time is before that of the packet before them. */
  uint64_t time_backwards;
  uint64_t ssrc_changes;
  /* CLOCK_MONOTONIC of the first packet, of the last, and of the first with a marker bit: a whole frame. 0: none yet. */
  uint64_t first_ns, last_ns, first_frame_ns;
  /* Of the last packet of the first whole picture that an H.264 decoder can start at. */
  uint64_t first_start_frame_ns;
  /* When this process had that whole frame in its hands, not the kernel. */
  uint64_t first_frame_read_ns;
  uint64_t longest_gap_ns;
  uint16_t first_seq;
  uint32_t first_rtp_time;
  struct histogram latency;

  bool started;
  bool in_start_frame; /* the beginning of its IDR picture has come */
  uint32_t ssrc;
  uint64_t base, highest; /* extended sequence numbers */
  uint32_t highest_time;  /* RTP time of the packet numbered `highest` */
  uint64_t in_run;        /* distinct packets since the last change of SSRC */
  uint64_t lost_before;   /* lost under former SSRCs */
  uint64_t seen[RTP_WINDOW];
};

static inline uint64_t rtp_lost(const struct rtp_stats *stats) {
  if (!stats->started) return 0;
  uint64_t expected = stats->highest - stats->base + 1;
  return stats->lost_before + (expected > stats->in_run ? expected - stats->in_run : 0);
}

static inline void rtp_begin(struct rtp_stats *stats, uint32_t ssrc, uint16_t seq, uint32_t time) {
  stats->started = true;
  stats->ssrc = ssrc;
  /* One cycle up, so that a late packet from before the first stays positive. */
  stats->base = stats->highest = 65536ull + seq;
  stats->highest_time = time;
  stats->in_run = 0;
  memset(stats->seen, 0, sizeof stats->seen);
}

/* Whether an IDR picture begins in this packet of H.264 (RFC 6184 s.5.2, 5.7.1, 5.8), as far as the first `have` bytes tell. */
static inline bool rtp_begins_idr(const uint8_t *packet, uint32_t have) {
  enum { IDR = 5, SPS = 7, STAP_A = 24, FU_A = 28, FU_START = 0x80 };
  uint32_t at = RTP_HEADER + 4u * (packet[0] & 0x0f);
  if (packet[0] & 0x10) {
    if (at + 4 > have) return false;
    at += 4u + 4u * (uint32_t)(packet[at + 2] << 8 | packet[at + 3]);
  }
  if (at + 4 > have) return false;
  uint8_t type = packet[at] & 0x1f;
  if (type == FU_A) return (packet[at + 1] & FU_START) && (packet[at + 1] & 0x1f) == IDR;
  /* An aggregate that begins with parameter sets has the picture behind them, or the picture follows. */
  if (type == STAP_A) type = packet[at + 3] & 0x1f;
  return type == IDR || type == SPS;
}

/* Takes `length` bytes of a packet of which the first `have` are at `packet`; it arrived at `now_ns`. */
static inline void rtp_take(struct rtp_stats *stats, const uint8_t *packet, uint32_t have, uint32_t length,
                            uint64_t now_ns) {
  if (length < RTP_HEADER || have < RTP_HEADER || packet[0] >> 6 != 2) {
    stats->malformed += 1;
    return;
  }
  uint16_t seq = (uint16_t)(packet[2] << 8 | packet[3]);
  uint32_t ssrc, time = (uint32_t)packet[4] << 24 | packet[5] << 16 | packet[6] << 8 | packet[7];
  memcpy(&ssrc, packet + 8, 4);
  if (!stats->started) {
    stats->first_seq = seq;
    stats->first_rtp_time = time;
    rtp_begin(stats, ssrc, seq, time);
  } else if (ssrc != stats->ssrc) {
    stats->lost_before = rtp_lost(stats);
    stats->ssrc_changes += 1;
    rtp_begin(stats, ssrc, seq, time);
  }
  int16_t ahead = (int16_t)(uint16_t)(seq - (uint16_t)stats->highest);
  uint64_t extended = stats->highest + (uint64_t)(int64_t)ahead;
  stats->packets += 1;
  stats->bytes += length;
  if (stats->seen[extended % RTP_WINDOW] == extended) {
    stats->duplicates += 1;
  } else {
    stats->seen[extended % RTP_WINDOW] = extended;
    stats->in_run += 1;
    if (ahead < 0) stats->reordered += 1;
    if (extended > stats->highest) {
      stats->time_backwards += (int32_t)(time - stats->highest_time) < 0;
      stats->highest = extended;
      stats->highest_time = time;
    }
    if (extended < stats->base) stats->base = extended;
  }
  if (!stats->first_ns) stats->first_ns = now_ns;
  /* Also since the last packet before a reset: a pause is a pause. */
  if (stats->last_ns && now_ns > stats->last_ns && now_ns - stats->last_ns > stats->longest_gap_ns) {
    stats->longest_gap_ns = now_ns - stats->last_ns;
  }
  stats->last_ns = now_ns;
  if (!stats->first_frame_ns && packet[1] & 0x80) {
    stats->first_frame_ns = now_ns;
    stats->first_frame_read_ns = clock_ns(CLOCK_MONOTONIC);
  }
  if (!stats->first_start_frame_ns) {
    stats->in_start_frame |= rtp_begins_idr(packet, have);
    if (stats->in_start_frame && packet[1] & 0x80) stats->first_start_frame_ns = now_ns;
  }

  /* The send time in the header extension of the bench's source: 0xBEDE, 3 words, id 1, 8 bytes. */
  static const uint8_t extension[] = {0xbe, 0xde, 0x00, 0x03, 0x17};
  if (packet[0] == 0x90 && have >= RTP_STAMPED && memcmp(packet + RTP_HEADER, extension, 5) == 0) {
    uint64_t sent_ns = 0;
    for (int i = 17; i < RTP_STAMPED; i++) sent_ns = sent_ns << 8 | packet[i];
    histogram_add(&stats->latency, now_ns > sent_ns ? now_ns - sent_ns : 0);
  }
}

/* RTCP: counted; BYE (RFC 3550 s.6.6) apart. */
static inline void rtcp_take(struct rtp_stats *stats, const uint8_t *packet, uint32_t have) {
  stats->rtcp_packets += 1;
  for (uint32_t at = 0; at + 4 <= have;) {
    if (packet[at + 1] == 203) stats->byes += 1;
    at += 4u * ((uint32_t)(packet[at + 2] << 8 | packet[at + 3]) + 1);
  }
}

/* Counts anew from here on; the sequence goes on. */
static inline void rtp_reset(struct rtp_stats *stats) {
  struct rtp_stats fresh = {.started = stats->started, .ssrc = stats->ssrc, .highest = stats->highest};
  fresh.base = stats->highest + 1;
  fresh.highest_time = stats->highest_time;
  fresh.last_ns = stats->last_ns;
  memcpy(fresh.seen, stats->seen, sizeof fresh.seen);
  *stats = fresh;
}

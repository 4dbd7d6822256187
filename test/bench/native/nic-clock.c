// SPDX-License-Identifier: Apache-2.0 AND (MIT OR GPL-2.0-only)
//
// The C of this file is under Apache-2.0, as all of Weir is. The BPF programs that it writes, which run in the kernel, are offered
// under MIT or GPL-2.0-only, at the choice of whoever takes them.
/*
 * When a NIC is given the packets of the bench's feed, as a capture on it or a clock in its hardware would tell, against
 * the send time in each: over all packets to all viewers, for next to nothing in the time of whoever sends.
 *
 *   nic-clock stamp DEVICE   writes the time into the kernel's own record of each packet that leaves by the device
 *   nic-clock read DEVICE    at the far end of the wire: compares it with the send time in each packet that comes in
 *
 * Where the device has two queues each viewer is given one of them.
 *
 * The two are one machine with one clock, joined by veth: a record with a delivery time is handed on as it is. Segments
 * that come in one piece are given to a NIC at one time, and counted each.
 *
 * Prints "ready". Then, where it reads, commands, a line each on standard input:
 *   count FROM_NS UNTIL_NS   anew, what is sent from then until then (CLOCK_MONOTONIC)   -> counting
 *   report                                                                             -> a line of JSON
 * Ends with its standard input, and the programs with it. Exit status 3: the kernel does not have it, or does not allow it.
 */
#define _GNU_SOURCE
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>

#include "bpf.h"

enum { BUCKETS = 1 << 16, BUCKET_SHIFT = 10, ADDRESSES = 1 << 16 };
/* Linux cuts a datagram into so many at most (UDP_MAX_SEGMENTS). */
enum { MOST_SEGMENTS = 128 };

/* What the program at the far end counts. Only what was sent in the window, so that all viewers must have the same. */
struct counts {
  uint64_t from_ns, until_ns;
  uint64_t unstamped; /* passed no program that stamps */
  uint64_t early;     /* given to the NIC before they were sent: two clocks */
  uint64_t bucket[BUCKETS];    /* of 1,024 ns; the last one is all that took longer */
  uint64_t packets[ADDRESSES]; /* by the lower half of the IPv4 address they are for */
};

/* Of two queues the first is for even IPv4 addresses: so a viewer's packets stay in order. 0 would leave it to a hash. */
static void choose_queue(struct program *p) {
  enum { LAST_OF_ADDRESS = ETH_HLEN + 19, ON_STACK = -8 };
  struct label no_address = {0};
  copy(p, ARG1, KEPT6);
  set(p, ARG2, LAST_OF_ADDRESS);
  copy(p, ARG3, FRAME);
  compute(p, BPF_ADD, ARG3, ON_STACK);
  set(p, ARG4, 1);
  call(p, BPF_FUNC_skb_load_bytes);
  jump_if(p, BPF_JNE, RESULT, 0, &no_address);
  load(p, BPF_B, ARG1, FRAME, ON_STACK);
  compute(p, BPF_AND, ARG1, 1);
  compute(p, BPF_ADD, ARG1, 1);
  store(p, BPF_W, KEPT6, offsetof(struct __sk_buff, queue_mapping), ARG1);
  place(p, &no_address);
}

static void write_stamping(struct program *p) {
  copy(p, KEPT6, ARG1);
  call(p, BPF_FUNC_ktime_get_ns);
  copy(p, ARG1, KEPT6);
  copy(p, ARG2, RESULT);
  set(p, ARG3, BPF_SKB_TSTAMP_DELIVERY_MONO);
  call(p, BPF_FUNC_skb_set_tstamp);
  choose_queue(p);
  leave(p, TCX_NEXT);
}

/*
 * The stack of the program that reads. Headers lie two bytes into a word, so that what is behind an Ethernet header lies on one;
 * of an RTP packet the send time does.
 */
enum {
  HEADERS = ETH_HLEN + 20 + 8,
  AT_HEADERS = -46,
  AT_IP = AT_HEADERS + ETH_HLEN,
  AT_UDP = AT_IP + 20,
  AT_ADDRESS = -56,
  AT_STAMP = -64,
  AT_SENT = -72,
  SENT = 17, /* src/demo/source/rtp/rtp-header.ts */
  AT_RTP = AT_SENT - SENT,
};

static void read_packet(struct program *p, int into, int length, struct label *none) {
  copy(p, ARG1, KEPT6);
  copy(p, ARG3, FRAME);
  compute(p, BPF_ADD, ARG3, into);
  set(p, ARG4, length);
  call(p, BPF_FUNC_skb_load_bytes);
  jump_if(p, BPF_JNE, RESULT, 0, none);
}

static void must_be(struct program *p, int width, int at, uint32_t mask, uint32_t value, struct label *otherwise) {
  load(p, width, ARG1, FRAME, at);
  if (mask) compute(p, BPF_AND, ARG1, (int32_t)mask);
  jump_if(p, BPF_JNE, ARG1, (int32_t)value, otherwise);
}

/* To `pass` unless it is IPv4 without options, no fragment, and UDP to an even port, as RTP's are (RFC 3550 s.11). */
static void recognise(struct program *p, struct label *pass) {
  set(p, ARG2, 0);
  read_packet(p, AT_HEADERS, HEADERS, pass);
  must_be(p, BPF_H, AT_HEADERS + 12, 0, htons(ETH_P_IP), pass);
  must_be(p, BPF_B, AT_IP, 0, 0x45, pass);
  must_be(p, BPF_H, AT_IP + 6, htons(0x3fff), 0, pass);
  must_be(p, BPF_B, AT_IP + 9, 0, IPPROTO_UDP, pass);
  must_be(p, BPF_B, AT_UDP + 3, 1, 0, pass);
  load(p, BPF_H, ARG1, FRAME, AT_IP + 18);
  from_network(p, ARG1, 16);
  store(p, BPF_DW, FRAME, AT_ADDRESS, ARG1);
}

/* Of what waits for its delivery time at ingress the time is hidden, unless the program has asked of which kind it is. */
static void keep_stamp(struct program *p) {
  struct label stamped = {0};
  load(p, BPF_DW, KEPT9, KEPT6, offsetof(struct __sk_buff, tstamp));
  load(p, BPF_B, ARG1, KEPT6, offsetof(struct __sk_buff, tstamp_type));
  jump_if(p, BPF_JEQ, ARG1, BPF_SKB_TSTAMP_DELIVERY_MONO, &stamped);
  set(p, KEPT9, 0);
  place(p, &stamped);
  store(p, BPF_DW, FRAME, AT_STAMP, KEPT9);
}

/* counts + `field`[`index`], eight bytes each. */
static void point_to_count(struct program *p, enum reg index, size_t field) {
  compute(p, BPF_LSH, index, 3);
  compute_with(p, BPF_ADD, index, KEPT7);
  compute(p, BPF_ADD, index, (int32_t)field);
}

/* The RTP packet at KEPT8. */
static void take_segment(struct program *p, struct label *end) {
  struct label over = {0}, unstamped = {0}, early = {0}, fits = {0};
  copy(p, ARG2, KEPT8);
  read_packet(p, AT_RTP, SENT + 8, end);
  /* Version 2 with an extension, and that one: 0xBEDE, 3 words, id 1, 8 bytes. */
  must_be(p, BPF_B, AT_RTP, 0, 0x90, &over);
  must_be(p, BPF_B, AT_RTP + 12, 0, 0xbe, &over);
  must_be(p, BPF_B, AT_RTP + 13, 0, 0xde, &over);
  must_be(p, BPF_B, AT_RTP + 15, 0, 0x03, &over);
  must_be(p, BPF_B, AT_RTP + 16, 0, 0x17, &over);
  load(p, BPF_DW, ARG2, FRAME, AT_SENT);
  from_network(p, ARG2, 64);
  load(p, BPF_DW, ARG1, KEPT7, offsetof(struct counts, from_ns));
  jump_if_reg(p, BPF_JLT, ARG2, ARG1, &over);
  load(p, BPF_DW, ARG1, KEPT7, offsetof(struct counts, until_ns));
  jump_if_reg(p, BPF_JGE, ARG2, ARG1, &over);
  load(p, BPF_DW, ARG1, FRAME, AT_ADDRESS);
  compute(p, BPF_AND, ARG1, ADDRESSES - 1);
  point_to_count(p, ARG1, offsetof(struct counts, packets));
  count_one(p, ARG1, 0, ARG3);
  load(p, BPF_DW, ARG1, FRAME, AT_STAMP);
  jump_if(p, BPF_JEQ, ARG1, 0, &unstamped);
  jump_if_reg(p, BPF_JLT, ARG1, ARG2, &early);
  compute_with(p, BPF_SUB, ARG1, ARG2);
  compute(p, BPF_RSH, ARG1, BUCKET_SHIFT);
  jump_if(p, BPF_JLT, ARG1, BUCKETS, &fits);
  set(p, ARG1, BUCKETS - 1);
  place(p, &fits);
  point_to_count(p, ARG1, offsetof(struct counts, bucket));
  count_one(p, ARG1, 0, ARG3);
  jump(p, &over);
  place(p, &unstamped);
  count_one(p, KEPT7, offsetof(struct counts, unstamped), ARG3);
  jump(p, &over);
  place(p, &early);
  count_one(p, KEPT7, offsetof(struct counts, early), ARG3);
  place(p, &over);
}

static void write_reading(struct program *p, int counts_fd) {
  struct label pass = {0}, next = {0};
  copy(p, KEPT6, ARG1);
  point_to_map(p, KEPT7, counts_fd);
  recognise(p, &pass);
  keep_stamp(p);
  set(p, KEPT8, HEADERS);
  set(p, KEPT9, 0);
  place(p, &next);
  take_segment(p, &pass);
  load(p, BPF_W, ARG1, KEPT6, offsetof(struct __sk_buff, gso_size));
  jump_if(p, BPF_JEQ, ARG1, 0, &pass);
  compute_with(p, BPF_ADD, KEPT8, ARG1);
  compute(p, BPF_ADD, KEPT9, 1);
  jump_if(p, BPF_JLT, KEPT9, MOST_SEGMENTS, &next);
  place(p, &pass);
  leave(p, TCX_NEXT);
}

/* The lower edge of the bucket in which the value lies that `share` of all do not exceed. */
static uint64_t percentile(const struct counts *counts, uint64_t all, double share) {
  uint64_t wanted = (uint64_t)(share * (double)all), seen = 0;
  for (uint64_t i = 0; i < BUCKETS; i++) {
    seen += counts->bucket[i];
    if (seen > wanted || (all && seen == all)) return i << BUCKET_SHIFT;
  }
  return 0;
}

static void report(const struct counts *counts) {
  uint64_t all = 0, addresses = 0, fewest = UINT64_MAX, most = 0;
  for (int i = 0; i < BUCKETS; i++) all += counts->bucket[i];
  for (int i = 0; i < ADDRESSES; i++) {
    uint64_t packets = counts->packets[i];
    if (!packets) continue;
    addresses += 1;
    if (packets < fewest) fewest = packets;
    if (packets > most) most = packets;
  }
#define N(name, value) printf("\"" name "\":%llu,", (unsigned long long)(value))
  printf("{");
  N("addresses", addresses);
  N("fewest", addresses ? fewest : 0);
  N("most", most);
  N("unstamped", counts->unstamped);
  N("early", counts->early);
  printf("\"latency\":{");
  N("count", all);
  N("minNs", percentile(counts, all, 0));
  N("p50Ns", percentile(counts, all, 0.5));
  N("p99Ns", percentile(counts, all, 0.99));
  N("p999Ns", percentile(counts, all, 0.999));
  printf("\"maxNs\":%llu}}\n", (unsigned long long)percentile(counts, all, 1));
#undef N
}

static void answer(struct counts *counts) {
  char line[128];
  unsigned long long from_ns, until_ns;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "count %llu %llu", &from_ns, &until_ns) == 2) {
      /* The window before is over: nothing counts while this is written. */
      memset(counts, 0, sizeof *counts);
      counts->from_ns = from_ns;
      counts->until_ns = until_ns;
      puts("counting");
    } else {
      report(counts);
    }
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  bool stamps = argc == 3 && strcmp(argv[1], "stamp") == 0;
  if (!stamps && (argc != 3 || strcmp(argv[1], "read") != 0)) {
    return fprintf(stderr, "usage: nic-clock stamp|read DEVICE\n"), 2;
  }
  unsigned device = if_nametoindex(argv[2]);
  if (!device) return perror(argv[2]), 1;
  static struct program program;
  struct counts *counts = NULL;
  if (stamps) {
    write_stamping(&program);
  } else {
    void *shared;
    write_reading(&program, make_shared(sizeof *counts, &shared));
    counts = shared;
  }
  run_at(&program, device, stamps ? TCX_EGRESS : TCX_INGRESS);
  puts("ready");
  fflush(stdout);
  if (counts) answer(counts);
  while (getchar() != EOF) continue;
}

/*
 * The receiving half of the load generator: many viewers' sockets in one thread. Whoever started it speaks RTSP through
 * it; it moves the bytes, counts the media and keeps the time.
 *
 * Commands, a line each on standard input (VIEWER and TRACK are numbers, HEX is two digits a byte):
 *   udp VIEWER TRACK ADDRESS PORT        bind RTP to PORT, RTCP to PORT+1         -> bound VIEWER TRACK
 *   source VIEWER TRACK ADDRESS RTP RTCP what comes from elsewhere is foreign; sends the hole punch
 *   channels VIEWER TRACK RTP RTCP       the track comes in '$' frames
 *   connect VIEWER FROM TO PORT [ROOM]   -> connected VIEWER MONO_NS | closed VIEWER ERRNO
 *                                        ROOM: bytes of its receive buffer; else the kernel's choice
 *   send VIEWER HEX                      RTSP text                                -> sent VIEWER MONO_NS
 *   reading VIEWER 0|1                   stops or goes on reading its connection
 *   discard VIEWER                       what comes by its connection from now on is counted, not copied, not looked at
 *   rate VIEWER BYTES                    reads so many bytes of its connection a second, from now on
 *   whole 0|1                            UDP sockets from now on take packets in one piece (UDP_GRO; 1 at first), or each
 *   nap MS                               looks only so often; the kernel's times stay true, and who sends wakes nobody
 *   close VIEWER                         all sockets of the viewer
 *   reset                                counts anew
 *   report                               -> report JSON
 * Told without being asked: message VIEWER HEX; closed VIEWER ERRNO (0: end of file).
 * Errors of a command: error VIEWER TEXT. Ends with its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "rtp-stats.h"
#include "rtsp-stream.h"

enum { TRACKS = 4, BATCH = 16, DATAGRAM = 1 << 16, TCP_READ = 1 << 18, DISCARD_READ = 1 << 24, EVENTS = 256 };
enum { TICK_MS = 20, TICKS_PER_SECOND = 1000 / TICK_MS };
enum kind { KIND_RTP, KIND_RTCP, KIND_TCP };

struct endpoint {
  enum kind kind;
  int fd; /* -1: none */
  struct viewer *viewer;
  struct track *track;
};

struct track {
  bool used, by_udp;
  struct endpoint rtp, rtcp;
  struct sockaddr_storage rtp_source, rtcp_source;
  bool source_known;
  uint8_t channels[2];
  struct rtp_stats stats;
};

struct viewer {
  uint32_t number;
  struct endpoint tcp;
  bool connecting, has_channels, discards;
  uint32_t per_tick; /* bytes it reads of its connection every TICK_MS; 0: all there are */
  uint32_t left;     /* of them in this tick */
  uint64_t unknown_frames, discarded_bytes;
  struct rtsp_stream stream;
  struct track tracks[TRACKS];
};

static int epoll_fd;
static struct viewer **viewers;
static uint32_t viewer_room;
static uint32_t slow_readers;
static uint32_t nap_ms;
static int takes_whole = 1;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
  putchar('\n');
}

static void tell_hex(const char *word, uint32_t number, const char *bytes, size_t length) {
  printf("%s %u ", word, number);
  for (size_t i = 0; i < length; i++) printf("%02x", (unsigned char)bytes[i]);
  putchar('\n');
}

static struct viewer *viewer_of(uint32_t number) {
  if (number >= viewer_room) {
    uint32_t room = viewer_room ? viewer_room : 64;
    while (room <= number) room *= 2;
    struct viewer **larger = realloc(viewers, room * sizeof *viewers);
    if (!larger) abort();
    memset(larger + viewer_room, 0, (room - viewer_room) * sizeof *viewers);
    viewers = larger;
    viewer_room = room;
  }
  if (!viewers[number]) {
    struct viewer *viewer = calloc(1, sizeof *viewer);
    if (!viewer) abort();
    viewer->number = number;
    viewer->tcp = (struct endpoint){KIND_TCP, -1, viewer, NULL};
    for (int i = 0; i < TRACKS; i++) {
      struct track *track = &viewer->tracks[i];
      track->rtp = (struct endpoint){KIND_RTP, -1, viewer, track};
      track->rtcp = (struct endpoint){KIND_RTCP, -1, viewer, track};
    }
    viewers[number] = viewer;
  }
  return viewers[number];
}

static void drop(struct endpoint *endpoint) {
  if (endpoint->fd >= 0) close(endpoint->fd);
  endpoint->fd = -1;
}

static bool watch(struct endpoint *endpoint, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = endpoint};
  return epoll_ctl(epoll_fd, operation, endpoint->fd, &event) == 0;
}

/* ---- UDP ---- */

static bool open_udp(struct endpoint *endpoint, const char *address, unsigned port) {
  struct sockaddr_storage local;
  socklen_t length = address_of(address, port, &local);
  drop(endpoint);
  endpoint->fd = length ? socket(local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
  if (endpoint->fd < 0) return false;
  int on = 1, room = 4 << 20;
  if (setsockopt(endpoint->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) {
    setsockopt(endpoint->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  setsockopt(endpoint->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  /* What comes in one piece is taken in one: cutting it would be charged to the sender, where both are on one machine. */
  setsockopt(endpoint->fd, IPPROTO_UDP, UDP_GRO, &takes_whole, sizeof takes_whole);
  return bind(endpoint->fd, (struct sockaddr *)&local, length) == 0 && watch(endpoint, EPOLLIN, EPOLL_CTL_ADD);
}

/* What the kernel tells beside the bytes. */
struct arrival {
  uint64_t mono_ns;
  uint32_t segment; /* length of all packets in it but the last, which may be shorter */
};

/* `offset_ns` is how far the monotonic clock is behind the wall clock. */
static struct arrival arrival_of(struct mmsghdr *message, uint64_t offset_ns) {
  struct arrival arrival = {0, message->msg_len};
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message->msg_hdr); part; part = CMSG_NXTHDR(&message->msg_hdr, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
      struct timespec time;
      memcpy(&time, CMSG_DATA(part), sizeof time);
      arrival.mono_ns = (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec - offset_ns;
    } else if (part->cmsg_level == IPPROTO_UDP && part->cmsg_type == UDP_GRO) {
      int size;
      memcpy(&size, CMSG_DATA(part), sizeof size);
      if (size > 0) arrival.segment = (uint32_t)size;
    }
  }
  if (!arrival.mono_ns) arrival.mono_ns = clock_ns(CLOCK_MONOTONIC);
  return arrival;
}

static void take_datagram(struct endpoint *endpoint, const uint8_t *bytes, uint32_t length, struct arrival arrival,
                          bool foreign) {
  struct rtp_stats *stats = &endpoint->track->stats;
  uint32_t at = 0;
  do {
    uint32_t have = length - at < arrival.segment ? length - at : arrival.segment;
    stats->foreign += foreign;
    if (endpoint->kind == KIND_RTP) rtp_take(stats, bytes + at, have, have, arrival.mono_ns);
    else rtcp_take(stats, bytes + at, have);
    at += have;
  } while (at < length);
}

static void receive_udp(struct endpoint *endpoint) {
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  static struct sockaddr_storage senders[BATCH];
  static uint8_t packets[BATCH][DATAGRAM];
  static char control[BATCH][128];
  struct track *track = endpoint->track;
  int got;
  do {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){packets[i], DATAGRAM};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &senders[i],
          .msg_namelen = sizeof senders[i],
          .msg_iov = &parts[i],
          .msg_iovlen = 1,
          .msg_control = control[i],
          .msg_controllen = sizeof control[i],
      };
    }
    got = recvmmsg(endpoint->fd, messages, BATCH, 0, NULL);
    uint64_t offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    const struct sockaddr_storage *expected =
        endpoint->kind == KIND_RTP ? &track->rtp_source : &track->rtcp_source;
    for (int i = 0; i < got; i++) {
      bool foreign = track->source_known && !same_address(&senders[i], expected);
      take_datagram(endpoint, packets[i], messages[i].msg_len, arrival_of(&messages[i], offset_ns), foreign);
    }
  } while (got == BATCH);
}

/* What players send to open a way through NATs and firewalls: an RTP header, and an empty receiver report. */
static void punch(struct track *track, uint32_t number) {
  uint8_t rtp[12] = {0x80}, rr[8] = {0x80, 201, 0, 1};
  memcpy(rtp + 8, &number, 4);
  memcpy(rr + 4, &number, 4);
  socklen_t length = sizeof(struct sockaddr_in6);
  if (track->rtp_source.ss_family == AF_INET) length = sizeof(struct sockaddr_in);
  /* One that is refused is repeated by nobody: as with players, media may come without it. */
  (void)sendto(track->rtp.fd, rtp, sizeof rtp, 0, (struct sockaddr *)&track->rtp_source, length);
  (void)sendto(track->rtcp.fd, rr, sizeof rr, 0, (struct sockaddr *)&track->rtcp_source, length);
}

/* ---- TCP ---- */

static void on_frame(void *context, uint8_t channel, const uint8_t *bytes, uint32_t have, uint32_t length) {
  struct viewer *viewer = context;
  for (int i = 0; i < TRACKS; i++) {
    struct track *track = &viewer->tracks[i];
    if (!track->used || track->rtp.fd >= 0) continue;
    if (channel == track->channels[0]) {
      rtp_take(&track->stats, bytes, have, length, clock_ns(CLOCK_MONOTONIC));
      return;
    }
    if (channel == track->channels[1]) {
      rtcp_take(&track->stats, bytes, have);
      return;
    }
  }
  viewer->unknown_frames += 1;
}

static void on_text(void *context, const char *text, size_t length) {
  tell_hex("message", ((struct viewer *)context)->number, text, length);
}

static void end_connection(struct viewer *viewer, int error) {
  drop(&viewer->tcp);
  tell("closed %u %d", viewer->number, error);
}

static void receive_tcp(struct viewer *viewer, uint32_t events) {
  static uint8_t bytes[TCP_READ];
  if (viewer->connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(viewer->tcp.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) return end_connection(viewer, error);
    if (!(events & EPOLLOUT)) return;
    viewer->connecting = false;
    watch(&viewer->tcp, EPOLLIN, EPOLL_CTL_MOD);
    tell("connected %u %llu", viewer->number, (unsigned long long)clock_ns(CLOCK_MONOTONIC));
    return;
  }
  size_t room = viewer->per_tick && viewer->left < sizeof bytes ? viewer->left : sizeof bytes;
  /* tcp(7): with MSG_TRUNC what has come is thrown away uncopied. */
  ssize_t got = viewer->discards ? recv(viewer->tcp.fd, NULL, DISCARD_READ, MSG_TRUNC)
                                 : recv(viewer->tcp.fd, bytes, room, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return end_connection(viewer, got < 0 ? errno : 0);
  if (viewer->discards) {
    viewer->discarded_bytes += (uint64_t)got;
    return;
  }
  if (viewer->per_tick && (viewer->left -= (uint32_t)got) == 0) watch(&viewer->tcp, 0, EPOLL_CTL_MOD);
  struct rtsp_sink sink = {on_frame, on_text, viewer};
  rtsp_stream_take(&viewer->stream, bytes, (size_t)got, &sink);
  if (viewer->stream.state == STREAM_BROKEN) end_connection(viewer, EBADMSG);
}

/* A new tick: slow readers may read again. */
static void grant(void) {
  for (uint32_t v = 0; v < viewer_room; v++) {
    struct viewer *viewer = viewers[v];
    if (!viewer || !viewer->per_tick || viewer->tcp.fd < 0) continue;
    viewer->left = viewer->per_tick;
    watch(&viewer->tcp, EPOLLIN, EPOLL_CTL_MOD);
  }
}

static bool start_connection(struct viewer *viewer, const char *from, const char *to, unsigned port, int room) {
  struct sockaddr_storage local, remote;
  socklen_t local_length = address_of(from, 0, &local), length = address_of(to, port, &remote);
  drop(&viewer->tcp);
  if (!local_length || !length) return false;
  int fd = viewer->tcp.fd = socket(remote.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  if (fd < 0 || bind(fd, (struct sockaddr *)&local, local_length) != 0) return false;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* Before the connection is made, as the window is agreed on then. */
  if (room && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) != 0) return false;
  viewer->connecting = true;
  if (connect(fd, (struct sockaddr *)&remote, length) != 0 && errno != EINPROGRESS) return false;
  return watch(&viewer->tcp, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static bool send_hex(struct viewer *viewer, const char *hex) {
  static char text[1 << 16];
  size_t length = 0;
  unsigned byte;
  while (length < sizeof text && sscanf(hex + 2 * length, "%2x", &byte) == 1) text[length++] = (char)byte;
  uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
  /* A request fits into an idle send buffer; a short write is a broken test. */
  if (send(viewer->tcp.fd, text, length, MSG_NOSIGNAL) != (ssize_t)length) return false;
  tell("sent %u %llu", viewer->number, (unsigned long long)now_ns);
  return true;
}

/* ---- reports ---- */

static void report_track(const struct viewer *viewer, int index, const char *separator) {
  const struct rtp_stats *s = &viewer->tracks[index].stats;
#define N(name, value) printf("\"" name "\":%llu,", (unsigned long long)(value))
  printf("%s{", separator);
  N("viewer", viewer->number);
  N("track", index);
  N("packets", s->packets);
  N("bytes", s->bytes);
  N("lost", rtp_lost(s));
  N("duplicates", s->duplicates);
  N("reordered", s->reordered);
  N("malformed", s->malformed);
  N("foreign", s->foreign);
  N("ssrcChanges", s->ssrc_changes);
  N("rtcpPackets", s->rtcp_packets);
  N("byes", s->byes);
  N("unknownFrames", viewer->unknown_frames);
  N("firstMonoNs", s->first_ns);
  N("firstFrameMonoNs", s->first_frame_ns);
  N("firstStartFrameMonoNs", s->first_start_frame_ns);
  N("firstFrameReadMonoNs", s->first_frame_read_ns);
  N("timeBackwards", s->time_backwards);
  N("firstSeq", s->first_seq);
  N("firstRtpTime", s->first_rtp_time);
  N("longestGapNs", s->longest_gap_ns);
  N("latencyP50Ns", histogram_percentile(&s->latency, 0.5));
  printf("\"latencyP99Ns\":%llu}", (unsigned long long)histogram_percentile(&s->latency, 0.99));
}

static void report_latency(const char *name, const struct histogram *latency) {
  printf("\"%s\":{", name);
  N("count", latency->count);
  N("p50Ns", histogram_percentile(latency, 0.5));
  N("p99Ns", histogram_percentile(latency, 0.99));
  N("p999Ns", histogram_percentile(latency, 0.999));
  N("maxNs", latency->max_ns);
  printf("\"minNs\":%llu},", (unsigned long long)histogram_percentile(latency, 0));
}

static void report(void) {
  static struct histogram all, by_udp, by_tcp;
  memset(&all, 0, sizeof all);
  memset(&by_udp, 0, sizeof by_udp);
  memset(&by_tcp, 0, sizeof by_tcp);
  printf("report {\"tracks\":[");
  const char *separator = "";
  for (uint32_t v = 0; v < viewer_room; v++) {
    for (int t = 0; viewers[v] && t < TRACKS; t++) {
      if (!viewers[v]->tracks[t].used || viewers[v]->discards) continue;
      report_track(viewers[v], t, separator);
      const struct track *track = &viewers[v]->tracks[t];
      histogram_merge(&all, &track->stats.latency);
      histogram_merge(track->by_udp ? &by_udp : &by_tcp, &track->stats.latency);
      separator = ",";
    }
  }
  printf("],");
  report_latency("latency", &all);
  report_latency("latencyUdp", &by_udp);
  report_latency("latencyTcp", &by_tcp);
  uint64_t discarded_bytes = 0;
  for (uint32_t v = 0; v < viewer_room; v++) discarded_bytes += viewers[v] ? viewers[v]->discarded_bytes : 0;
  N("discardedBytes", discarded_bytes);
  N("monoNs", clock_ns(CLOCK_MONOTONIC));
  printf("\"cpuNs\":%llu}\n", (unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
#undef N
}

static void reset(void) {
  for (uint32_t v = 0; v < viewer_room; v++) {
    if (viewers[v]) viewers[v]->discarded_bytes = 0;
    for (int t = 0; viewers[v] && t < TRACKS; t++) rtp_reset(&viewers[v]->tracks[t].stats);
  }
}

static void close_viewer(struct viewer *viewer) {
  drop(&viewer->tcp);
  slow_readers -= viewer->per_tick > 0;
  viewer->per_tick = 0;
  for (int t = 0; t < TRACKS; t++) {
    /* What has arrived counts. */
    if (viewer->tracks[t].rtp.fd >= 0) receive_udp(&viewer->tracks[t].rtp);
    if (viewer->tracks[t].rtcp.fd >= 0) receive_udp(&viewer->tracks[t].rtcp);
    drop(&viewer->tracks[t].rtp);
    drop(&viewer->tracks[t].rtcp);
  }
}

/* ---- commands ---- */

static bool obey(const char *line) {
  uint32_t number, track_index;
  char from[64], to[64];
  unsigned a, b;
  int at = 0;
  if (strcmp(line, "report") == 0) return report(), true;
  if (strcmp(line, "reset") == 0) return reset(), true;
  if (sscanf(line, "send %u %n", &number, &at) == 1 && at) return send_hex(viewer_of(number), line + at);
  b = 0;
  if (sscanf(line, "connect %u %63s %63s %u %u", &number, from, to, &a, &b) >= 4) {
    return start_connection(viewer_of(number), from, to, a, (int)b);
  }
  if (sscanf(line, "nap %u", &nap_ms) == 1 || sscanf(line, "whole %d", &takes_whole) == 1) return true;
  if (sscanf(line, "rate %u %u", &number, &a) == 2 && a >= TICKS_PER_SECOND) {
    struct viewer *viewer = viewer_of(number);
    slow_readers += !viewer->per_tick;
    viewer->left = viewer->per_tick = a / TICKS_PER_SECOND;
    return true;
  }
  if (sscanf(line, "close %u", &number) == 1) return close_viewer(viewer_of(number)), true;
  if (sscanf(line, "discard %u", &number) == 1) return viewer_of(number)->discards = true;
  if (sscanf(line, "reading %u %u", &number, &a) == 2) {
    return watch(&viewer_of(number)->tcp, a ? EPOLLIN : 0, EPOLL_CTL_MOD);
  }
  if (sscanf(line, "%*s %u %u", &number, &track_index) != 2 || track_index >= TRACKS) {
    errno = EINVAL;
    return false;
  }
  struct track *track = &viewer_of(number)->tracks[track_index];
  if (sscanf(line, "udp %*u %*u %63s %u", from, &a) == 2) {
    track->used = track->by_udp = true;
    if (!open_udp(&track->rtp, from, a) || !open_udp(&track->rtcp, from, a + 1)) return false;
    tell("bound %u %u", number, track_index);
    return true;
  }
  if (sscanf(line, "source %*u %*u %63s %u %u", from, &a, &b) == 3) {
    track->source_known = address_of(from, a, &track->rtp_source) && address_of(from, b, &track->rtcp_source);
    if (track->source_known) punch(track, number);
    return track->source_known;
  }
  if (sscanf(line, "channels %*u %*u %u %u", &a, &b) == 2) {
    track->used = true;
    track->by_udp = false;
    track->channels[0] = (uint8_t)a;
    track->channels[1] = (uint8_t)b;
    return true;
  }
  errno = EINVAL;
  return false;
}

/* False at the end of standard input. */
static bool read_commands(void) {
  static char held[1 << 18];
  static size_t have;
  ssize_t got = read(STDIN_FILENO, held + have, sizeof held - 1 - have);
  if (got <= 0) return got < 0 && errno == EINTR;
  have += (size_t)got;
  char *line = held, *end;
  while ((end = memchr(line, '\n', have - (size_t)(line - held)))) {
    *end = 0;
    uint32_t number = 0;
    sscanf(line, "%*s %u", &number);
    if (!obey(line)) tell("error %u %.40s: %s", number, line, strerror(errno));
    line = end + 1;
  }
  have -= (size_t)(line - held);
  memmove(held, line, have);
  return have < sizeof held - 1;
}

int main(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) return perror("epoll"), 1;
  uint64_t tick_ns = clock_ns(CLOCK_MONOTONIC);
  for (;;) {
    struct epoll_event events[EVENTS];
    fflush(stdout);
    if (nap_ms) nanosleep(&(struct timespec){.tv_nsec = nap_ms * 1000000l}, NULL);
    int count = epoll_wait(epoll_fd, events, EVENTS, slow_readers ? TICK_MS / 2 : -1);
    if (slow_readers && clock_ns(CLOCK_MONOTONIC) >= tick_ns) {
      tick_ns = clock_ns(CLOCK_MONOTONIC) + TICK_MS * 1000000ull;
      grant();
    }
    for (int i = 0; i < count; i++) {
      struct endpoint *endpoint = events[i].data.ptr;
      if (!endpoint) {
        if (!read_commands()) return 0;
      } else if (endpoint->fd < 0) {
        continue; /* closed by an event before this one */
      } else if (endpoint->kind == KIND_TCP) {
        receive_tcp(endpoint->viewer, events[i].events);
      } else {
        receive_udp(endpoint);
      }
    }
  }
}

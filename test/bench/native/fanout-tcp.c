/*
 * The yardstick for viewers by TCP: one ring that all of them share, a cursor for each, and at every tick one send() of
 * what is due. One thread, epoll; RTP in '$' frames on channel 0 (RFC 2326 s.10.12), no RTSP. Whoever connects gets what
 * comes from then on.
 *
 *   fanout-tcp ADDRESS PORT LISTEN_PORT TICK_MS
 *
 * Prints "ready"; then, for each line on standard input, a line of JSON with what was counted since the line before; ends
 * with its input. Not sent: a viewer was overtaken by the ring.
 */
#define _GNU_SOURCE
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include "loop.h"

enum { RING = 16 << 20, FRAME_HEADER = 4, SPARE = BATCH * (PACKET + FRAME_HEADER) };

struct viewer {
  int fd;
  uint64_t cursor, packets, media_bytes; /* up to where it has got everything */
};

static uint8_t *ring; /* mapped twice, one after the other: what is due is always in one piece */
static uint64_t head, head_packets, head_media_bytes;
static struct viewer *viewers;
static uint32_t viewer_count, viewer_room;

static void map_ring(void) {
  int fd = memfd_create("ring", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, RING) != 0) fail("fanout-tcp: ring");
  ring = mmap(NULL, 2ull * RING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int half = 0; half < 2; half++) {
    void *at = mmap(ring + (size_t)half * RING, RING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (at == MAP_FAILED) fail("fanout-tcp: ring");
  }
  close(fd);
}

static int open_listener(unsigned port) {
  struct sockaddr_storage local;
  socklen_t length = address_of("0.0.0.0", port, &local);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&local, length) != 0 || listen(fd, 4096) != 0) fail("fanout-tcp: listen");
  return fd;
}

static void take_viewers(int listener) {
  int fd, on = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (viewer_count == viewer_room) {
      viewer_room = viewer_room ? 2 * viewer_room : 64;
      viewers = realloc(viewers, viewer_room * sizeof *viewers);
      if (!viewers) fail("fanout-tcp: memory");
    }
    viewers[viewer_count++] = (struct viewer){fd, head, head_packets, head_media_bytes};
  }
}

static void take_feed(void) {
  int count = take_batch();
  for (int i = 0; i < count; i++) {
    uint32_t length = incoming[i].msg_len;
    uint8_t *frame = ring + head % RING;
    frame[0] = '$';
    frame[1] = 0;
    frame[2] = (uint8_t)(length >> 8);
    frame[3] = (uint8_t)length;
    memcpy(frame + FRAME_HEADER, packets[i], length);
    head += FRAME_HEADER + length;
    head_packets += 1;
    head_media_bytes += length;
  }
}

static void tick(void) {
  bool any = false;
  for (uint32_t v = 0; v < viewer_count; v++) {
    struct viewer *viewer = &viewers[v];
    if (viewer->cursor == head) continue;
    any = true;
    if (head - viewer->cursor > RING - SPARE) {
      done.not_sent += head_packets - viewer->packets;
      viewer->cursor = head;
    } else {
      ssize_t sent = send(viewer->fd, ring + viewer->cursor % RING, head - viewer->cursor, MSG_NOSIGNAL);
      if (sent < 0) continue;
      viewer->cursor += (uint64_t)sent;
      if (viewer->cursor != head) continue;
      done.delivered += head_packets - viewer->packets;
      done.delivered_bytes += head_media_bytes - viewer->media_bytes;
    }
    viewer->packets = head_packets;
    viewer->media_bytes = head_media_bytes;
  }
  done.rounds += any;
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: fanout-tcp ADDRESS PORT LISTEN_PORT TICK_MS\n"), 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  map_ring();
  feed_fd = open_udp(argv[1], (unsigned)atoi(argv[2]));
  int listener = open_listener((unsigned)atoi(argv[3]));
  struct timespec every = {.tv_nsec = atoi(argv[4]) * 1000000l};
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timerfd_settime(timer, 0, &(struct itimerspec){every, every}, NULL) != 0) fail("fanout-tcp: timer");
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC), watched[] = {feed_fd, listener, timer, STDIN_FILENO};
  for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
    if (watch(epoll_fd, watched[i]) != 0) fail("fanout-tcp: epoll");
  }
  ready();
  for (;;) {
    struct epoll_event event;
    uint64_t expired;
    if (epoll_wait(epoll_fd, &event, 1, -1) <= 0) continue;
    if (event.data.fd == feed_fd) take_feed();
    else if (event.data.fd == listener) take_viewers(listener);
    else if (event.data.fd == STDIN_FILENO) answer();
    else if (read(timer, &expired, sizeof expired) > 0) tick();
  }
}

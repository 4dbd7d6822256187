/*
 * The yardstick: what it costs a plain C loop to receive a feed and send it to COUNT viewers. One thread, epoll; it
 * decides nothing and remembers nothing.
 *
 *   fanout gso|sendto ADDRESS PORT FIRST_VIEWER COUNT VIEWER_PORT
 *
 *   gso     recvmmsg; runs of packets of one size; sendmmsg over the viewers with UDP_SEGMENT
 *   sendto  recvmmsg; one sendto per packet and viewer
 *
 * Viewers have consecutive IPv4 addresses from FIRST_VIEWER. Prints "ready"; then, for each line on standard input, a
 * line of JSON with what was counted since the line before; ends with its input.
 */
#define _GNU_SOURCE
#include <netinet/udp.h>

#include "loop.h"

enum { SEND_BATCH = 1024, MOST_GSO_BYTES = 65000 };

static int out_fd;
static uint32_t viewer_count;
static struct sockaddr_in *viewers;

static void send_single(int count) {
  for (int i = 0; i < count; i++) {
    for (uint32_t v = 0; v < viewer_count; v++) {
      ssize_t sent = sendto(out_fd, packets[i], incoming[i].msg_len, 0, (struct sockaddr *)&viewers[v], sizeof viewers[v]);
      if (sent < 0) {
        done.not_sent += 1;
      } else {
        done.delivered += 1;
        done.delivered_bytes += (uint64_t)sent;
      }
    }
  }
}

/* How many packets from `first` on make one send: all of one size, the last may be shorter. */
static int run_length(int first, int count) {
  uint32_t size = incoming[first].msg_len, bytes = size;
  int next = first + 1;
  while (next < count && incoming[next].msg_len <= size && bytes + incoming[next].msg_len <= MOST_GSO_BYTES) {
    bytes += incoming[next].msg_len;
    if (incoming[next++].msg_len < size) break;
  }
  return next - first;
}

static void send_run(int first, int length) {
  static struct mmsghdr outgoing[SEND_BATCH];
  static struct iovec run[BATCH];
  static _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))];
  uint64_t bytes = 0;
  for (int i = 0; i < length; i++) {
    run[i] = (struct iovec){packets[first + i], incoming[first + i].msg_len};
    bytes += incoming[first + i].msg_len;
  }
  struct cmsghdr *segment = (struct cmsghdr *)control;
  segment->cmsg_level = SOL_UDP;
  segment->cmsg_type = UDP_SEGMENT;
  segment->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  uint16_t size = (uint16_t)incoming[first].msg_len;
  memcpy(CMSG_DATA(segment), &size, sizeof size);
  for (uint32_t v = 0; v < viewer_count;) {
    uint32_t now = viewer_count - v < SEND_BATCH ? viewer_count - v : SEND_BATCH;
    for (uint32_t i = 0; i < now; i++) {
      outgoing[i].msg_hdr = (struct msghdr){
          .msg_name = &viewers[v + i],
          .msg_namelen = sizeof viewers[v + i],
          .msg_iov = run,
          .msg_iovlen = (size_t)length,
          .msg_control = length > 1 ? control : NULL,
          .msg_controllen = length > 1 ? sizeof control : 0,
      };
    }
    int sent = sendmmsg(out_fd, outgoing, now, 0);
    if (sent > 0) {
      done.delivered += (uint64_t)sent * (uint64_t)length;
      done.delivered_bytes += (uint64_t)sent * bytes;
      v += (uint32_t)sent;
    } else {
      /* The first one failed, and is skipped. */
      done.not_sent += (uint64_t)length;
      v += 1;
    }
  }
}

/* One batch; what is left is told again, so that a report is answered also when there is too much to do. */
static void serve(bool gso) {
  int count = take_batch();
  done.rounds += count > 0;
  if (!gso) send_single(count);
  for (int first = 0; gso && first < count;) {
    int length = run_length(first, count);
    send_run(first, length);
    first += length;
  }
}

int main(int argc, char **argv) {
  struct sockaddr_storage first;
  if (argc != 7 || !address_of(argv[4], (unsigned)atoi(argv[6]), &first) || first.ss_family != AF_INET) {
    return fprintf(stderr, "usage: fanout gso|sendto ADDRESS PORT FIRST_VIEWER COUNT VIEWER_PORT\n"), 2;
  }
  bool gso = strcmp(argv[1], "gso") == 0;
  viewer_count = (uint32_t)atoi(argv[5]);
  viewers = calloc(viewer_count, sizeof *viewers);
  if (!viewers) return 1;
  for (uint32_t v = 0; v < viewer_count; v++) {
    viewers[v] = *(struct sockaddr_in *)&first;
    viewers[v].sin_addr.s_addr = htonl(ntohl(viewers[v].sin_addr.s_addr) + v);
  }
  feed_fd = open_udp(argv[2], (unsigned)atoi(argv[3]));
  out_fd = open_udp("0.0.0.0", 0);
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (watch(epoll_fd, feed_fd) != 0 || watch(epoll_fd, STDIN_FILENO) != 0) fail("fanout: epoll");
  ready();
  for (;;) {
    struct epoll_event event;
    if (epoll_wait(epoll_fd, &event, 1, -1) <= 0) continue;
    if (event.data.fd == feed_fd) serve(gso);
    else answer();
  }
}

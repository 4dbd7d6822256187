/* What the plain loops share: how the feed comes in, and what is told of the work. */
#pragma once
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"

enum { BATCH = 64, PACKET = 2048 };

static int feed_fd;
static uint8_t packets[BATCH][PACKET];
static struct mmsghdr incoming[BATCH];

/* Since the last report. Delivered: packets, and their bytes, times viewers. */
static struct {
  uint64_t received, delivered, delivered_bytes, not_sent, rounds;
} done;

/* How many packets were waiting, at most BATCH. */
static int take_batch(void) {
  static struct iovec parts[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){packets[i], PACKET};
    incoming[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count = recvmmsg(feed_fd, incoming, BATCH, 0, NULL);
  if (count <= 0) return 0;
  done.received += (uint64_t)count;
  return count;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int open_udp(const char *address, unsigned port) {
  struct sockaddr_storage local;
  socklen_t length = address_of(address, port, &local);
  int fd = length ? socket(local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
  int room = 64 << 20;
  if (fd < 0 || bind(fd, (struct sockaddr *)&local, length) != 0) fail("fanout: socket");
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  }
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  return fd;
}

static int watch(int epoll_fd, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* One line for each line on standard input; ends with it. */
static void answer(void) {
  static uint64_t cpu_before;
  char line[256];
  if (read(STDIN_FILENO, line, sizeof line) <= 0) exit(0);
  uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  printf("{\"received\":%llu,\"delivered\":%llu,\"deliveredBytes\":%llu,\"notSent\":%llu,\"rounds\":%llu,\"cpuNs\":%llu}\n",
         (unsigned long long)done.received, (unsigned long long)done.delivered,
         (unsigned long long)done.delivered_bytes, (unsigned long long)done.not_sent,
         (unsigned long long)done.rounds, (unsigned long long)(cpu - cpu_before));
  fflush(stdout);
  memset(&done, 0, sizeof done);
  cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

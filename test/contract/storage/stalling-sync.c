/*
 * Preloaded: no sync to the disk returns as long as the file named by WEIR_STALL is there, or before WEIR_STALL_MS have passed, as of a
 * flash that is busy.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void stall(void) {
  const char *ms = getenv("WEIR_STALL_MS");
  if (ms != NULL) usleep((useconds_t)atoi(ms) * 1000);
  const char *gate = getenv("WEIR_STALL");
  if (gate == NULL || access(gate, F_OK) != 0) return;
  char held[4096];
  snprintf(held, sizeof held, "%s.held", gate);
  int fd = open(held, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd != -1) close(fd);
  while (access(gate, F_OK) == 0) usleep(1000);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  stall();
  return real(fd);
}

int fsync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  stall();
  return real(fd);
}

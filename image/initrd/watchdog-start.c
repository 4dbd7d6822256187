/*
 * watchdog-start SECONDS: from now on the hardware resets the machine unless somebody feeds the watchdog, which systemd begins to do
 * when it has come up. Closed without the magic letter, it stays on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int count, char **arguments) {
  int seconds = count == 2 ? atoi(arguments[1]) : 0;
  int watchdog = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
  if (seconds < 1 || watchdog < 0) {
    fprintf(stderr, "watchdog-start: %s\n", seconds < 1 ? "usage: watchdog-start SECONDS" : strerror(errno));
    return 1;
  }
  /* Some can only do less; the driver then takes the most it can, and says so. */
  if (ioctl(watchdog, WDIOC_SETTIMEOUT, &seconds) != 0) fprintf(stderr, "watchdog-start: keeps its own time-out\n");
  if (ioctl(watchdog, WDIOC_KEEPALIVE, 0) != 0) fprintf(stderr, "watchdog-start: %s\n", strerror(errno));
  close(watchdog);
  return 0;
}

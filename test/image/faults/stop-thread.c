/* stop-thread TID: that thread stands still, as a debugger stops it, while the others of its process run on; until its process is killed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
  const pid_t thread = count == 2 ? atoi(words[1]) : 0;
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
    perror("stop-thread");
    return 1;
  }
  waitpid(thread, 0, __WALL);
  puts("stopped");
  fflush(stdout);
  /* Whoever traces a thread buries it: until then its process is not seen to have ended. */
  int status = 0;
  while (waitpid(thread, &status, __WALL) == thread && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
  return 0;
}

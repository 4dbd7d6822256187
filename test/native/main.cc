#include <cstdio>
#include <cstring>
#include <exception>

#include "check.h"
#include "world.h"

/** Runs all cases, or those whose name contains the argument; one line each: ok, not ok or skip, and the name. */
int main(int argc, char** argv) {
  test::enterOwnNetwork();
  int failed = 0;
  for (const check::Case& test : check::cases()) {
    if (argc > 1 && std::strstr(test.name, argv[1]) == nullptr) continue;
    try {
      test.run();
      std::printf("ok\t%s\n", test.name);
    } catch (const check::Skip& skip) {
      std::printf("skip\t%s\t%s\n", test.name, skip.what());
    } catch (const std::exception& failure) {
      std::printf("not ok\t%s\t%s\n", test.name, failure.what());
      ++failed;
    }
    std::fflush(stdout);
  }
  return failed == 0 ? 0 : 1;
}

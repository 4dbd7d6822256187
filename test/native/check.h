#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/** The least that a test program needs: named cases, checks that say what was wrong, and one line per case. */
namespace check {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/** The machine cannot do what the case needs. */
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class A, class B>
void equal(const A& got, const B& wanted, const char* what, const char* file, int line) {
  if (got == wanted) return;
  std::ostringstream text;
  text << file << ':' << line << ": " << what << " is " << got << ", not " << wanted;
  throw Failure(text.str());
}

inline void holds(bool truth, const char* what, const char* file, int line) {
  if (truth) return;
  throw Failure(std::string(file) + ':' + std::to_string(line) + ": not so: " + what);
}

}  // namespace check

#define WEIR_JOIN2(a, b) a##b
#define WEIR_JOIN(a, b) WEIR_JOIN2(a, b)
#define TEST(name)                                                                             \
  static void WEIR_JOIN(testAt, __LINE__)();                                                   \
  static const check::Register WEIR_JOIN(registerAt, __LINE__)(name, WEIR_JOIN(testAt, __LINE__)); \
  static void WEIR_JOIN(testAt, __LINE__)()
#define CHECK(truth) check::holds(static_cast<bool>(truth), #truth, __FILE__, __LINE__)
#define CHECK_EQ(got, wanted) check::equal((got), (wanted), #got, __FILE__, __LINE__)

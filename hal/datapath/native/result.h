#pragma once

#include <utility>

namespace weir {

/** Why a command was not carried out. `name()` is what the edge shows. */
enum class Code {
  ok,
  /** An argument is outside its range; nothing was done. */
  badArgument,
  /** The handle names nothing (any more). */
  deadHandle,
  /** Right call, wrong moment: a viewer of that address is on the pair already, seek while playing ... */
  wrongState,
  /** No port, no memory, no room. */
  limitReached,
  /** A system call failed; `errnum` tells why. */
  system,
  timedOut,
  /** The engine is being destroyed. */
  stopped,
};

constexpr const char* name(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::badArgument: return "bad-argument";
    case Code::deadHandle: return "dead-handle";
    case Code::wrongState: return "wrong-state";
    case Code::limitReached: return "limit-reached";
    case Code::system: return "system";
    case Code::timedOut: return "timed-out";
    case Code::stopped: return "stopped";
  }
  return "unknown";
}

/** How a command went. `what` is a string literal that names the argument or the system call. */
struct Status {
  Code code = Code::ok;
  int errnum = 0;
  const char* what = "";

  [[nodiscard]] bool ok() const { return code == Code::ok; }
  static Status bad(const char* argument) { return {Code::badArgument, 0, argument}; }
  static Status dead(const char* handle) { return {Code::deadHandle, 0, handle}; }
  static Status failed(const char* call, int errnum) { return {Code::system, errnum, call}; }
};

/** A status and, when it is ok, a value. */
template <class T>
struct Result {
  Status status;
  T value{};

  Result(Status failure) : status(failure) {}  // NOLINT(google-explicit-constructor)
  Result(T good) : value(std::move(good)) {}   // NOLINT(google-explicit-constructor)
  [[nodiscard]] bool ok() const { return status.ok(); }
};

}  // namespace weir

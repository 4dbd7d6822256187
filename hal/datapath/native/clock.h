#pragma once

#include <cstdint>
#include <ctime>

namespace weir {

inline constexpr std::int64_t kNsPerUs = 1'000;
inline constexpr std::int64_t kNsPerMs = 1'000'000;
inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;

/** CLOCK_MONOTONIC in nanoseconds: the same clock as `Clock.monoNs` in JavaScript. */
inline std::int64_t monoNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

}  // namespace weir

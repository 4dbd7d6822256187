#pragma once

#include <cstddef>

namespace weir {

inline constexpr std::size_t kCacheLineBytes = 64;

/** Has the processor fetch memory that will be read soon, while it works on something else. Any address will do. */
inline void prefetch(const void* from, std::size_t bytes) {
  const auto* at = static_cast<const char*>(from);
  for (std::size_t offset = 0; offset < bytes; offset += kCacheLineBytes) __builtin_prefetch(at + offset);
}

}  // namespace weir

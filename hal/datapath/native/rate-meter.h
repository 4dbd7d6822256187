#pragma once

#include <array>
#include <cstdint>

#include "clock.h"

namespace weir {

/** How fast bytes come, over about the last second. */
class RateMeter {
 public:
  void add(std::uint64_t bytes, std::int64_t nowNs) {
    total_ += bytes;
    if (count_ == 0 || nowNs - at(count_ - 1).atNs >= kSampleNs) {
      samples_[count_ % samples_.size()] = {nowNs, total_};
      ++count_;
    }
  }

  /** 0 while there is too little to tell. */
  [[nodiscard]] std::uint64_t bytesPerSecond(std::int64_t nowNs) const {
    if (count_ < 2) return 0;
    const Sample& oldest = at(count_ > samples_.size() ? count_ - samples_.size() : 0);
    const std::int64_t elapsedNs = nowNs - oldest.atNs;
    if (elapsedNs <= 0) return 0;
    return static_cast<std::uint64_t>(static_cast<double>(total_ - oldest.total) * kNsPerSecond /
                                      static_cast<double>(elapsedNs));
  }

 private:
  static constexpr std::int64_t kSampleNs = 100 * kNsPerMs;
  struct Sample {
    std::int64_t atNs;
    std::uint64_t total;
  };
  [[nodiscard]] const Sample& at(std::size_t index) const { return samples_[index % samples_.size()]; }

  std::uint64_t total_ = 0;
  std::size_t count_ = 0;
  std::array<Sample, 10> samples_{};
};

}  // namespace weir

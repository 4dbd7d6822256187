#pragma once

#include <cstddef>
#include <cstdint>

#include "address.h"

namespace weir {

/** The longest IP packet that goes to a host in one piece, as far as the kernel knows: link, route, and what ICMP told. */
class PathMtu {
 public:
  /** Asks the kernel; where it knows no way to the host, an Ethernet frame is assumed. */
  void ask(const Address& to, std::int64_t nowNs);
  /** Whether a packet of that length goes in one piece. A refusal is doubted when it is old: a path may get better. */
  [[nodiscard]] bool takes(std::size_t bytes, const Address& to, std::int64_t nowNs);
  /** The kernel takes no packet of that length, whatever it says when asked. */
  void refuse(std::size_t bytes, const Address& to, std::int64_t nowNs);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kEthernetBytes = 1500;
  std::size_t bytes_ = kEthernetBytes;
  std::int64_t askedNs_ = 0;
};

}  // namespace weir

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/** An IPv4 or IPv6 address and a port. IPv4 keeps its 4 bytes at the front of `bytes`. */
struct Address {
  int family = AF_UNSPEC;
  std::uint16_t port = 0;
  std::array<std::uint8_t, 16> bytes{};

  /** Reads canonical text without zone or brackets; nothing when it is no address. */
  static std::optional<Address> parse(std::string_view text, std::uint16_t port);
  /** From a kernel's sockaddr; a v4-mapped IPv6 address becomes IPv4. AF_UNSPEC for any other family. */
  static Address of(const sockaddr_storage& from);

  /** The address alone as text, without the port. */
  [[nodiscard]] std::string text() const;
  /** Fills `to`; returns the length that bind/connect/sendmsg want. */
  socklen_t store(sockaddr_storage& to) const;
  [[nodiscard]] bool valid() const { return family == AF_INET || family == AF_INET6; }
  /** 0.0.0.0 or :: */
  [[nodiscard]] bool isAny() const;
  [[nodiscard]] bool sameHost(const Address& other) const {
    return family == other.family && bytes == other.bytes;
  }
  [[nodiscard]] Address withPort(std::uint16_t other) const {
    Address copy = *this;
    copy.port = other;
    return copy;
  }

  friend bool operator==(const Address&, const Address&) = default;
  friend std::strong_ordering operator<=>(const Address&, const Address&) = default;
};

}  // namespace weir

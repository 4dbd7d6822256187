#include "address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace weir {

std::optional<Address> Address::parse(std::string_view text, std::uint16_t port) {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), buffer);
  Address address;
  address.port = port;
  for (const int family : {AF_INET, AF_INET6}) {
    address.family = family;
    if (::inet_pton(family, buffer, address.bytes.data()) == 1) return address;
  }
  return std::nullopt;
}

Address Address::of(const sockaddr_storage& from) {
  Address address;
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    address.family = AF_INET;
    address.port = ntohs(v4.sin_port);
    std::memcpy(address.bytes.data(), &v4.sin_addr, 4);
  } else if (from.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
    address.port = ntohs(v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      address.family = AF_INET;
      std::memcpy(address.bytes.data(), v6.sin6_addr.s6_addr + 12, 4);
    } else {
      address.family = AF_INET6;
      std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
    }
  }
  return address;
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  return valid() && ::inet_ntop(family, bytes.data(), buffer, sizeof buffer) != nullptr ? buffer : "";
}

socklen_t Address::store(sockaddr_storage& to) const {
  to = {};
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(to);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes.data(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes.data(), 16);
  return sizeof v6;
}

bool Address::isAny() const {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace weir

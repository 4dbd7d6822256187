#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>

#include "address.h"
#include "bytes.h"

namespace weir {

/** Buffers that one thread receives into: a batch of datagrams by one call, shared by all its sockets. */
class ReceiveArena {
 public:
  static constexpr std::size_t kMessages = 32;
  /** The kernel glues datagrams of one sender together up to this length (UDP_GRO). */
  static constexpr std::size_t kMessageBytes = 64 * 1024;

  ReceiveArena();

  struct Message {
    ByteView bytes;
    /** Length of each datagram in it; the last may be shorter. */
    std::size_t segmentBytes;
    Address from;
  };

  /** How many messages came: 0 when none waits or the socket had an error to tell. */
  std::size_t receive(int fd);
  [[nodiscard]] Message message(std::size_t index) const;
  /** The same memory for a stream socket. */
  [[nodiscard]] std::uint8_t* bytes() const { return memory_.get(); }
  [[nodiscard]] static constexpr std::size_t size() { return kMessages * kMessageBytes; }

 private:
  struct Slot {
    sockaddr_storage from;
    iovec iov;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  };

  std::unique_ptr<std::uint8_t[]> memory_;
  std::array<Slot, kMessages> slots_{};
  std::array<mmsghdr, kMessages> headers_{};
};

}  // namespace weir

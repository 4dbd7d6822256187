#include "receive-arena.h"

#include <netinet/udp.h>

#include <cstring>

namespace weir {

ReceiveArena::ReceiveArena() : memory_(new std::uint8_t[size()]) {
  for (std::size_t i = 0; i < kMessages; ++i) {
    slots_[i].iov = {memory_.get() + i * kMessageBytes, kMessageBytes};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &slots_[i].from;
    header.msg_iov = &slots_[i].iov;
    header.msg_iovlen = 1;
    header.msg_control = slots_[i].control.data();
  }
}

std::size_t ReceiveArena::receive(int fd) {
  for (mmsghdr& message : headers_) {
    message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    message.msg_hdr.msg_controllen = sizeof(Slot::control);
  }
  const int got = ::recvmmsg(fd, headers_.data(), kMessages, MSG_DONTWAIT, nullptr);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

ReceiveArena::Message ReceiveArena::message(std::size_t index) const {
  const mmsghdr& message = headers_[index];
  std::size_t segment = message.msg_len;
  auto& header = const_cast<msghdr&>(message.msg_hdr);
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(control), sizeof size);
    if (size > 0) segment = static_cast<std::size_t>(size);
  }
  return {{memory_.get() + index * kMessageBytes, message.msg_len}, segment, Address::of(slots_[index].from)};
}

}  // namespace weir

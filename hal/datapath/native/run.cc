#include "run.h"

namespace weir {

bool Run::add(const std::uint8_t* packet, std::uint16_t length, std::uint64_t position) {
  if (count_ > 0 && !takes(length, packets_[0].iov_len, packets_[count_ - 1].iov_len, count_, bytes_)) return false;
  auto* base = const_cast<std::uint8_t*>(packet);  // iovec is for reading and writing; sending only reads.
  positions_[count_] = position;
  packets_[count_++] = {base, length};
  bytes_ += length;
  if (pieces_ > 0) {
    iovec& last = pieceList_[pieces_ - 1];
    if (static_cast<std::uint8_t*>(last.iov_base) + last.iov_len == base) {
      last.iov_len += length;
      return true;
    }
  }
  pieceList_[pieces_++] = {base, length};
  return true;
}

}  // namespace weir

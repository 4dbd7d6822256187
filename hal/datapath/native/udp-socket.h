#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "address.h"
#include "bytes.h"
#include "fd.h"
#include "path-mtu.h"
#include "run.h"

namespace weir {

/** Told how sending a run went, by index into the destinations. */
class SendOutcome {
 public:
  /** Each of `count` destinations from `first` on was sent that many packets with `bytes` in all. */
  virtual void sent(std::size_t first, std::size_t count, std::size_t packets, std::size_t bytes) = 0;
  /** There is no way to send them, and no use in trying again. */
  virtual void refused(std::size_t index, std::size_t packets) = 0;
  /** The socket has errors to tell (ICMP): they are read by UdpSocket::takeError. */
  virtual void errorsWait() = 0;

 protected:
  ~SendOutcome() = default;
};

/** What had no room: the socket's send buffer (EAGAIN), of which epoll tells when it has; or a queue behind it, which nobody tells of (ENOBUFS). */
enum class Pressure : std::uint8_t { none, socket, link };

/** Where sending a run stopped: that destination got so many of its packets, those before it all, those after it none. */
struct SendStop {
  Pressure pressure = Pressure::none;
  std::size_t destination = 0;
  std::size_t packets = 0;
};

/** Message headers, one per destination, built once and used for every run until membership changes. */
class Destinations {
 public:
  void clear();
  /** `path` must outlive its use here. */
  void add(const Address& to, PathMtu& path);
  [[nodiscard]] std::size_t size() const { return addresses_.size(); }
  /** Whether an IP packet of that length gets there in one piece. */
  [[nodiscard]] bool takes(std::size_t index, std::size_t bytes, std::int64_t nowNs) {
    return bytes <= smallestMtu_ || paths_[index]->takes(bytes, Address::of(addresses_[index]), nowNs);
  }

 private:
  friend class UdpSocket;
  void prepare(iovec* iov, std::size_t pieces, void* control, std::size_t controlBytes);
  /** Where the destinations end that answer `takes` as the one at `begin` does. */
  std::size_t alike(std::size_t begin, std::size_t end, std::size_t bytes, std::int64_t nowNs);
  /** The kernel would not send an IP packet of that length there in one piece. */
  void refuse(std::size_t index, std::size_t bytes, std::int64_t nowNs);
  void askPath(std::size_t index, std::int64_t nowNs);

  std::vector<sockaddr_storage> addresses_;
  std::vector<PathMtu*> paths_;
  std::vector<mmsghdr> headers_;
  /** No path here takes less. */
  std::size_t smallestMtu_ = SIZE_MAX;
  iovec* iov_ = nullptr;
  std::size_t pieces_ = 0;
  std::size_t controlBytes_ = 0;
};

/** An ICMP error that came back for something this socket sent. */
struct UdpError {
  Address destination;
  int errnum = 0;
};

/** A bound UDP socket that sends runs to many, by segmentation offload (GSO) where kernel, device and MTU allow it. */
class UdpSocket {
 public:
  UdpSocket(Fd fd, const Address& local);

  [[nodiscard]] int fd() const { return fd_.get(); }
  /** Gives the descriptor away. */
  [[nodiscard]] Fd release() { return std::move(fd_); }
  [[nodiscard]] const Address& local() const { return local_; }
  /** IP and UDP headers. */
  [[nodiscard]] std::size_t headerBytes() const { return local_.family == AF_INET ? 28 : 48; }

  /**
   * Sends to the destinations [begin, end) until something has no room. A packet that is too long for a path goes out
   * in fragments (RFC 791 s.3.2, RFC 8200 s.4.5).
   */
  SendStop sendRun(Run& run, Destinations& to, std::size_t begin, std::size_t end, SendOutcome& outcome,
                   std::int64_t nowNs);
  /** One datagram, best effort. */
  bool sendOne(const Address& to, ByteView bytes);
  /** False when no error waits. */
  bool takeError(UdpError& error);

 private:
  enum class Failure : std::uint8_t { none, socketFull, linkFull, tooLong, unfit, refused };
  struct Part {
    std::size_t begin;
    std::size_t end;
    std::size_t packets;
    std::size_t bytes;
  };
  struct PartStop {
    Failure failure = Failure::none;
    std::size_t destination = 0;
  };
  Failure send(mmsghdr* headers, std::size_t count, std::size_t& sent, SendOutcome& outcome);
  PartStop sendAlike(const Part& part, Destinations& to, SendOutcome& outcome);
  SendStop sendSegmented(Run& run, Destinations& to, std::size_t begin, std::size_t end, SendOutcome& outcome,
                         std::int64_t nowNs);
  SendStop sendEach(Run& run, Destinations& to, std::size_t index, SendOutcome& outcome);

  Fd fd_;
  Address local_;
  /** Segmentation was refused: not tried again before this. */
  std::int64_t singlyUntilNs_ = 0;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control_{};
};

}  // namespace weir

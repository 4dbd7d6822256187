#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <vector>

#include "address.h"
#include "bytes.h"
#include "fd.h"
#include "run.h"

namespace weir {

/** Told how sending a run went, by index into the destinations. */
class SendOutcome {
 public:
  /** Each of `count` destinations from `first` on was sent that many packets with `bytes` in all. */
  virtual void sent(std::size_t first, std::size_t count, std::size_t packets, std::size_t bytes) = 0;
  virtual void dropped(std::size_t index, std::size_t packets) = 0;
  /** The socket has errors to tell (ICMP): they are read by UdpSocket::takeError. */
  virtual void errorsWait() = 0;

 protected:
  ~SendOutcome() = default;
};

/** Message headers, one per destination, built once and used for every run until membership changes. */
class Destinations {
 public:
  void clear();
  void add(const Address& to);
  [[nodiscard]] std::size_t size() const { return addresses_.size(); }

 private:
  friend class UdpSocket;
  void prepare(iovec* iov, std::size_t pieces, void* control, std::size_t controlBytes);

  std::vector<sockaddr_storage> addresses_;
  std::vector<mmsghdr> headers_;
  /** Where the next run begins: those whom a full buffer or link left out come first. */
  std::size_t first_ = 0;
  bool leftOut_ = false;
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
  [[nodiscard]] const Address& local() const { return local_; }
  /** IP and UDP headers. */
  [[nodiscard]] std::size_t headerBytes() const { return local_.family == AF_INET ? 28 : 48; }
  /** Longer than an Ethernet frame takes: it can only go out in fragments. */
  [[nodiscard]] bool isOversized(std::size_t packetBytes) const { return packetBytes + headerBytes() > 1500; }

  void sendRun(Run& run, Destinations& to, SendOutcome& outcome, std::int64_t nowNs);
  /** One datagram, best effort. */
  bool sendOne(const Address& to, ByteView bytes);
  /** False when no error waits. */
  bool takeError(UdpError& error);

 private:
  struct Part {
    std::size_t begin;
    std::size_t end;
    std::size_t packets;
    std::size_t bytes;
    bool segmented;
  };
  std::size_t sendPart(const Part& part, Destinations& to, SendOutcome& outcome);
  void sendSingly(Run& run, std::size_t begin, std::size_t end, Destinations& to, SendOutcome& outcome);
  [[nodiscard]] bool mayCut(const Run& run, std::int64_t nowNs) const;

  Fd fd_;
  Address local_;
  /** Segmentation was refused: not tried again before this. */
  std::int64_t singlyUntilNs_ = 0;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control_{};
};

}  // namespace weir

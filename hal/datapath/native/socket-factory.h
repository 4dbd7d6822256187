#pragma once

#include <cstdint>

#include "address.h"
#include "fd.h"
#include "result.h"

/** Sockets as the datapath wants them: non-blocking, close-on-exec, transparent where asked for. */
namespace weir {

/** Listens; a wildcard IPv6 address takes IPv6 only, so that both families can have the same port. */
Result<Fd> openTcpListener(const Address& local, bool transparent, int backlog);

/** Begins to connect; `local` AF_UNSPEC leaves the source to the system. The connection may still be under way. */
Result<Fd> beginTcpConnect(const Address& remote, const Address& local, bool transparent);

/** A bound UDP socket with error queue, fragmentation allowed, and buffers for a burst to a thousand viewers. */
Result<Fd> openUdp(const Address& local, bool transparent);

/** Takes a connected stream socket over: checks that it is one and makes it non-blocking and close-on-exec. */
Status takeTcp(const Fd& fd);

Address localAddress(int fd);
Address remoteAddress(int fd);

}  // namespace weir

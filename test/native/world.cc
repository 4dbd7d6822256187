#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "rtcp.h"

namespace test {

namespace {

bool ownNetwork = false;

void waitReadable(int fd) {
  pollfd poll{fd, POLLIN, 0};
  if (::poll(&poll, 1, kWaitMs) != 1) throw check::Failure("nothing to read");
}

void writeFile(const char* path, const std::string& text) {
  const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (fd.open()) [[maybe_unused]] const ssize_t written = ::write(fd.get(), text.data(), text.size());
}

}  // namespace

void enterOwnNetwork() {
  const unsigned uid = ::getuid();
  const unsigned gid = ::getgid();
  if (::unshare(CLONE_NEWNET) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return;
    writeFile("/proc/self/setgroups", "deny");
    writeFile("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    writeFile("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  }
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ownNetwork = ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

void needOwnNetwork() {
  if (!ownNetwork) throw check::Skip("needs the right to make a network namespace");
}

void need(const std::string& command) {
  needOwnNetwork();
  if (std::system(command.c_str()) != 0) throw check::Skip("needs: " + command);
}

Bytes bytesOf(const std::string& text) { return {text.begin(), text.end()}; }
std::string textOf(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

World::World(int realtimePriority, bool cloning) : slots_(std::size_t{kSlots} * kCountersPerSlot) {
  EngineOptions options;
  options.counters = {slots_.data(), kSlots};
  options.realtimePriority = realtimePriority;
  options.cloning = cloning;
  auto started = Engine::start(options, *this);
  CHECK(started.ok());
  alive_ = started.value.get();
  engine_ = std::move(started.value);
}

World::~World() { engine_.reset(); }

std::uint32_t World::newSlot() { return usedSlots_++; }

void World::awaitTrue(const std::function<bool()>& truth, const char* what) {
  // The counters are memory, not events: looking at them again is all there is.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kWaitMs);
  while (!truth()) {
    if (std::chrono::steady_clock::now() > end) throw check::Failure(std::string("never came: ") + what);
    std::this_thread::yield();
  }
}

void World::settle() {
  // A command on a handle that names nothing is answered on the engine's thread, behind all that it is doing.
  CHECK(callDone([this](Done done) { engine_->closePair(PairId{0}, std::move(done)); }).code == Code::deadHandle);
}

void World::accepted(ListenerId listener, int fd, const Address& local, const Address& remote) {
  accepted_.put({listener, fd, local, remote});
}
void World::message(ConnectionId connection, std::span<const std::uint8_t> bytes) {
  messages_.put(Bytes(bytes.begin(), bytes.end()));
  if (consuming) alive_.load()->consumed(connection, 1, bytes.size());
}
void World::connectionEnded(ConnectionId connection, ConnectionEnd end, int errnum) {
  ended_.put({connection, end, errnum});
}
void World::spliceEnded(SpliceId, std::uint64_t aToBBytes, std::uint64_t bToABytes) {
  spliceEnded_.put({aToBBytes, bToABytes});
}
void World::bye(FeedId, std::uint32_t track) { byes_.put(track); }
void World::refused(ViewerId, std::uint64_t refusals) { refused_.put(refusals); }

UdpPeer::UdpPeer(const std::string& address, std::uint16_t port) {
  local_ = *Address::parse(address, port);
  fd_ = Fd(::socket(local_.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int size = 4 * 1024 * 1024;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  sockaddr_storage to;
  socklen_t length = local_.store(to);
  CHECK_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&to), length), 0);
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&to), &length);
  local_ = Address::of(to);
}

void UdpPeer::send(const Bytes& bytes, const Address& address) {
  sockaddr_storage to;
  const socklen_t length = address.store(to);
  const ssize_t sent =
      ::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), length);
  CHECK_EQ(sent, static_cast<ssize_t>(bytes.size()));
}

Bytes UdpPeer::receive() {
  waitReadable(fd_.get());
  Bytes bytes(65'536);
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  const ssize_t got = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
  CHECK(got >= 0);
  lastFrom = Address::of(from);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

bool UdpPeer::silent() {
  pollfd poll{fd_.get(), POLLIN, 0};
  return ::poll(&poll, 1, 0) == 0;
}

std::pair<TcpPeer, int> TcpPeer::pair(int receiveBytes) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage at;
  socklen_t length = Address::parse("127.0.0.1", 0)->store(at);
  CHECK_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  CHECK_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &length);
  TcpPeer ours(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receiveBytes > 0) ::setsockopt(ours.fd(), SOL_SOCKET, SO_RCVBUF, &receiveBytes, sizeof receiveBytes);
  CHECK_EQ(::connect(ours.fd(), reinterpret_cast<sockaddr*>(&at), length), 0);
  return {std::move(ours), ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
}

TcpPeer TcpPeer::connectTo(const Address& to) {
  TcpPeer peer(::socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage at;
  const socklen_t length = to.store(at);
  CHECK_EQ(::connect(peer.fd(), reinterpret_cast<sockaddr*>(&at), length), 0);
  return peer;
}

void TcpPeer::send(const Bytes& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t got = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    CHECK(got > 0);
    sent += static_cast<std::size_t>(got);
  }
}

Bytes TcpPeer::receiveSome(std::size_t most) {
  waitReadable(fd_.get());
  Bytes bytes(most);
  const ssize_t got = ::recv(fd_.get(), bytes.data(), most, 0);
  CHECK(got >= 0);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

Bytes TcpPeer::receive(std::size_t count) {
  Bytes all;
  while (all.size() < count) {
    const Bytes some = receiveSome(count - all.size());
    CHECK(!some.empty());
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

Bytes TcpPeer::receiveAll() {
  Bytes all;
  for (Bytes some = receiveSome(65'536); !some.empty(); some = receiveSome(65'536)) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void TcpPeer::finish() { ::shutdown(fd_.get(), SHUT_WR); }

void TcpPeer::reset() {
  const linger hard{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  fd_.reset();
}

Bytes rtp(std::uint16_t seq, std::uint32_t rtpTime, const Bytes& payload, std::uint32_t ssrc) {
  const auto byte = [](std::uint32_t value) { return static_cast<std::uint8_t>(value); };
  Bytes packet{0x80, 96, byte(seq >> 8), byte(seq)};
  for (const std::uint32_t word : {rtpTime, ssrc}) {
    packet.insert(packet.end(), {byte(word >> 24), byte(word >> 16), byte(word >> 8), byte(word)});
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes h264(bool idr, std::size_t size) {
  Bytes payload(size, 0x5a);
  payload[0] = idr ? 0x65 : 0x41;
  return payload;
}

Bytes senderReport(std::uint32_t ssrc) {
  Bytes packet(28, 0);
  packet[0] = 0x80;
  packet[1] = 200;
  packet[3] = 6;
  for (int i = 0; i < 4; ++i) packet[static_cast<std::size_t>(4 + i)] = static_cast<std::uint8_t>(ssrc >> (24 - 8 * i));
  packet[9] = 0x77;
  return packet;
}

Bytes receiverReport(std::int32_t lost) {
  const ReceptionFigures figures{0x1234, 0, lost, 1, 0};
  Bytes packet;
  buildReceiverReport(packet, 99, &figures, {}, "viewer");
  return packet;
}

Bytes frame(std::uint8_t channel, const Bytes& packet) {
  Bytes bytes{'$', channel, static_cast<std::uint8_t>(packet.size() >> 8), static_cast<std::uint8_t>(packet.size())};
  bytes.insert(bytes.end(), packet.begin(), packet.end());
  return bytes;
}

}  // namespace test

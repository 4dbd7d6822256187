#include <fcntl.h>
#include <sys/socket.h>

#include "udp-pair.h"
#include "world.h"

using namespace test;

namespace {

Result<Listening> listen(World& world, const Address& local, bool transparent = false) {
  ListenOptions options;
  options.local = local;
  options.transparent = transparent;
  return World::call<Listening>([&](auto done) { world.engine().listen(options, std::move(done)); });
}

Result<Connected> connect(World& world, const ConnectOptions& options) {
  return World::call<Connected>([&](auto done) { world.engine().connect(options, std::move(done)); });
}

Result<PairOpened> openPair(World& world, const PairOptions& options) {
  return World::call<PairOpened>([&](auto done) { world.engine().openPair(options, std::move(done)); });
}

struct Spliced {
  SpliceId id{};
  std::uint32_t slot = 0;
  TcpPeer a;
  TcpPeer b;
};

Spliced splice(World& world, const std::string& toA = "", const std::string& toB = "") {
  Spliced spliced;
  auto [a, aFd] = TcpPeer::pair();
  auto [b, bFd] = TcpPeer::pair();
  spliced.a = std::move(a);
  spliced.b = std::move(b);
  spliced.slot = world.newSlot();
  SpliceOptions options;
  options.a = aFd;
  options.b = bFd;
  options.toA = bytesOf(toA);
  options.toB = bytesOf(toB);
  options.slot = spliced.slot;
  const auto done = World::call<SpliceId>([&](auto d) { world.engine().splice(options, std::move(d)); });
  CHECK(done.ok());
  spliced.id = done.value;
  return spliced;
}

}  // namespace

TEST("a listener accepts on IPv4 and IPv6 with the same port, and tells both ends") {
  World world;
  const auto v4 = listen(world, *Address::parse("0.0.0.0", 0));
  CHECK(v4.ok());
  const auto v6 = listen(world, *Address::parse("::", v4.value.local.port));
  CHECK(v6.ok());
  for (const char* address : {"127.0.0.1", "::1"}) {
    TcpPeer peer = TcpPeer::connectTo(*Address::parse(address, v4.value.local.port));
    const World::Accepted accepted = world.nextAccepted();
    TcpPeer ours(accepted.fd);
    CHECK_EQ(accepted.local.text(), address);
    CHECK_EQ(accepted.remote.text(), address);
    CHECK((::fcntl(ours.fd(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(ours.fd(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST("a listener on a port in use is refused with its errno; a closed one frees its port") {
  World world;
  const auto first = listen(world, *Address::parse("127.0.0.1", 0));
  const auto second = listen(world, first.value.local);
  CHECK(second.status.code == Code::system);
  CHECK_EQ(second.status.errnum, EADDRINUSE);
  CHECK(World::callDone([&](Done done) { world.engine().closeListener(first.value.id, std::move(done)); }).ok());
  CHECK(listen(world, first.value.local).ok());
}

TEST("connections of many viewers at once are all accepted") {
  World world;
  const auto listening = listen(world, *Address::parse("127.0.0.1", 0));
  std::vector<TcpPeer> peers;
  for (int i = 0; i < 300; ++i) peers.push_back(TcpPeer::connectTo(listening.value.local));
  for (int i = 0; i < 300; ++i) TcpPeer(world.nextAccepted().fd).close();
}

TEST("connect gives a connected socket with the source asked for") {
  World world;
  const auto listening = listen(world, *Address::parse("127.0.0.1", 0));
  ConnectOptions options;
  options.remote = listening.value.local;
  options.local = *Address::parse("127.0.0.77", 0);
  options.timeoutMs = 5000;
  const auto connected = connect(world, options);
  CHECK(connected.ok());
  TcpPeer ours(connected.value.fd);
  const World::Accepted accepted = world.nextAccepted();
  TcpPeer theirs(accepted.fd);
  CHECK(accepted.remote == connected.value.local);
  CHECK_EQ(accepted.remote.text(), "127.0.0.77");
}

TEST("connect fails with the errno where nobody listens, and times out where nobody answers") {
  World world;
  ConnectOptions options;
  options.remote = *Address::parse("127.0.0.1", 1);
  options.timeoutMs = 5000;
  const auto refused = connect(world, options);
  CHECK(refused.status.code == Code::system);
  CHECK_EQ(refused.status.errnum, ECONNREFUSED);

  // A full backlog: further SYNs are dropped.
  const Fd full(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage at;
  socklen_t length = Address::parse("127.0.0.1", 0)->store(at);
  CHECK_EQ(::bind(full.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  CHECK_EQ(::listen(full.get(), 0), 0);
  ::getsockname(full.get(), reinterpret_cast<sockaddr*>(&at), &length);
  options.remote = Address::of(at);
  options.timeoutMs = 300;
  Status last;
  std::vector<TcpPeer> held;
  for (int i = 0; i < 4 && last.ok(); ++i) {
    const auto connected = connect(world, options);
    last = connected.status;
    if (connected.ok()) held.emplace_back(connected.value.fd);
  }
  CHECK(last.code == Code::timedOut);
}

TEST("a foreign address can be listened on, connected from and sent from only when transparent") {
  needOwnNetwork();
  World world;
  const Address foreign = *Address::parse("198.51.100.7", 0);
  const Address foreign6 = *Address::parse("2001:db8::7", 0);
  for (const Address& address : {foreign, foreign6}) {
    CHECK_EQ(openPair(world, {address, false, {}}).status.errnum, EADDRNOTAVAIL);
    CHECK(openPair(world, {address, true, {}}).ok());
    CHECK_EQ(listen(world, address.withPort(554), false).status.errnum, EADDRNOTAVAIL);
    const auto listening = listen(world, address.withPort(554), true);
    CHECK(listening.ok());
    CHECK(listening.value.local == address.withPort(554));
  }
}

TEST("a pair has an even and the next odd port, the wanted one when it is free") {
  World world;
  const Address local = *Address::parse("127.0.0.1", 0);
  const auto wanted = openPair(world, {local, false, 41'000});
  CHECK(wanted.ok());
  CHECK_EQ(wanted.value.rtp.port, 41'000);
  CHECK_EQ(wanted.value.rtcp.port, 41'001);
  const auto busy = openPair(world, {local, false, 41'000});
  CHECK(busy.ok());
  CHECK(busy.value.rtp.port != 41'000);
  CHECK_EQ(busy.value.rtp.port % 2, 0);
  CHECK_EQ(busy.value.rtcp.port, busy.value.rtp.port + 1);
  CHECK(busy.value.rtp.port >= 40'000 && busy.value.rtp.port < 60'000);
  const UdpPeer odd("127.0.0.1", 42'001);
  CHECK(openPair(world, {local, false, 42'000}).value.rtp.port != 42'000);
  CHECK(openPair(world, {local, false, 41'001}).status.code == Code::badArgument);
}

TEST("who cannot be served by a pair is not left attached to it") {
  class Nobody final : public UdpUpstream, public UdpLeg::Owner {
    void onDatagrams(bool, const ReceiveArena::Message&) override {}
    void onPairGone() override {}
    void onLegHeard(UdpLeg&, bool, ByteView, std::int64_t) override {}
    void onLegMoved(UdpLeg&) override {}
    void onLegRefused(UdpLeg&, bool, std::int64_t) override {}
    void onLegGone(UdpLeg&) override {}
  } nobody;
  Loop loop;
  ReceiveArena arena;
  UdpPair::Parts parts;
  parts.rtpLocal = *Address::parse("127.0.0.1", 40'000);
  parts.rtcpLocal = parts.rtpLocal.withPort(40'001);
  // Descriptors that epoll does not take.
  UdpPair pair(loop, arena, std::move(parts));
  CHECK(!pair.attach(static_cast<UdpUpstream&>(nobody)).ok());
  CHECK(!pair.busy());
  UdpLeg leg;
  leg.owner = &nobody;
  leg.rtp.declared = *Address::parse("127.0.0.1", 50'000);
  leg.rtcp.declared = leg.rtp.declared.withPort(50'001);
  CHECK(!pair.attach(leg).ok());
  CHECK(!pair.busy());
}

TEST("a splice carries both ways, sends what was read before first, and keeps half-closes") {
  World world;
  Spliced s = splice(world, "hello a", "hello b");
  CHECK_EQ(textOf(s.a.receive(7)), "hello a");
  CHECK_EQ(textOf(s.b.receive(7)), "hello b");
  s.a.send("question");
  s.a.finish();
  CHECK_EQ(textOf(s.b.receiveAll()), "question");
  s.b.send("answer after the FIN");
  s.b.finish();
  CHECK_EQ(textOf(s.a.receiveAll()), "answer after the FIN");
  const auto [aToB, bToA] = world.nextSpliceEnded();
  CHECK_EQ(aToB, 15U);
  CHECK_EQ(bToA, 27U);
  CHECK_EQ(world.counter(s.slot, SpliceCounter::aToBBytes), 15U);
  CHECK(World::callDone([&](Done done) { world.engine().closeSplice(s.id, std::move(done)); }).ok());
}

TEST("a splice carries a large transfer through a slow reader without a byte changed, and idles without work") {
  World world;
  Spliced s = splice(world);
  Bytes all(16 * 1024 * 1024);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : all) byte = static_cast<std::uint8_t>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  auto sending = std::async(std::launch::async, [&] {
    s.a.send(all);
    s.a.finish();
  });
  Bytes got;
  for (Bytes some = s.b.receiveSome(777); !some.empty(); some = s.b.receiveSome(got.size() % 5 == 0 ? 11 : 50'000)) {
    got.insert(got.end(), some.begin(), some.end());
  }
  sending.get();
  CHECK(got == all);
  // Half closed and idle: the thread must sleep, not spin.
  const std::uint64_t before = world.engine().cpuNs();
  timespec pause{0, 200 * 1000 * 1000};
  ::nanosleep(&pause, nullptr);
  CHECK(world.engine().cpuNs() - before < 50'000'000);
  s.b.finish();
  world.nextSpliceEnded();
}

TEST("a reset on one side of a splice reaches the other") {
  World world;
  Spliced s = splice(world);
  s.a.reset();
  world.nextSpliceEnded();
  char byte = 0;
  CHECK_EQ(::recv(s.b.fd(), &byte, 1, 0), -1);
  CHECK_EQ(errno, ECONNRESET);
}

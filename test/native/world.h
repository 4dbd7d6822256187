#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "check.h"
#include "engine.h"
#include "fd.h"

/** Real sockets on loopback around one engine. */
namespace test {

using namespace weir;

inline constexpr int kWaitMs = 10'000;

/** A network namespace of our own where the rights allow it, so that ports and MTU are ours. */
void enterOwnNetwork();
/** Skips the case where there is no such namespace. */
void needOwnNetwork();
/** Runs a command; skips the case when it fails. */
void need(const std::string& command);

Bytes bytesOf(const std::string& text);
std::string textOf(const Bytes& bytes);

/** Everything the engine told, and its counters. */
class World : public EventSink {
 public:
  explicit World(int realtimePriority = 0, bool cloning = false);
  ~World() override;

  Engine& engine() { return *engine_; }
  void stopEngine() { engine_.reset(); }
  std::uint32_t newSlot();
  template <class Name>
  std::uint64_t counter(std::uint32_t slot, Name name) const {
    return CounterSlot<Name>({const_cast<std::uint64_t*>(slots_.data()), kSlots}, slot).get(name);
  }
  /** Waits until the counter has reached `wanted`; fails when it does not. */
  template <class Name>
  void awaitCounter(std::uint32_t slot, Name name, std::uint64_t wanted) const {
    awaitTrue([&] { return counter(slot, name) >= wanted; }, "counter");
  }

  /** Calls the engine and waits for the completion. */
  template <class T>
  static Result<T> call(const std::function<void(Completion<T>)>& command) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    command([promise](Result<T> result) { promise->set_value(std::move(result)); });
    if (future.wait_for(std::chrono::milliseconds(kWaitMs)) != std::future_status::ready) throw check::Failure("no completion");
    return future.get();
  }
  static Status callDone(const std::function<void(Done)>& command) {
    auto promise = std::make_shared<std::promise<Status>>();
    auto future = promise->get_future();
    command([promise](Status status) { promise->set_value(status); });
    if (future.wait_for(std::chrono::milliseconds(kWaitMs)) != std::future_status::ready) throw check::Failure("no completion");
    return future.get();
  }
  static void awaitTrue(const std::function<bool()>& truth, const char* what);
  /** Waits until the engine has ended what it is at. A viewer has a packet before it is counted: by then it is. */
  void settle();

  // What the engine told, in order; each call takes one and waits for it.
  struct Accepted {
    ListenerId listener;
    int fd;
    Address local;
    Address remote;
  };
  struct Ended {
    ConnectionId connection;
    ConnectionEnd end;
    int errnum;
  };
  Accepted nextAccepted() { return accepted_.take(); }
  Bytes nextMessage() { return messages_.take(); }
  Ended nextEnded() { return ended_.take(); }
  std::pair<std::uint64_t, std::uint64_t> nextSpliceEnded() { return spliceEnded_.take(); }
  std::uint32_t nextBye() { return byes_.take(); }
  std::size_t byesWaiting() { return byes_.size(); }
  std::uint64_t nextRefused() { return refused_.take(); }
  std::size_t refusedWaiting() { return refused_.size(); }
  std::size_t messagesWaiting() { return messages_.size(); }
  std::size_t endsWaiting() { return ended_.size(); }
  /** Whether messages are reported as consumed at once. */
  std::atomic<bool> consuming = true;

 private:
  template <class T>
  class Queue {
   public:
    void put(T value) {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
      more_.notify_all();
    }
    T take() {
      std::unique_lock lock(mutex_);
      if (!more_.wait_for(lock, std::chrono::milliseconds(kWaitMs), [this] { return !values_.empty(); })) {
        throw check::Failure("no event");
      }
      T value = std::move(values_.front());
      values_.pop_front();
      return value;
    }
    std::size_t size() {
      const std::lock_guard lock(mutex_);
      return values_.size();
    }

   private:
    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<T> values_;
  };

  void accepted(ListenerId listener, int fd, const Address& local, const Address& remote) override;
  void message(ConnectionId connection, std::span<const std::uint8_t> bytes) override;
  void connectionEnded(ConnectionId connection, ConnectionEnd end, int errnum) override;
  void spliceEnded(SpliceId splice, std::uint64_t aToBBytes, std::uint64_t bToABytes) override;
  void bye(FeedId feed, std::uint32_t track) override;
  void refused(ViewerId viewer, std::uint64_t refusals) override;

  static constexpr std::uint32_t kSlots = 65'536;
  std::vector<std::uint64_t> slots_;
  std::uint32_t usedSlots_ = 0;
  Queue<Accepted> accepted_;
  Queue<Bytes> messages_;
  Queue<Ended> ended_;
  Queue<std::pair<std::uint64_t, std::uint64_t>> spliceEnded_;
  Queue<std::uint32_t> byes_;
  Queue<std::uint64_t> refused_;
  std::unique_ptr<Engine> engine_;
  /** Still good while the engine is being destroyed. */
  std::atomic<Engine*> alive_ = nullptr;
};

/** A UDP socket of an origin or a viewer. */
class UdpPeer {
 public:
  explicit UdpPeer(const std::string& address = "127.0.0.1", std::uint16_t port = 0);
  [[nodiscard]] const Address& local() const { return local_; }
  void send(const Bytes& bytes, const Address& to);
  /** Waits for a datagram. */
  Bytes receive();
  /** Whether none has come by now. */
  bool silent();
  Address lastFrom;
  void close() { fd_.reset(); }

 private:
  Fd fd_;
  Address local_;
};

/** The far end of a TCP connection. */
class TcpPeer {
 public:
  TcpPeer() = default;
  explicit TcpPeer(int fd) : fd_(fd) {}
  /** Two connected ends: ours, and the descriptor for the engine. `receiveBytes` is our SO_RCVBUF. */
  static std::pair<TcpPeer, int> pair(int receiveBytes = 0);
  static TcpPeer connectTo(const Address& to);

  void send(const Bytes& bytes);
  void send(const std::string& text) { send(bytesOf(text)); }
  /** Exactly that many bytes. */
  Bytes receive(std::size_t count);
  /** Whatever is there, waiting for the first byte; empty at the end of the stream. */
  Bytes receiveSome(std::size_t most);
  /** All until the peer's FIN. */
  Bytes receiveAll();
  void finish();
  void reset();
  void close() { fd_.reset(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] int release() { return fd_.release(); }

 private:
  Fd fd_;
};

/** RFC 3550 s.5.1. */
Bytes rtp(std::uint16_t seq, std::uint32_t rtpTime, const Bytes& payload, std::uint32_t ssrc = 0x1234);
/** An H.264 slice: IDR (a decoder can start) or not, `size` bytes. */
Bytes h264(bool idr, std::size_t size);
Bytes senderReport(std::uint32_t ssrc);
/** A viewer's, who has lost so many packets in all. */
Bytes receiverReport(std::int32_t lost);
Bytes frame(std::uint8_t channel, const Bytes& packet);

}  // namespace test

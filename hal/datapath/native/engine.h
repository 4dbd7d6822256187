#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "address.h"
#include "callback.h"
#include "counters.h"
#include "result.h"

/**
 * The datapath: sockets, feeds and viewers, owned by one thread. This is all that the outside sees of it, and it
 * knows nothing of JavaScript; hal/datapath/face.ts says in full what each call means.
 */
namespace weir {

/** Handles count up from 1, one sequence for all kinds, are never reused and stay below 2^53. */
enum class ListenerId : std::uint64_t {};
enum class ConnectionId : std::uint64_t {};
enum class SpliceId : std::uint64_t {};
enum class PairId : std::uint64_t {};
enum class FeedId : std::uint64_t {};
enum class ViewerId : std::uint64_t {};

using Bytes = std::vector<std::uint8_t>;

/** Called once, on the engine's thread, also with Code::stopped when the engine is destroyed before. Must not block. */
template <class T>
using Completion = Callback<void(Result<T>)>;
using Done = Callback<void(Status)>;

struct ListenOptions {
  Address local;
  bool transparent = false;
  int backlog = 1024;
};
struct Listening {
  ListenerId id{};
  Address local;
};

struct ConnectOptions {
  Address remote;
  /** AF_UNSPEC: the system chooses. Port 0: any port of that address. */
  Address local;
  bool transparent = false;
  std::uint32_t timeoutMs = 0;
};
/** `fd` belongs to whoever gets this. Non-blocking, close-on-exec. */
struct Connected {
  int fd = -1;
  Address local;
  Address remote;
};

struct MessageLimits {
  std::uint32_t maxHeaderBytes = 0;
  std::uint32_t maxBodyBytes = 0;
};
struct AdoptOptions {
  /** A connected TCP socket; the engine owns it from the call on, also when the call fails. */
  int fd = -1;
  /** What was read from it already but not consumed. */
  Bytes unread;
  MessageLimits limits;
  /** TCP_USER_TIMEOUT (RFC 5482); 0: the system's. */
  std::uint32_t userTimeoutMs = 0;
  std::uint32_t slot = 0;
};

/** Same order as `connectionEnds` in face.ts. */
enum class ConnectionEnd { closedByUs, fin, reset, timeout, badMessage, overflow, error };

struct SpliceOptions {
  /** Both owned by the engine from the call on, also when the call fails. */
  int a = -1;
  int b = -1;
  Bytes toA;
  Bytes toB;
  std::uint32_t slot = 0;
};

struct PairOptions {
  /** The port in it is ignored. */
  Address address;
  bool transparent = false;
  /** Even; another one is taken when it is busy or absent. */
  std::optional<std::uint16_t> rtpPort;
};
struct PairOpened {
  PairId id{};
  Address rtp;
  Address rtcp;
};

/** A pair or a connection on its way from one engine to another. What arrives nowhere is closed. */
class Parcel {
 public:
  Parcel() = default;
  Parcel(Parcel&&) = default;
  virtual ~Parcel() = default;
};
struct PairParcel : Parcel {};
struct ConnectionParcel : Parcel {};

/** Same order as `startPointCodecs` in face.ts. */
enum class StartPointCodec { h264, h265, h265WithDon, av1, vp8, vp9, mp2t, mjpeg, mpeg4, none };

struct TrackOptions {
  std::uint32_t clockRateHz = 0;
  StartPointCodec codec = StartPointCodec::none;
  bool video = false;
};
/** How far behind the head a joining viewer may begin. */
struct CatchUp {
  std::uint32_t maxMs = 0;
  std::uint32_t maxBytes = 0;
};
struct FeedOptions {
  /** 1 to kMaxTracks. */
  std::vector<TrackOptions> tracks;
  std::uint32_t ringBytes = 0;
  std::uint32_t ringMs = 0;
  /** Nothing: viewers begin at the next start point that comes. */
  std::optional<CatchUp> catchUp;
  std::uint32_t slot = 0;
};
inline constexpr std::size_t kMaxTracks = 16;
inline constexpr std::uint32_t kMinRingBytes = 256U * 1024;
inline constexpr std::uint32_t kMaxRingBytes = 512U * 1024 * 1024;

struct UdpSource {
  PairId pair{};
  /** Port 0: any port of that address. */
  Address rtpSource;
  Address rtcpSource;
};
struct UdpTarget {
  PairId pair{};
  Address rtpTarget;
  Address rtcpTarget;
};
struct Interleaved {
  ConnectionId connection{};
  std::uint8_t rtpChannel = 0;
  std::uint8_t rtcpChannel = 1;
};
struct UpstreamTrack {
  std::uint32_t track = 0;
  std::variant<UdpSource, Interleaved> from;
};
struct ViewerTrack {
  std::uint32_t track = 0;
  std::variant<UdpTarget, Interleaved> to;
};

struct ViewerOptions {
  std::vector<ViewerTrack> tracks;
  std::uint32_t startWaitMs = 0;
  std::uint32_t slot = 0;
};
struct TrackStart {
  std::uint32_t track = 0;
  std::uint16_t seq = 0;
  std::uint32_t rtpTime = 0;
};
struct ViewerAdded {
  ViewerId id{};
  std::vector<TrackStart> starts;
};

/** What the engine has to tell, on its thread. An event of an object never comes before the completion that named it. */
class EventSink {
 public:
  virtual ~EventSink() = default;
  /** The receiver owns `fd` (non-blocking, close-on-exec). */
  virtual void accepted(ListenerId listener, int fd, const Address& local, const Address& remote) = 0;
  /**
   * One whole RTSP message; `bytes` is valid during the call only. Reading pauses when 32 messages or 64 KiB are
   * delivered and not yet reported by Engine::consumed.
   */
  virtual void message(ConnectionId connection, std::span<const std::uint8_t> bytes) = 0;
  /** Once per connection, also as the answer to closeConnection. */
  virtual void connectionEnded(ConnectionId connection, ConnectionEnd end, int errnum) = 0;
  /** Once per splice, when both directions are over, also as the answer to closeSplice. Its slot stays the engine's until closeSplice. */
  virtual void spliceEnded(SpliceId splice, std::uint64_t aToBBytes, std::uint64_t bToABytes) = 0;
  /** RTCP BYE from the origin. */
  virtual void bye(FeedId feed, std::uint32_t track) = 0;
  /** Its port for media was refused at three times, a quarter of a second apart at least and three seconds at most. */
  virtual void refused(ViewerId viewer, std::uint64_t refusals) = 0;
};

struct EngineOptions {
  CounterTable counters;
  /** 1 to 99: SCHED_FIFO with that priority, where the system allows it. 0: normal scheduling. */
  int realtimePriority = 0;
  /** At most 15 characters are shown. */
  std::string threadName = "weir-datapath";
  /** The kernel shall clone what goes to many viewers, where it can: see Engine::cloneAt. */
  bool cloning = false;
};

/** Whether the kernel clones, and why it does not. */
struct CloningFacts {
  /** Why the program could not be loaded; ok also where that was not asked for. */
  Status refused;
  /** Its verifier's last words, where it was that. */
  std::string verifier;
  /** The program is at a NIC. */
  bool attached = false;
  /** Packets that viewers got as clones. */
  std::uint64_t packets = 0;
  /** Passes that nobody got anything of, ahead of a picture that was about to come. */
  std::uint64_t rehearsals = 0;
};

/**
 * One thread and all it owns. There may be several: a feed lives on one of them with all that it uses, so that no packet
 * meets a lock. Every method may be called from any thread; each is a command that the engine's thread
 * carries out in the order given. The destructor ends everything, completes what is outstanding with Code::stopped,
 * joins the thread and closes all descriptors; it must not run on the engine's thread.
 */
class Engine {
 public:
  /** `sink` must outlive the engine. */
  static Result<std::unique_ptr<Engine>> start(EngineOptions options, EventSink& sink);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void listen(ListenOptions options, Completion<Listening> done);
  void closeListener(ListenerId id, Done done);

  /** Code::system with the errno, Code::timedOut after `timeoutMs`. */
  void connect(ConnectOptions options, Completion<Connected> done);

  void adopt(AdoptOptions options, Completion<ConnectionId> done);
  /** Gives back room for messages; see EventSink::message. */
  void consumed(ConnectionId id, std::uint32_t messages, std::uint64_t bytes);
  /** More than 256 KiB waiting ends the connection with `overflow`. Nothing happens on a dead handle. */
  void sendText(ConnectionId id, Bytes text);
  /** A '$' frame of the peer's that came by another way: taken as if it had been read here. Nothing on a dead handle. */
  void takeFrame(ConnectionId id, std::uint8_t channel, Bytes bytes);
  /** Sends queued text (at most 1 s), then FIN. An ended connection is freed by this call too. */
  void closeConnection(ConnectionId id, Done done);
  /** Gives away a connection that carries frames for nobody; its handle is dead then. Code::wrongState for any other. */
  void releaseConnection(ConnectionId id, Completion<std::unique_ptr<ConnectionParcel>> done);
  /** It goes on where it was, with what waits to be read, sent and consumed, and counts on in that slot. */
  void takeConnection(std::unique_ptr<ConnectionParcel> parcel, std::uint32_t slot, Completion<ConnectionId> done);

  void splice(SpliceOptions options, Completion<SpliceId> done);
  void closeSplice(SpliceId id, Done done);

  void openPair(PairOptions options, Completion<PairOpened> done);
  /** Whoever sends or receives by it stops doing so. */
  void closePair(PairId id, Done done);
  /** Gives away a pair that serves nobody; its handle is dead then. Code::wrongState for any other. */
  void releasePair(PairId id, Completion<std::unique_ptr<PairParcel>> done);
  void takePair(std::unique_ptr<PairParcel> parcel, Completion<PairId> done);

  /** The NIC toward viewers, by its interface index, that cloning is done at; 0: none. */
  void cloneAt(unsigned device, Done done);

  void createFeed(FeedOptions options, Completion<FeedId> done);
  /** With `resume` these tracks are all of an upstream session that began anew. */
  void receive(FeedId id, std::vector<UpstreamTrack> tracks, bool resume, Done done);
  /** Its viewers end with it; their handles are dead afterwards. */
  void closeFeed(FeedId id, Done done);

  void addViewer(FeedId id, ViewerOptions options, Completion<ViewerAdded> done);
  void play(ViewerId id, Done done);
  void pause(ViewerId id, Done done);
  void seekToStart(ViewerId id, std::uint32_t startWaitMs, Completion<std::vector<TrackStart>> done);
  void closeViewer(ViewerId id, bool bye, Done done);

  /** CPU time of the engine's thread so far. */
  [[nodiscard]] std::uint64_t cpuNs() const;
  /** How much of that its thread, with nothing to do, did not sleep because a picture was about to come. */
  [[nodiscard]] std::int64_t awakeNs() const;
  /** False when realtimePriority was asked for and refused (missing CAP_SYS_NICE). */
  [[nodiscard]] bool realtime() const;
  [[nodiscard]] CloningFacts cloning() const;

 private:
  class Core;
  explicit Engine(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace weir

/**
 * The engine as a Node-API module: one class, `Engine`, whose methods are the engine's commands. Every command takes a
 * request number and an object of options; its answer comes to the handler given to the constructor. JavaScript's side
 * of this is addon.ts.
 */
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

#include "napi-edge.h"
#include "napi-reader.h"

namespace weir {
namespace {

/** One call of a method: `this`, the request number, the options. */
class Call {
 public:
  Call(napi_env env, napi_callback_info info) : env_(env) {
    std::size_t count = 2;
    napi_value self = nullptr;
    napi_get_cb_info(env, info, &count, arguments_, &self, nullptr);
    void* held = nullptr;
    if (self != nullptr && napi_unwrap(env, self, &held) == napi_ok) edge_ = static_cast<NapiEdge*>(held);
    if (napi_get_value_uint32(env, arguments_[0], &request_) != napi_ok) misfit_ = "request";
  }

  NapiReader options() { return {env_, arguments_[1], misfit_}; }
  NapiEdge& edge() { return *edge_; }
  Engine& engine() { return *edge_->engine(); }
  [[nodiscard]] std::uint32_t request() const { return request_; }
  Done done() { return edge_->answer(request_); }

  /** True when the command may be given; else a JavaScript error is pending. */
  bool ready() {
    if (edge_ == nullptr || edge_->engine() == nullptr) {
      napi_throw_error(env_, "ALREADY_CLOSED", "the datapath is closed");
      return false;
    }
    if (misfit_.empty()) return true;
    napi_throw_type_error(env_, "DATAPATH_BAD_ARGUMENT", (misfit_ + " is not usable").c_str());
    return false;
  }

 private:
  napi_env env_;
  napi_value arguments_[2] = {};
  NapiEdge* edge_ = nullptr;
  std::uint32_t request_ = 0;
  std::string misfit_;
};

std::optional<StartPointCodec> codecNamed(const std::string& text) {
  static constexpr const char* names[] = {"h264", "h265", "h265WithDon", "av1", "vp8", "vp9", "mp2t", "mjpeg", "mpeg4", "none"};
  static_assert(std::size(names) == static_cast<std::size_t>(StartPointCodec::none) + 1);
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if (text == names[i]) return static_cast<StartPointCodec>(i);
  }
  return std::nullopt;
}

Interleaved interleaved(NapiReader& track) {
  return {track.handle<ConnectionId>("connection"), track.u8("rtpChannel"), track.u8("rtcpChannel")};
}

napi_value listen(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  ListenOptions options{read.endpoint("local"), read.flag("transparent"), read.u16("backlog")};
  if (call.ready()) {
    call.engine().listen(options, call.edge().answer<Listening>(call.request(), [](const NapiWriter& write, Listening& made) {
      return write.object({{"id", write.handle(made.id)}, {"local", write.endpoint(made.local)}});
    }));
  }
  return nullptr;
}

napi_value connect(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  ConnectOptions options;
  options.remote = read.endpoint("remote");
  if (read.has("local")) options.local = read.endpoint("local");
  options.transparent = read.flag("transparent");
  options.timeoutMs = read.u32("timeoutMs");
  if (call.ready()) call.engine().connect(options, call.edge().answerConnected(call.request()));
  return nullptr;
}

napi_value adopt(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  AdoptOptions options;
  options.unread = read.bytes("unread");
  options.limits = {read.u32("maxHeaderBytes"), read.u32("maxBodyBytes")};
  options.userTimeoutMs = read.u32("userTimeoutMs");
  options.slot = read.u32("slot");
  options.fd = read.descriptor("fd");
  if (call.ready()) {
    call.engine().adopt(std::move(options),
                        call.edge().answer<ConnectionId>(call.request(), [](const NapiWriter& write, ConnectionId& id) {
                          return write.handle(id);
                        }));
  }
  return nullptr;
}

napi_value consumed(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const auto id = read.handle<ConnectionId>("id");
  const std::uint32_t bytes = read.u32("bytes");
  if (call.ready()) call.engine().consumed(id, 1, bytes);
  return nullptr;
}

napi_value sendText(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const auto id = read.handle<ConnectionId>("id");
  Bytes text = read.bytes("text");
  if (call.ready()) call.engine().sendText(id, std::move(text));
  return nullptr;
}

napi_value takeFrame(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const auto id = read.handle<ConnectionId>("id");
  const std::uint8_t channel = read.u8("channel");
  Bytes bytes = read.bytes("bytes");
  if (call.ready()) call.engine().takeFrame(id, channel, std::move(bytes));
  return nullptr;
}

napi_value splice(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  SpliceOptions options;
  options.toA = read.bytes("toA");
  options.toB = read.bytes("toB");
  options.slot = read.u32("slot");
  options.a = read.descriptor("a");
  options.b = read.descriptor("b");
  if (call.ready()) {
    call.engine().splice(std::move(options),
                         call.edge().answer<SpliceId>(call.request(), [](const NapiWriter& write, SpliceId& id) {
                           return write.handle(id);
                         }));
  }
  return nullptr;
}

napi_value openPair(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  PairOptions options;
  options.address = read.address("address", 0);
  options.transparent = read.flag("transparent");
  if (read.has("rtpPort")) options.rtpPort = read.u16("rtpPort");
  if (call.ready()) {
    call.engine().openPair(options, call.edge().answer<PairOpened>(call.request(), [](const NapiWriter& write, PairOpened& made) {
      return write.object(
          {{"id", write.handle(made.id)}, {"rtp", write.endpoint(made.rtp)}, {"rtcp", write.endpoint(made.rtcp)}});
    }));
  }
  return nullptr;
}

napi_value createFeed(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  FeedOptions options;
  options.ringBytes = read.u32("ringBytes");
  options.ringMs = read.u32("ringMs");
  if (read.has("catchUp")) {
    NapiReader catchUp = read.nested("catchUp");
    options.catchUp = {catchUp.u32("maxMs"), catchUp.u32("maxBytes")};
  }
  options.slot = read.u32("slot");
  for (NapiReader& track : read.list("tracks")) {
    const std::optional<StartPointCodec> codec = codecNamed(track.text("codec"));
    if (!codec) track.refuse("codec");
    options.tracks.push_back({track.u32("clockRateHz"), codec.value_or(StartPointCodec::none), track.flag("video")});
  }
  if (call.ready()) {
    call.engine().createFeed(std::move(options),
                             call.edge().answer<FeedId>(call.request(), [](const NapiWriter& write, FeedId& id) {
                               return write.handle(id);
                             }));
  }
  return nullptr;
}

napi_value receive(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const auto id = read.handle<FeedId>("id");
  std::vector<UpstreamTrack> tracks;
  for (NapiReader& track : read.list("tracks")) {
    const std::uint32_t number = track.u32("track");
    if (track.has("connection")) tracks.push_back({number, interleaved(track)});
    else {
      tracks.push_back({number, UdpSource{track.handle<PairId>("pair"), track.endpoint("rtpSource"), track.endpoint("rtcpSource")}});
    }
  }
  const bool resume = read.flag("resume");
  if (call.ready()) call.engine().receive(id, std::move(tracks), resume, call.done());
  return nullptr;
}

napi_value addViewer(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const auto id = read.handle<FeedId>("id");
  ViewerOptions options;
  options.startWaitMs = read.u32("startWaitMs");
  options.slot = read.u32("slot");
  for (NapiReader& track : read.list("tracks")) {
    const std::uint32_t number = track.u32("track");
    if (track.has("connection")) options.tracks.push_back({number, interleaved(track)});
    else {
      options.tracks.push_back({number, UdpTarget{track.handle<PairId>("pair"), track.endpoint("rtpTarget"), track.endpoint("rtcpTarget")}});
    }
  }
  if (call.ready()) {
    call.engine().addViewer(id, std::move(options), call.edge().answer<ViewerAdded>(call.request(), [](const NapiWriter& write, ViewerAdded& made) {
      return write.object({{"id", write.handle(made.id)}, {"starts", write.starts(made.starts)}});
    }));
  }
  return nullptr;
}

napi_value seekToStart(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const auto id = read.handle<ViewerId>("id");
  const std::uint32_t waitMs = read.u32("startWaitMs");
  if (call.ready()) {
    call.engine().seekToStart(id, waitMs, call.edge().answer<std::vector<TrackStart>>(call.request(), [](const NapiWriter& write, std::vector<TrackStart>& starts) {
      return write.starts(starts);
    }));
  }
  return nullptr;
}

napi_value closeViewer(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const auto id = read.handle<ViewerId>("id");
  const bool bye = read.flag("bye");
  if (call.ready()) call.engine().closeViewer(id, bye, call.done());
  return nullptr;
}

/** A command that gives away what a handle names. */
template <class Id, class P, void (Engine::*Command)(Id, Completion<std::unique_ptr<P>>)>
napi_value release(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const auto id = call.options().handle<Id>("id");
  if (call.ready()) {
    (call.engine().*Command)(id, call.edge().answer<std::unique_ptr<P>>(call.request(), [](const NapiWriter& write, std::unique_ptr<P>& parcel) {
      return write.parcel(std::move(parcel));
    }));
  }
  return nullptr;
}

napi_value takePair(napi_env env, napi_callback_info info) {
  Call call(env, info);
  auto parcel = call.options().parcel<PairParcel>("parcel");
  if (call.ready()) {
    call.engine().takePair(std::move(parcel),
                           call.edge().answer<PairId>(call.request(), [](const NapiWriter& write, PairId& id) {
                             return write.handle(id);
                           }));
  }
  return nullptr;
}

napi_value takeConnection(napi_env env, napi_callback_info info) {
  Call call(env, info);
  NapiReader read = call.options();
  const std::uint32_t slot = read.u32("slot");
  auto parcel = read.parcel<ConnectionParcel>("parcel");
  if (call.ready()) {
    call.engine().takeConnection(std::move(parcel), slot,
                                 call.edge().answer<ConnectionId>(call.request(), [](const NapiWriter& write, ConnectionId& id) {
                                   return write.handle(id);
                                 }));
  }
  return nullptr;
}

/** A command that takes a handle and nothing else. */
template <class Id, void (Engine::*Command)(Id, Done)>
napi_value onHandle(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const auto id = call.options().handle<Id>("id");
  if (call.ready()) (call.engine().*Command)(id, call.done());
  return nullptr;
}

/** Answered by the engine's thread in its turn: a command on a handle that never names anything. */
napi_value ping(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (call.ready()) {
    call.engine().closePair(PairId{0}, [done = call.done()](Status /*dead*/) { done({}); });
  }
  return nullptr;
}

napi_value cloneAt(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const std::uint32_t device = call.options().u32("device");
  if (call.ready()) call.engine().cloneAt(device, call.done());
  return nullptr;
}

napi_value keepAlive(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const bool alive = call.options().flag("alive");
  if (call.ready()) call.edge().mailbox().keepAlive(env, alive);
  return nullptr;
}

napi_value cpuNs(napi_env env, napi_callback_info info) {
  Call call(env, info);
  return call.ready() ? NapiWriter(env).bigint(call.engine().cpuNs()) : nullptr;
}

napi_value realtime(napi_env env, napi_callback_info info) {
  Call call(env, info);
  napi_value value = nullptr;
  if (call.ready()) napi_get_boolean(env, call.engine().realtime(), &value);
  return value;
}

/** { attached, packets, refused?: { what, errno, verifier } } */
napi_value cloning(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.ready()) return nullptr;
  const CloningFacts facts = call.engine().cloning();
  const NapiWriter write(env);
  napi_value attached = nullptr;
  napi_get_boolean(env, facts.attached, &attached);
  const napi_value refused = facts.refused.ok() ? write.undefined()
                                                : write.object({{"what", write.text(facts.refused.what)},
                                                                {"errno", write.number(facts.refused.errnum)},
                                                                {"verifier", write.text(facts.verifier)}});
  return write.object({{"attached", attached}, {"packets", write.bigint(facts.packets)}, {"refused", refused}});
}

napi_value close(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (call.ready()) call.edge().close();
  return nullptr;
}

/** dup(fd) → a descriptor of the same connection, or -errno. */
napi_value dup(napi_env env, napi_callback_info info) {
  std::size_t count = 1;
  napi_value argument = nullptr;
  std::int32_t fd = -1;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (napi_get_value_int32(env, argument, &fd) != napi_ok) fd = -1;
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return NapiWriter(env).number(copy >= 0 ? copy : -errno);
}

/** closeDescriptor(fd): for one that was handed over and found no owner. */
napi_value closeDescriptor(napi_env env, napi_callback_info info) {
  std::size_t count = 1;
  napi_value argument = nullptr;
  std::int32_t fd = -1;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (napi_get_value_int32(env, argument, &fd) == napi_ok && fd > 2) ::close(fd);
  return nullptr;
}

/** new Engine({ counters, handler, realtimePriority, threadName, cloning }) */
napi_value construct(napi_env env, napi_callback_info info) {
  std::size_t count = 1;
  napi_value argument = nullptr;
  napi_value self = nullptr;
  napi_get_cb_info(env, info, &count, &argument, &self, nullptr);
  std::string misfit;
  NapiReader read(env, argument, misfit);
  EngineOptions options;
  options.realtimePriority = read.u8("realtimePriority");
  options.threadName = read.text("threadName");
  options.cloning = read.flag("cloning");
  napi_value counters = nullptr;
  napi_value handler = nullptr;
  if (read.ok()) {
    napi_get_named_property(env, argument, "counters", &counters);
    napi_get_named_property(env, argument, "handler", &handler);
  }
  auto edge = std::make_unique<NapiEdge>();
  const Status status = read.ok() ? edge->open(env, counters, handler, std::move(options)) : Status::bad("options");
  if (!status.ok()) {
    const bool bad = status.code == Code::badArgument;
    napi_throw_error(env, bad ? "DATAPATH_BAD_ARGUMENT" : "DATAPATH_FAILED", status.what);
    return nullptr;
  }
  const napi_finalize finalize = [](napi_env, void* held, void*) { delete static_cast<NapiEdge*>(held); };
  if (napi_wrap(env, self, edge.get(), finalize, nullptr, nullptr) == napi_ok) edge.release();
  return self;
}

constexpr napi_property_descriptor method(const char* name, napi_callback call) {
  return {name, nullptr, call, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

}  // namespace
}  // namespace weir

NAPI_MODULE_INIT() {
  using namespace weir;
  const napi_property_descriptor methods[] = {
      method("listen", listen),
      method("closeListener", onHandle<ListenerId, &Engine::closeListener>),
      method("connect", connect),
      method("adopt", adopt),
      method("consumed", consumed),
      method("sendText", sendText),
      method("takeFrame", takeFrame),
      method("closeConnection", onHandle<ConnectionId, &Engine::closeConnection>),
      method("releaseConnection", release<ConnectionId, ConnectionParcel, &Engine::releaseConnection>),
      method("takeConnection", takeConnection),
      method("splice", splice),
      method("closeSplice", onHandle<SpliceId, &Engine::closeSplice>),
      method("openPair", openPair),
      method("closePair", onHandle<PairId, &Engine::closePair>),
      method("releasePair", release<PairId, PairParcel, &Engine::releasePair>),
      method("takePair", takePair),
      method("createFeed", createFeed),
      method("receive", receive),
      method("closeFeed", onHandle<FeedId, &Engine::closeFeed>),
      method("addViewer", addViewer),
      method("play", onHandle<ViewerId, &Engine::play>),
      method("pause", onHandle<ViewerId, &Engine::pause>),
      method("seekToStart", seekToStart),
      method("closeViewer", closeViewer),
      method("ping", ping),
      method("keepAlive", keepAlive),
      method("cpuNs", cpuNs),
      method("realtime", realtime),
      method("cloneAt", cloneAt),
      method("cloning", cloning),
      method("close", close),
  };
  napi_value engine = nullptr;
  const napi_property_descriptor functions[] = {method("dup", dup), method("closeDescriptor", closeDescriptor)};
  if (napi_define_class(env, "Engine", NAPI_AUTO_LENGTH, construct, nullptr, std::size(methods), methods, &engine) != napi_ok ||
      napi_set_named_property(env, exports, "Engine", engine) != napi_ok ||
      napi_define_properties(env, exports, std::size(functions), functions) != napi_ok) {
    napi_throw_error(env, "DATAPATH_FAILED", "the addon could not be set up");
  }
  return exports;
}

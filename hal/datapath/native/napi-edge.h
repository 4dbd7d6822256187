#pragma once

#include <node_api.h>

#include <memory>
#include <string>

#include "engine.h"
#include "fd.h"
#include "napi-mailbox.h"
#include "napi-writer.h"

namespace weir {

/** First argument of the handler; same order as `noticeKinds` in addon.ts. */
enum class Notice { completed, accepted, message, connectionEnded, spliceEnded, bye, refused };

/**
 * An engine and its way to JavaScript. The engine's thread is joined before the mailbox and the counters' memory go:
 * by `close`, else by the clean-up hook of the environment (its end, process.exit, Worker.terminate), which runs
 * before Node takes the threadsafe function away because it was added after that.
 */
class NapiEdge final : public EventSink {
 public:
  ~NapiEdge() override { close(); }

  /** `counters` is a BigUint64Array; it is held until `close`. */
  Status open(napi_env env, napi_value counters, napi_value handler, EngineOptions options) {
    napi_typedarray_type type = napi_int8_array;
    std::size_t length = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, counters, &type, &length, &data, nullptr, nullptr) != napi_ok ||
        type != napi_biguint64_array || length == 0 || length % kCountersPerSlot != 0) {
      return Status::bad("counters");
    }
    if (napi_create_reference(env, counters, 1, &counters_) != napi_ok) return Status::bad("counters");
    env_ = env;
    if (mailbox_.open(env, handler) != napi_ok) return Status::bad("handler");
    options.counters = {static_cast<std::uint64_t*>(data), static_cast<std::uint32_t>(length / kCountersPerSlot)};
    Result<std::unique_ptr<Engine>> started = Engine::start(std::move(options), *this);
    if (!started.ok()) return started.status;
    engine_ = std::move(started.value);
    napi_add_env_cleanup_hook(env, cleanUp, this);
    return {};
  }

  /** Null after `close`. */
  [[nodiscard]] Engine* engine() const { return engine_.get(); }
  NapiMailbox& mailbox() { return mailbox_; }

  /** On the JavaScript thread. */
  void close() {
    if (engine_) {
      napi_remove_env_cleanup_hook(env_, cleanUp, this);
      engine_.reset();
    }
    mailbox_.close();
    if (counters_ != nullptr) napi_delete_reference(env_, std::exchange(counters_, nullptr));
  }

  /** Answers the request with what `toJs` makes of the value. */
  template <class T, class ToJs>
  Completion<T> answer(std::uint32_t request, ToJs toJs) {
    return [this, request, toJs](Result<T> result) {
      mailbox_.post([request, toJs, result = std::move(result)](napi_env env, napi_value handler) mutable {
        const NapiWriter write(env);
        const napi_value value = result.ok() ? toJs(write, result.value) : write.undefined();
        complete(write, handler, env, request, result.status, value);
      });
    };
  }
  Done answer(std::uint32_t request) {
    return [this, request](Status status) {
      mailbox_.post([request, status](napi_env env, napi_value handler) {
        const NapiWriter write(env);
        complete(write, handler, env, request, status, write.undefined());
      });
    };
  }

  /** As `answer`, but the descriptor is closed when it is never delivered. */
  Completion<Connected> answerConnected(std::uint32_t request) {
    return [this, request](Result<Connected> result) {
      mailbox_.post([request, held = Fd(result.value.fd), result](napi_env env, napi_value handler) mutable {
        const NapiWriter write(env);
        const napi_value value = result.ok() ? write.object({{"fd", write.number(held.release())},
                                                             {"local", write.endpoint(result.value.local)},
                                                             {"remote", write.endpoint(result.value.remote)}})
                                             : write.undefined();
        complete(write, handler, env, request, result.status, value);
      });
    };
  }

  void accepted(ListenerId listener, int fd, const Address& local, const Address& remote) override {
    mailbox_.post([listener, held = Fd(fd), local, remote](napi_env env, napi_value handler) mutable {
      const NapiWriter write(env);
      const napi_value ends = write.object({{"local", write.endpoint(local)}, {"remote", write.endpoint(remote)}});
      notify(env, handler, Notice::accepted, write.handle(listener), write.number(held.release()), ends);
    });
  }

  void message(ConnectionId connection, std::span<const std::uint8_t> bytes) override {
    mailbox_.post([connection, copy = Bytes(bytes.begin(), bytes.end())](napi_env env, napi_value handler) {
      const NapiWriter write(env);
      notify(env, handler, Notice::message, write.handle(connection), write.bytes(copy), write.undefined());
    });
  }

  void connectionEnded(ConnectionId connection, ConnectionEnd end, int errnum) override {
    mailbox_.post([connection, end, errnum](napi_env env, napi_value handler) {
      const NapiWriter write(env);
      notify(env, handler, Notice::connectionEnded, write.handle(connection), write.number(static_cast<int>(end)),
             write.number(errnum));
    });
  }

  void spliceEnded(SpliceId splice, std::uint64_t aToBBytes, std::uint64_t bToABytes) override {
    mailbox_.post([splice, aToBBytes, bToABytes](napi_env env, napi_value handler) {
      const NapiWriter write(env);
      notify(env, handler, Notice::spliceEnded, write.handle(splice), write.bigint(aToBBytes), write.bigint(bToABytes));
    });
  }

  void bye(FeedId feed, std::uint32_t track) override {
    mailbox_.post([feed, track](napi_env env, napi_value handler) {
      const NapiWriter write(env);
      notify(env, handler, Notice::bye, write.handle(feed), write.number(track), write.undefined());
    });
  }

  void refused(ViewerId viewer, std::uint64_t refusals) override {
    mailbox_.post([viewer, refusals](napi_env env, napi_value handler) {
      const NapiWriter write(env);
      notify(env, handler, Notice::refused, write.handle(viewer), write.number(static_cast<double>(refusals)),
             write.undefined());
    });
  }

 private:
  /** handler(notice, object, a, b) */
  static void notify(napi_env env, napi_value handler, Notice notice, napi_value object, napi_value a, napi_value b) {
    const NapiWriter write(env);
    const napi_value arguments[] = {write.number(static_cast<int>(notice)), object, a, b};
    napi_call_function(env, write.undefined(), handler, 4, arguments, nullptr);
  }

  /** handler(Notice::completed, request, undefined | { code, errno, what }, value) */
  static void complete(const NapiWriter& write, napi_value handler, napi_env env, std::uint32_t request, Status status,
                       napi_value value) {
    const napi_value failure = status.ok() ? write.undefined()
                                           : write.object({{"code", write.text(name(status.code))},
                                                           {"errno", write.number(status.errnum)},
                                                           {"what", write.text(status.what)}});
    notify(env, handler, Notice::completed, write.number(request), failure, value);
  }

  static void cleanUp(void* self) {
    auto* edge = static_cast<NapiEdge*>(self);
    edge->engine_.reset();
    edge->mailbox_.close();
  }

  napi_env env_ = nullptr;
  napi_ref counters_ = nullptr;
  NapiMailbox mailbox_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace weir

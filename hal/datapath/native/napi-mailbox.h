#pragma once

#include <node_api.h>

#include <mutex>
#include <utility>
#include <vector>

#include "callback.h"

namespace weir {

/**
 * Brings what happens on the engine's thread to JavaScript, in order: any number of letters, one wake-up. Opened and
 * closed on the JavaScript thread; does not keep the process alive unless told to.
 */
class NapiMailbox {
 public:
  /** Carries its facts to JavaScript; may own descriptors, which it closes when it is never delivered. */
  using Letter = Callback<void(napi_env, napi_value handler)>;

  ~NapiMailbox() { close(); }

  napi_status open(napi_env env, napi_value handler) {
    napi_value name = nullptr;
    napi_status status = napi_create_string_utf8(env, "weir-datapath", NAPI_AUTO_LENGTH, &name);
    if (status != napi_ok) return status;
    status = napi_create_threadsafe_function(env, handler, nullptr, name, 0, 1, nullptr, nullptr, this, deliver, &wake_);
    return status == napi_ok ? napi_unref_threadsafe_function(env, wake_) : status;
  }

  /** From any thread, between open and close. */
  void post(Letter letter) {
    const std::lock_guard lock(mutex_);
    letters_.push_back(std::move(letter));
    if (letters_.size() == 1) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
  }

  void keepAlive(napi_env env, bool alive) {
    if (wake_ == nullptr) return;
    if (alive) napi_ref_threadsafe_function(env, wake_);
    else napi_unref_threadsafe_function(env, wake_);
  }

  /** No thread posts any more; what is undelivered is thrown away. */
  void close() {
    if (wake_ != nullptr) napi_release_threadsafe_function(std::exchange(wake_, nullptr), napi_tsfn_abort);
    letters_.clear();
  }

 private:
  static void deliver(napi_env env, napi_value handler, void* context, void* /*data*/) {
    if (env == nullptr) return;  // The environment ends: its letters die with the mailbox.
    auto* self = static_cast<NapiMailbox*>(context);
    std::vector<Letter> letters;
    {
      const std::lock_guard lock(self->mutex_);
      letters.swap(self->letters_);
    }
    for (const Letter& letter : letters) {
      if (self->wake_ == nullptr) return;  // Closed by what the last letter brought about.
      letter(env, handler);
      napi_value thrown = nullptr;
      bool pending = false;
      if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
          napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
        napi_fatal_exception(env, thrown);
      }
    }
  }

  std::mutex mutex_;
  std::vector<Letter> letters_;
  napi_threadsafe_function wake_ = nullptr;
};

}  // namespace weir

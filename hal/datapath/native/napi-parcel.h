#pragma once

#include <node_api.h>

#include <memory>
#include <utility>

#include "engine.h"

namespace weir {

/** A parcel in the hands of JavaScript, which can only pass it on, once; a forgotten one goes with the garbage. */
template <class P>
class NapiParcel {
 public:
  /** Undefined where the environment ends; the parcel goes then. */
  static napi_value wrap(napi_env env, std::unique_ptr<P> parcel) {
    auto held = std::make_unique<std::unique_ptr<P>>(std::move(parcel));
    const napi_finalize finalize = [](napi_env, void* data, void*) { delete static_cast<std::unique_ptr<P>*>(data); };
    napi_value made = nullptr;
    if (napi_create_external(env, held.get(), finalize, nullptr, &made) != napi_ok) {
      napi_get_undefined(env, &made);
      return made;
    }
    held.release();
    napi_type_tag_object(env, made, tag());
    return made;
  }

  /** Null when it is no such parcel, or was taken before. */
  static std::unique_ptr<P> take(napi_env env, napi_value value) {
    napi_valuetype type = napi_undefined;
    bool ours = false;
    void* data = nullptr;
    if (value == nullptr || napi_typeof(env, value, &type) != napi_ok || type != napi_external) return nullptr;
    if (napi_check_object_type_tag(env, value, tag(), &ours) != napi_ok || !ours) return nullptr;
    if (napi_get_value_external(env, value, &data) != napi_ok) return nullptr;
    return std::move(*static_cast<std::unique_ptr<P>*>(data));
  }

 private:
  static const napi_type_tag* tag();
};

template <>
inline const napi_type_tag* NapiParcel<PairParcel>::tag() {
  static constexpr napi_type_tag kTag{0x5765'6972'2070'6169, 0x7220'7061'7263'656c};
  return &kTag;
}
template <>
inline const napi_type_tag* NapiParcel<ConnectionParcel>::tag() {
  static constexpr napi_type_tag kTag{0x5765'6972'2063'6f6e, 0x6e20'7061'7263'656c};
  return &kTag;
}

}  // namespace weir

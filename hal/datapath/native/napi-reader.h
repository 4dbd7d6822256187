#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "napi-parcel.h"

namespace weir {

/**
 * Reads a JavaScript object with the types the engine wants. TypeScript has checked it before; here nothing is
 * trusted: the first property that does not fit is remembered, and all further reads give nothing.
 */
class NapiReader {
 public:
  NapiReader(napi_env env, napi_value object, std::string& misfit) : env_(env), object_(object), misfit_(misfit) {}

  [[nodiscard]] bool ok() const { return misfit_.empty(); }

  [[nodiscard]] bool has(const char* name) const {
    napi_valuetype type = napi_undefined;
    const napi_value value = property(name);
    return value != nullptr && napi_typeof(env_, value, &type) == napi_ok && type != napi_undefined;
  }

  /** Remembers that this property does not fit. */
  void refuse(const char* name) {
    if (misfit_.empty()) misfit_ = name;
  }

  double number(const char* name, double most) {
    double value = -1;
    const napi_value held = property(name);
    if (held == nullptr || napi_get_value_double(env_, held, &value) != napi_ok || !(value >= 0) || value > most ||
        value != std::floor(value)) {
      refuse(name);
      return 0;
    }
    return value;
  }
  std::uint32_t u32(const char* name) {
    return static_cast<std::uint32_t>(number(name, std::numeric_limits<std::uint32_t>::max()));
  }
  std::uint16_t u16(const char* name) { return static_cast<std::uint16_t>(number(name, 0xffff)); }
  std::uint8_t u8(const char* name) { return static_cast<std::uint8_t>(number(name, 0xff)); }
  int descriptor(const char* name) { return static_cast<int>(number(name, std::numeric_limits<int>::max())); }
  template <class Id>
  Id handle(const char* name) {
    return static_cast<Id>(static_cast<std::uint64_t>(number(name, 9007199254740991.0)));
  }

  bool flag(const char* name) {
    bool value = false;
    const napi_value held = property(name);
    if (held == nullptr || napi_get_value_bool(env_, held, &value) != napi_ok) refuse(name);
    return value;
  }

  std::string text(const char* name) {
    char buffer[64];  // Longer than any address or codec; longer text fits nothing here.
    std::size_t length = 0;
    const napi_value held = property(name);
    if (held == nullptr || napi_get_value_string_utf8(env_, held, buffer, sizeof buffer, &length) != napi_ok) {
      refuse(name);
      return {};
    }
    return {buffer, length};
  }

  /** A property `{ address, port }`. */
  Address endpoint(const char* name) {
    NapiReader inner = nested(name);
    const std::string address = inner.text("address");
    return parsed(name, address, inner.u16("port"));
  }
  Address address(const char* name, std::uint16_t port) { return parsed(name, text(name), port); }

  /** A copy of a Uint8Array's bytes. */
  Bytes bytes(const char* name) {
    napi_typedarray_type type = napi_int8_array;
    std::size_t length = 0;
    void* data = nullptr;
    const napi_value held = property(name);
    if (held == nullptr || napi_get_typedarray_info(env_, held, &type, &length, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      refuse(name);
      return {};
    }
    const auto* first = static_cast<const std::uint8_t*>(data);
    return length == 0 ? Bytes{} : Bytes(first, first + length);
  }

  template <class P>
  std::unique_ptr<P> parcel(const char* name) {
    std::unique_ptr<P> taken = NapiParcel<P>::take(env_, property(name));
    if (!taken) refuse(name);
    return taken;
  }

  /** One reader per object in an array. */
  std::vector<NapiReader> list(const char* name) {
    std::vector<NapiReader> items;
    const napi_value held = property(name);
    std::uint32_t length = 0;
    if (held == nullptr || napi_get_array_length(env_, held, &length) != napi_ok || length > 4 * kMaxTracks) {
      refuse(name);
      return items;
    }
    for (std::uint32_t i = 0; i < length; ++i) {
      napi_value item = nullptr;
      if (napi_get_element(env_, held, i, &item) != napi_ok) refuse(name);
      items.emplace_back(env_, item, misfit_);
    }
    return items;
  }

  NapiReader nested(const char* name) {
    napi_valuetype type = napi_undefined;
    const napi_value held = property(name);
    if (held == nullptr || napi_typeof(env_, held, &type) != napi_ok || type != napi_object) refuse(name);
    return {env_, held, misfit_};
  }

 private:
  [[nodiscard]] napi_value property(const char* name) const {
    napi_value value = nullptr;
    napi_valuetype type = napi_undefined;
    if (!ok() || object_ == nullptr || napi_typeof(env_, object_, &type) != napi_ok || type != napi_object) return nullptr;
    return napi_get_named_property(env_, object_, name, &value) == napi_ok ? value : nullptr;
  }
  Address parsed(const char* name, const std::string& text, std::uint16_t port) {
    const std::optional<Address> address = Address::parse(text, port);
    if (!address) refuse(name);
    return address.value_or(Address{});
  }
  napi_env env_;
  napi_value object_;
  std::string& misfit_;
};

}  // namespace weir

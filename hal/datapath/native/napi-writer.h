#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "napi-parcel.h"

namespace weir {

/** Makes JavaScript values. A failure leaves undefined in its place: the only one possible is an environment that ends. */
class NapiWriter {
 public:
  explicit NapiWriter(napi_env env) : env_(env) {}

  [[nodiscard]] napi_value undefined() const {
    napi_value value = nullptr;
    napi_get_undefined(env_, &value);
    return value;
  }
  [[nodiscard]] napi_value number(double value) const {
    napi_value made = nullptr;
    return napi_create_double(env_, value, &made) == napi_ok ? made : undefined();
  }
  template <class Id>
  [[nodiscard]] napi_value handle(Id id) const {
    return number(static_cast<double>(static_cast<std::uint64_t>(id)));
  }
  [[nodiscard]] napi_value bigint(std::uint64_t value) const {
    napi_value made = nullptr;
    return napi_create_bigint_uint64(env_, value, &made) == napi_ok ? made : undefined();
  }
  [[nodiscard]] napi_value text(const std::string& value) const {
    napi_value made = nullptr;
    return napi_create_string_utf8(env_, value.data(), value.size(), &made) == napi_ok ? made : undefined();
  }
  [[nodiscard]] napi_value bytes(std::span<const std::uint8_t> value) const {
    napi_value made = nullptr;
    return napi_create_buffer_copy(env_, value.size(), value.data(), nullptr, &made) == napi_ok ? made : undefined();
  }
  [[nodiscard]] napi_value object(std::initializer_list<std::pair<const char*, napi_value>> properties) const {
    napi_value made = nullptr;
    if (napi_create_object(env_, &made) != napi_ok) return undefined();
    for (const auto& [name, value] : properties) napi_set_named_property(env_, made, name, value);
    return made;
  }
  template <class P>
  [[nodiscard]] napi_value parcel(std::unique_ptr<P> parcel) const {
    return NapiParcel<P>::wrap(env_, std::move(parcel));
  }
  [[nodiscard]] napi_value endpoint(const Address& address) const {
    return object({{"address", text(address.text())}, {"port", number(address.port)}});
  }
  [[nodiscard]] napi_value starts(const std::vector<TrackStart>& starts) const {
    napi_value list = nullptr;
    if (napi_create_array_with_length(env_, starts.size(), &list) != napi_ok) return undefined();
    std::uint32_t at = 0;
    for (const TrackStart& start : starts) {
      const napi_value item = object(
          {{"track", number(start.track)}, {"seq", number(start.seq)}, {"rtpTime", number(start.rtpTime)}});
      napi_set_element(env_, list, at++, item);
    }
    return list;
  }

 private:
  napi_env env_;
};

}  // namespace weir

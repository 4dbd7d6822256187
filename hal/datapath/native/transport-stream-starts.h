#pragma once

#include <cstdint>
#include <optional>

#include "bytes.h"

namespace weir {

/**
 * Finds where a decoder can start in an MPEG transport stream (ISO/IEC 13818-1): at the tables before a picture with
 * random_access_indicator (2.4.3.5), for without them nobody knows the picture for one. One for each track. Of several
 * programmes the first one counts.
 */
class TransportStreamStarts {
 public:
  /** Takes an RTP payload (RFC 2250 s.2) in; returns the position of the start point that it completes. */
  std::optional<std::uint64_t> take(ByteView payload, std::uint64_t position, std::int64_t nowNs);
  /** Where the newest tables lie. */
  [[nodiscard]] std::optional<std::uint64_t> tablesAt() const { return tablesAt_; }
  /** The stream begins anew: its tables are to be learnt again. Whether its source uses the indicator is known already. */
  void restart();

 private:
  [[nodiscard]] bool withoutIndicator(std::int64_t nowNs) const;
  void takeAssociation(ByteView section);
  void takeMap(ByteView section);

  std::optional<unsigned> mapPid_;
  std::optional<unsigned> videoPid_;
  /** Where the newest association table lies, and whether its programme map has come. */
  std::optional<std::uint64_t> tablesAt_;
  std::int64_t tablesNs_ = 0;
  bool mapped_ = false;
  /** When the first packet came; whether a picture has had the indicator since. */
  std::int64_t sinceNs_ = 0;
  bool indicates_ = false;
};

}  // namespace weir

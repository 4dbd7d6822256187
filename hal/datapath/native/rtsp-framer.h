#pragma once

#include <cstddef>

#include "bytes.h"
#include "engine.h"

namespace weir {

/** What comes next on an RTSP connection. */
struct RtspItem {
  enum class Kind {
    /** Nothing whole yet. */
    more,
    /** A '$' frame (RFC 2326 s.10.12); `bytes` is what it carries. */
    frame,
    /** A whole RTSP message, head and body. */
    message,
    /** Neither: the connection cannot be read any further. */
    bad,
  };
  Kind kind = Kind::more;
  ByteView bytes{};
  std::uint8_t channel = 0;
  /** How much of the data is done with. */
  std::size_t consumed = 0;
};

/**
 * Parts '$' frames from RTSP messages in a stream of bytes. It keeps no bytes, only how far it has looked: every call
 * gets what was not consumed yet, with whatever has been added at its end.
 */
class RtspFramer {
 public:
  explicit RtspFramer(MessageLimits limits) : limits_(limits) {}

  RtspItem next(ByteView data);

 private:
  RtspItem nextMessage(ByteView data, std::size_t skipped);

  MessageLimits limits_;
  /** Within the message that begins the data: looked at already and no end of the head in it. */
  std::size_t looked_ = 0;
  /** Head and body together, once the head is whole; 0: not yet. */
  std::size_t wholeBytes_ = 0;
};

}  // namespace weir

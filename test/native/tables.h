#pragma once

#include <cstdint>
#include <vector>

#include "engine.h"

/** Bytes in, what comes of them out: the unit cases, and what the fuzzers begin with. */
namespace tables {

using weir::Bytes;
using weir::StartPointCodec;

struct StartCase {
  const char* name;
  StartPointCodec codec;
  /** The RTP payload. */
  Bytes payload;
  bool start;
};
const std::vector<StartCase>& startCases();

struct DisposableCase {
  const char* name;
  StartPointCodec codec;
  /** The RTP payload; a codec's cases come one after the other in one stream. */
  Bytes payload;
  bool disposable;
  std::uint32_t rtpTime = 0;
};
const std::vector<DisposableCase>& disposableCases();

struct RtpCase {
  const char* name;
  Bytes packet;
  bool valid;
  std::size_t payloadBytes;
};
const std::vector<RtpCase>& rtpCases();

struct RtcpCase {
  const char* name;
  Bytes packet;
  bool valid;
  bool senderReport;
  bool bye;
  bool lossReported;
  std::int32_t lost;
};
const std::vector<RtcpCase>& rtcpCases();

struct FramerCase {
  const char* name;
  Bytes bytes;
  /** One letter per item: f a frame, m a message, b bad; what is left over waits. */
  const char* items;
};
const std::vector<FramerCase>& framerCases();
inline constexpr weir::MessageLimits kFramerLimits{64, 16};

}  // namespace tables

#include "cloner.h"

#include <algorithm>
#include <cstring>

#include "clone-program.h"

namespace weir {

namespace {

/** How long a way that was found is taken for good: routes and neighbours change, and are dear to ask for. */
constexpr std::int64_t kWayNs = 100 * kNsPerMs;
constexpr std::uint64_t kTimes = 0xffff;
/** In units of kWayNs, far from what any way was found in: a thousand seconds. */
constexpr std::uint64_t kOtherDevice = 10'000;

}  // namespace

Status Cloner::open(std::string& why) {
  Result<BpfMemory> memory = BpfMemory::make(sizeof(CloneTable));
  if (!memory.ok()) return memory.status;
  Result<Fd> program = loadClassifier(cloneProgram(memory.value.fd()), "weir_clone", why);
  if (!program.ok()) return program.status;
  memory_ = std::move(memory.value);
  program_ = std::move(program.value);
  return {};
}

/** A device that comes back has another index. */
Status Cloner::attach(unsigned device) {
  if (!program_.open() || (device == device_ && link_.open())) return {};
  link_.reset();
  device_ = device;
  // Ways by the device before lead nowhere: none of them is known any more.
  timeShift_ += kOtherDevice;
  Status status;
  if (device != 0) {
    Result<Fd> link = attachEgress(program_, device);
    status = link.status;
    if (link.ok()) link_ = std::move(link.value);
  }
  attached_.store(link_.open(), std::memory_order_relaxed);
  return status;
}

CloneViewer Cloner::viewer(const Address& at) {
  CloneViewer viewer;
  viewer.address = at.bytes;
  viewer.port = htons(at.port);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < at.bytes.size(); i += sizeof(std::uint16_t)) {
    std::uint16_t word;
    std::memcpy(&word, &at.bytes[i], sizeof word);
    sum += word;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  viewer.addressSum = static_cast<std::uint16_t>(sum);
  return viewer;
}

void Cloner::await(Run& run, int family, std::size_t longest, const CloneViewer& lead, std::int64_t nowNs) {
  CloneTable& shared = table();
  const iovec& first = *run.packets();
  shared.finished = 0;
  shared.time = static_cast<std::uint32_t>((static_cast<std::uint64_t>(nowNs / kWayNs) + timeShift_) % kTimes) + 1;
  shared.count = static_cast<std::uint32_t>(count_);
  shared.lead = lead;
  std::memcpy(shared.mark.data(), first.iov_base, std::min(first.iov_len, shared.mark.size()));
  shared.payloadBytes = static_cast<std::uint32_t>(run.bytes());
  shared.packetBytes = static_cast<std::uint32_t>(longest);
  runPackets_ = run.count();
  // Last: from here on the program looks for it.
  std::atomic_ref(shared.family).store(static_cast<std::uint32_t>(family), std::memory_order_release);
}

/** What the program has not taken on by now it shall not find later. */
bool Cloner::over() {
  if (std::atomic_ref(table().family).exchange(0, std::memory_order_acq_rel) != 0) return false;
  // It ran while we sent, unless the packet waited for its neighbour and is just now going out on another processor.
  while (std::atomic_ref(table().finished).load(std::memory_order_acquire) == 0) {
  }
  return true;
}

}  // namespace weir

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bpf-program.h"
#include "fd.h"
#include "result.h"

/** bpf(2), as much of it as a program on a NIC's way out needs. */
namespace weir {

/** Memory that a program shares with us: a map of one value. */
class BpfMemory {
 public:
  static Result<BpfMemory> make(std::size_t bytes);
  BpfMemory() = default;
  BpfMemory(BpfMemory&& other) noexcept;
  BpfMemory& operator=(BpfMemory&& other) noexcept;
  ~BpfMemory();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] void* at() const { return at_; }

 private:
  Fd fd_;
  void* at_ = nullptr;
  std::size_t bytes_ = 0;
};

/** Loads a program for tc. When the verifier refuses it, `why` is the last it had to say. */
Result<Fd> loadClassifier(const BpfProgram& program, const char* name, std::string& why);

/** Runs the program for all that leaves by a device, until the descriptor is closed or the device goes (tcx, Linux 6.6). */
Result<Fd> attachEgress(const Fd& program, unsigned device);

}  // namespace weir

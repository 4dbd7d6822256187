#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir {

/** Registers of BPF by what the calling convention does with them (kernel: Documentation/bpf/standardization). */
enum class Reg : std::uint8_t { result = 0, arg1, arg2, arg3, arg4, arg5, kept6, kept7, kept8, kept9, frame };

/** Writes a BPF program instruction by instruction: there is no compiler for it on the box, nor needed for so little. */
class BpfProgram {
 public:
  /** A place to jump to, forward or back. */
  class Label {
    friend class BpfProgram;
    int at_ = -1;
    std::vector<std::size_t> uses_;
  };
  enum Width : std::uint8_t { u8 = BPF_B, u16 = BPF_H, u32 = BPF_W, u64 = BPF_DW };
  enum Test : std::uint8_t { equal = BPF_JEQ, notEqual = BPF_JNE, atLeast = BPF_JGE };

  void set(Reg to, Reg from) { alu(BPF_MOV | BPF_X, to, from, 0); }
  void set(Reg to, std::int32_t value) { alu(BPF_MOV | BPF_K, to, Reg::result, value); }
  void add(Reg to, Reg from) { alu(BPF_ADD | BPF_X, to, from, 0); }
  void add(Reg to, std::int32_t value) { alu(BPF_ADD | BPF_K, to, Reg::result, value); }
  void bitAnd(Reg to, std::int32_t value) { alu(BPF_AND | BPF_K, to, Reg::result, value); }
  void bitXor(Reg to, std::int32_t value) { alu(BPF_XOR | BPF_K, to, Reg::result, value); }
  void shiftRight(Reg to, std::int32_t bits) { alu(BPF_RSH | BPF_K, to, Reg::result, bits); }

  void load(Width width, Reg to, Reg base, std::int32_t offset);
  void store(Width width, Reg base, std::int32_t offset, Reg from);
  void store(Width width, Reg base, std::int32_t offset, std::int32_t value);
  /** In one step: what `with` holds goes there, what was there goes into `with`. */
  void exchange(Width width, Reg base, std::int32_t offset, Reg with);
  /** The address of what that map of one value holds. */
  void setToMapValue(Reg to, int mapFd);

  void jump(Label& to) { branch(BPF_JMP | BPF_JA, Reg::result, Reg::result, 0, to); }
  void jumpIf(Test test, Reg left, std::int32_t right, Label& to) {
    branch(static_cast<std::uint8_t>(BPF_JMP | test | BPF_K), left, Reg::result, right, to);
  }
  void jumpIf(Test test, Reg left, Reg right, Label& to) {
    branch(static_cast<std::uint8_t>(BPF_JMP | test | BPF_X), left, right, 0, to);
  }
  /** Jumps to `label` lead here. */
  void place(Label& label);

  void call(bpf_func_id helper);
  /** Calls what begins at `function`, which may not use what the caller has in `kept` registers, for it has its own. */
  void call(Label& function);
  void exit() { emit(BPF_JMP | BPF_EXIT, Reg::result, Reg::result, 0, 0); }

  [[nodiscard]] std::span<const bpf_insn> instructions() const { return instructions_; }

 private:
  void alu(std::uint8_t operation, Reg to, Reg from, std::int32_t value);
  void branch(std::uint8_t code, Reg left, Reg right, std::int32_t value, Label& to);
  void emit(std::uint8_t code, Reg to, Reg from, std::int16_t offset, std::int32_t value);

  std::vector<bpf_insn> instructions_;
};

}  // namespace weir

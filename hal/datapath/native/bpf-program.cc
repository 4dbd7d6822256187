#include "bpf-program.h"

namespace weir {

void BpfProgram::load(Width width, Reg to, Reg base, std::int32_t offset) {
  emit(static_cast<std::uint8_t>(BPF_LDX | BPF_MEM | width), to, base, static_cast<std::int16_t>(offset), 0);
}

void BpfProgram::store(Width width, Reg base, std::int32_t offset, Reg from) {
  emit(static_cast<std::uint8_t>(BPF_STX | BPF_MEM | width), base, from, static_cast<std::int16_t>(offset), 0);
}

void BpfProgram::store(Width width, Reg base, std::int32_t offset, std::int32_t value) {
  emit(static_cast<std::uint8_t>(BPF_ST | BPF_MEM | width), base, Reg::result, static_cast<std::int16_t>(offset), value);
}

void BpfProgram::exchange(Width width, Reg base, std::int32_t offset, Reg with) {
  emit(static_cast<std::uint8_t>(BPF_STX | BPF_ATOMIC | width), base, with, static_cast<std::int16_t>(offset), BPF_XCHG);
}

void BpfProgram::setToMapValue(Reg to, int mapFd) {
  // One instruction of 16 bytes: the map in the first half, the offset into its value in the second.
  emit(BPF_LD | BPF_DW | BPF_IMM, to, static_cast<Reg>(BPF_PSEUDO_MAP_VALUE), 0, mapFd);
  emit(0, Reg::result, Reg::result, 0, 0);
}

void BpfProgram::place(Label& label) {
  label.at_ = static_cast<int>(instructions_.size());
  for (const std::size_t use : label.uses_) {
    bpf_insn& instruction = instructions_[use];
    const int distance = label.at_ - static_cast<int>(use) - 1;
    if (instruction.code == (BPF_JMP | BPF_CALL)) {
      instruction.imm = distance;
    } else {
      instruction.off = static_cast<std::int16_t>(distance);
    }
  }
}

void BpfProgram::call(bpf_func_id helper) { emit(BPF_JMP | BPF_CALL, Reg::result, Reg::result, 0, helper); }

void BpfProgram::call(Label& function) {
  const auto here = static_cast<int>(instructions_.size());
  if (function.at_ < 0) function.uses_.push_back(instructions_.size());
  emit(BPF_JMP | BPF_CALL, Reg::result, static_cast<Reg>(BPF_PSEUDO_CALL), 0, function.at_ < 0 ? 0 : function.at_ - here - 1);
}

void BpfProgram::alu(std::uint8_t operation, Reg to, Reg from, std::int32_t value) {
  emit(BPF_ALU64 | operation, to, from, 0, value);
}

void BpfProgram::branch(std::uint8_t code, Reg left, Reg right, std::int32_t value, Label& to) {
  const auto here = static_cast<int>(instructions_.size());
  if (to.at_ < 0) to.uses_.push_back(instructions_.size());
  emit(code, left, right, static_cast<std::int16_t>(to.at_ < 0 ? 0 : to.at_ - here - 1), value);
}

void BpfProgram::emit(std::uint8_t code, Reg to, Reg from, std::int16_t offset, std::int32_t value) {
  bpf_insn instruction{};
  instruction.code = code;
  instruction.dst_reg = static_cast<std::uint8_t>(to) & 0xf;
  instruction.src_reg = static_cast<std::uint8_t>(from) & 0xf;
  instruction.off = offset;
  instruction.imm = value;
  instructions_.push_back(instruction);
}

}  // namespace weir

/* bpf(2), and as much of an assembler as two small programs on a NIC need: no compiler for them has to be installed. */
#pragma once
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/bpf.h since 6.6; headers may be older than the kernel. */
enum { TCX_INGRESS = 46, TCX_EGRESS = 47, TCX_NEXT = -1 };
/* What the program ends with where the kernel does not know something or does not allow it. */
enum { EXIT_UNAVAILABLE = 3 };

enum reg { RESULT, ARG1, ARG2, ARG3, ARG4, ARG5, KEPT6, KEPT7, KEPT8, KEPT9, FRAME };
enum { PROGRAM_ROOM = 256, LABEL_ROOM = 16 };

struct program {
  struct bpf_insn code[PROGRAM_ROOM];
  uint32_t length;
};

/* Where jumps lead, known before them or afterwards. */
struct label {
  uint32_t jumps[LABEL_ROOM], jump_count, place;
  bool placed;
};

static inline void emit(struct program *p, int code, enum reg to, enum reg from, int offset, int32_t value) {
  if (p->length == PROGRAM_ROOM) abort();
  p->code[p->length++] = (struct bpf_insn){
      .code = (uint8_t)code, .dst_reg = to, .src_reg = from, .off = (int16_t)offset, .imm = value};
}

static inline void set(struct program *p, enum reg to, int32_t value) {
  emit(p, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

static inline void copy(struct program *p, enum reg to, enum reg from) {
  emit(p, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

/* BPF_ADD, BPF_SUB, BPF_AND, BPF_LSH, BPF_RSH. */
static inline void compute(struct program *p, int operation, enum reg to, int32_t value) {
  emit(p, BPF_ALU64 | operation | BPF_K, to, 0, 0, value);
}

static inline void compute_with(struct program *p, int operation, enum reg to, enum reg from) {
  emit(p, BPF_ALU64 | operation | BPF_X, to, from, 0, 0);
}

/* From network order, of so many bits. */
static inline void from_network(struct program *p, enum reg value, int bits) {
  emit(p, BPF_ALU | BPF_END | BPF_TO_BE, value, 0, 0, bits);
}

/* BPF_B, BPF_H, BPF_W, BPF_DW. */
static inline void load(struct program *p, int width, enum reg to, enum reg from, int offset) {
  emit(p, BPF_LDX | BPF_MEM | width, to, from, offset, 0);
}

static inline void store(struct program *p, int width, enum reg to, int offset, enum reg value) {
  emit(p, BPF_STX | BPF_MEM | width, to, value, offset, 0);
}

/* Eight bytes at once, as other processors may count there, too. */
static inline void count_one(struct program *p, enum reg at, int offset, enum reg scratch) {
  set(p, scratch, 1);
  emit(p, BPF_STX | BPF_ATOMIC | BPF_DW, at, scratch, offset, BPF_ADD);
}

/* The address of the one value of a map. */
static inline void point_to_map(struct program *p, enum reg to, int map_fd) {
  emit(p, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_VALUE, 0, map_fd);
  emit(p, 0, 0, 0, 0, 0);
}

static inline void call(struct program *p, int helper) { emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, helper); }

static inline void leave(struct program *p, int32_t result) {
  set(p, RESULT, result);
  emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* The processor counts from the instruction behind the jump. */
static inline void lead(struct program *p, uint32_t jump, uint32_t to) {
  p->code[jump].off = (int16_t)((int32_t)to - (int32_t)jump - 1);
}

static inline void place(struct program *p, struct label *label) {
  label->place = p->length;
  label->placed = true;
  for (uint32_t i = 0; i < label->jump_count; i++) lead(p, label->jumps[i], label->place);
}

static inline void jump_to(struct program *p, struct label *label) {
  uint32_t jump = p->length - 1;
  if (label->placed) return lead(p, jump, label->place);
  if (label->jump_count == LABEL_ROOM) abort();
  label->jumps[label->jump_count++] = jump;
}

static inline void jump(struct program *p, struct label *to) {
  emit(p, BPF_JMP | BPF_JA, 0, 0, 0, 0);
  jump_to(p, to);
}

/* BPF_JEQ, BPF_JNE, BPF_JLT, BPF_JGE. */
static inline void jump_if(struct program *p, int test, enum reg left, int32_t right, struct label *to) {
  emit(p, BPF_JMP | test | BPF_K, left, 0, 0, right);
  jump_to(p, to);
}

static inline void jump_if_reg(struct program *p, int test, enum reg left, enum reg right, struct label *to) {
  emit(p, BPF_JMP | test | BPF_X, left, right, 0, 0);
  jump_to(p, to);
}

static inline int bpf(enum bpf_cmd command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static inline void unavailable(const char *what, const char *log) {
  size_t length = strlen(log), shown = length < 400 ? length : 400;
  fprintf(stderr, "%s: %s%s%s\n", what, strerror(errno), shown ? ": " : "", log + length - shown);
  exit(EXIT_UNAVAILABLE);
}

/* A map of one value, and where it lies in this process. */
static inline int make_shared(uint32_t bytes, void **at) {
  union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY,
                               .key_size = sizeof(uint32_t),
                               .value_size = bytes,
                               .max_entries = 1,
                               .map_flags = BPF_F_MMAPABLE};
  int fd = bpf(BPF_MAP_CREATE, &attributes);
  if (fd < 0) unavailable("BPF_MAP_CREATE", "");
  *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (*at == MAP_FAILED) unavailable("mmap", "");
  return fd;
}

/* Runs it for all that passes the device there, behind the programs that are there already, until this process ends. */
static inline void run_at(const struct program *p, unsigned device, int place) {
  static char log[1 << 16];
  union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
                               .insns = (uintptr_t)p->code,
                               .insn_cnt = p->length,
                               /* bpf_ktime_get_ns is for programs under a licence like the kernel's. */
                               .license = (uintptr_t)"Dual MIT/GPL"};
  int fd = bpf(BPF_PROG_LOAD, &attributes);
  if (fd < 0) {
    /* Once more, for what the verifier says. */
    attributes.log_level = 1;
    attributes.log_buf = (uintptr_t)log;
    attributes.log_size = sizeof log;
    fd = bpf(BPF_PROG_LOAD, &attributes);
  }
  if (fd < 0) unavailable("BPF_PROG_LOAD", log);
  union bpf_attr link = {
      .link_create = {.prog_fd = (uint32_t)fd, .target_ifindex = device, .attach_type = (uint32_t)place}};
  if (bpf(BPF_LINK_CREATE, &link) < 0) unavailable("BPF_LINK_CREATE (tcx, Linux 6.6)", "");
}

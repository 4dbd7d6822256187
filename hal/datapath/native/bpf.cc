#include "bpf.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace weir {

namespace {

/** BPF_TCX_EGRESS of linux/bpf.h since 6.6; headers may be older than the kernel. */
constexpr std::uint32_t kTcxEgress = 47;
constexpr std::size_t kLogBytes = 64 * 1024;
constexpr std::size_t kLogShown = 400;
/** The verifier gives up (EAGAIN) when a signal waits for the thread; as libbpf does, it is asked again so often. */
constexpr int kLoadAttempts = 10;

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

Fd load(bpf_attr& attributes) {
  for (int attempt = 1;; ++attempt) {
    Fd fd(bpf(BPF_PROG_LOAD, attributes));
    if (fd.open() || errno != EAGAIN || attempt == kLoadAttempts) return fd;
  }
}

std::uint64_t pointer(const void* to) { return reinterpret_cast<std::uintptr_t>(to); }

}  // namespace

Result<BpfMemory> BpfMemory::make(std::size_t bytes) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = sizeof(std::uint32_t);
  attributes.value_size = static_cast<std::uint32_t>(bytes);
  attributes.max_entries = 1;
  attributes.map_flags = BPF_F_MMAPABLE;
  BpfMemory memory;
  memory.fd_ = Fd(bpf(BPF_MAP_CREATE, attributes));
  if (!memory.fd_.open()) return Status::failed("BPF_MAP_CREATE", errno);
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd_.get(), 0);
  if (at == MAP_FAILED) return Status::failed("mmap", errno);
  memory.at_ = at;
  memory.bytes_ = bytes;
  return memory;
}

BpfMemory::BpfMemory(BpfMemory&& other) noexcept
    : fd_(std::move(other.fd_)), at_(std::exchange(other.at_, nullptr)), bytes_(other.bytes_) {}

BpfMemory& BpfMemory::operator=(BpfMemory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(at_, other.at_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

BpfMemory::~BpfMemory() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
}

Result<Fd> loadClassifier(const BpfProgram& program, const char* name, std::string& why) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insn_cnt = static_cast<std::uint32_t>(program.instructions().size());
  attributes.insns = pointer(program.instructions().data());
  // bpf_fib_lookup is for programs under a licence that the kernel takes for compatible with its own: what we load is offered so.
  attributes.license = pointer("Dual MIT/GPL");
  std::strncpy(attributes.prog_name, name, sizeof attributes.prog_name - 1);
  Fd fd = load(attributes);
  if (fd.open()) return fd;
  const int failure = errno;
  if (failure == EPERM) return Status::failed("BPF_PROG_LOAD", failure);
  // Once more, for what the verifier says; most of it is what it found good.
  std::vector<char> log(kLogBytes);
  attributes.log_level = 1;
  attributes.log_buf = pointer(log.data());
  attributes.log_size = static_cast<std::uint32_t>(log.size());
  fd = load(attributes);
  if (fd.open()) return fd;
  why.assign(log.data(), ::strnlen(log.data(), log.size()));
  if (why.size() > kLogShown) why.erase(0, why.size() - kLogShown);
  return Status::failed("BPF_PROG_LOAD", failure);
}

Result<Fd> attachEgress(const Fd& program, unsigned device) {
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
  attributes.link_create.target_ifindex = device;
  attributes.link_create.attach_type = kTcxEgress;
  Fd link(bpf(BPF_LINK_CREATE, attributes));
  if (!link.open()) return Status::failed("BPF_LINK_CREATE", errno);
  return link;
}

}  // namespace weir

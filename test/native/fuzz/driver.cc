#include <sanitizer/common_interface_defs.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/** So that an abort of a target comes to the death callback too. */
extern "C" const char* __asan_default_options() { return "handle_abort=1"; }

namespace {

using Input = std::vector<std::uint8_t>;

std::string crashFile;
Input current;

void saveCrash() {
  std::ofstream(crashFile, std::ios::binary)
      .write(reinterpret_cast<const char*>(current.data()), static_cast<std::streamsize>(current.size()));
  std::fprintf(stderr, "the input lies in %s\n", crashFile.c_str());
}

Input mutated(const std::vector<Input>& seeds, std::minstd_rand& random) {
  Input input = seeds[random() % seeds.size()];
  const int changes = 1 + static_cast<int>(random() % 8);
  for (int i = 0; i < changes; ++i) {
    const std::size_t at = input.empty() ? 0 : random() % input.size();
    const auto where = input.begin() + static_cast<std::ptrdiff_t>(at);
    const Input& other = seeds[random() % seeds.size()];
    switch (random() % 5) {
      case 0:
        if (!input.empty()) input[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1U << random() % 8);
        break;
      case 2:
        input.erase(where, input.end());
        break;
      case 3:
        input.insert(where, static_cast<std::uint8_t>(random()));
        break;
      default:
        input.insert(where, other.begin(), other.end());
        break;
    }
  }
  return input;
}

}  // namespace

/** `-max_total_time=SECONDS -artifact_prefix=PREFIX FOLDER`, as libFuzzer takes them; for compilers without it. */
int main(int argc, char** argv) {
  if (argc != 4 || std::strncmp(argv[1], "-max_total_time=", 16) != 0) return 2;
  if (std::strncmp(argv[2], "-artifact_prefix=", 17) != 0) return 2;
  crashFile = std::string(argv[2] + 17) + "crash";
  __sanitizer_set_death_callback(saveCrash);
  const std::string folder = argv[3];
  std::vector<Input> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) return 2;
  for (const Input& seed : seeds) {
    current = seed;
    LLVMFuzzerTestOneInput(current.data(), current.size());
  }
  std::minstd_rand random(static_cast<unsigned>(std::chrono::steady_clock::now().time_since_epoch().count()));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(argv[1] + 16));
  long runs = 0;
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 100; ++i, ++runs) {
      current = mutated(seeds, random);
      LLVMFuzzerTestOneInput(current.data(), current.size());
    }
  }
  std::printf("%ld inputs\n", runs);
  return 0;
}

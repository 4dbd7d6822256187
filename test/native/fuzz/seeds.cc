#include <cstdio>
#include <fstream>
#include <string>

#include "../tables.h"

namespace {

int written = 0;

/** As the targets read it: a byte that tells how to cut, then the case. */
void write(const std::string& folder, const weir::Bytes& bytes) {
  std::ofstream file(folder + "/seed-" + std::to_string(written++), std::ios::binary);
  file.put('\xff');
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

/** `seeds framer|rtp FOLDER`: writes the test tables as files for a fuzzer to begin with. */
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string folder = argv[2];
  if (std::string(argv[1]) == "framer") {
    for (const auto& test : tables::framerCases()) write(folder, test.bytes);
  } else {
    for (const auto& test : tables::rtpCases()) write(folder, test.packet);
    for (const auto& test : tables::rtcpCases()) write(folder, test.packet);
    for (const auto& test : tables::startCases()) write(folder, test.payload);
  }
  return written > 0 ? 0 : 1;
}

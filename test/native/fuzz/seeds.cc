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

/** `seeds framer|rtp|reorder FOLDER`: writes the test tables as files for a fuzzer to begin with. */
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string folder = argv[2];
  if (std::string(argv[1]) == "framer") {
    for (const auto& test : tables::framerCases()) write(folder, test.bytes);
  } else if (std::string(argv[1]) == "reorder") {
    // A step of one is 25. In order; two change places; ten late; a gap that is given up; another SSRC; a resume.
    write(folder, {25, 1, 25, 1, 25, 1});
    write(folder, {25, 1, 26, 1, 23, 1, 26, 1, 25, 1});
    write(folder, {25, 1, 26, 0, 25, 0, 25, 0, 25, 0, 25, 0, 25, 0, 25, 0, 25, 0, 25, 0, 14, 0, 35, 0});
    write(folder, {25, 1, 26, 40, 23, 1, 26, 1});
    write(folder, {25, 1, 26, 1, 0xf8, 1, 25, 1});
    write(folder, {25, 1, 26, 1, 0xff, 1, 25, 1});
  } else {
    for (const auto& test : tables::rtpCases()) write(folder, test.packet);
    for (const auto& test : tables::rtcpCases()) write(folder, test.packet);
    for (const auto& test : tables::startCases()) write(folder, test.payload);
    for (const auto& test : tables::disposableCases()) write(folder, test.payload);
  }
  return written > 0 ? 0 : 1;
}

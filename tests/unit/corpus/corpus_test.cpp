// The inputs of the fuzz targets, replayed: seeds, and what a fuzzer has found. One case a target. A target stops the
// process where it finds a fault, which Boost.Test reports with the input's name.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#define X(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
CHATD_FUZZ_TARGETS
#undef X

namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  BOOST_REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

void run(int (*target)(const std::uint8_t*, std::size_t), const std::string& input) {
  // A copy of exactly its size, so that a sanitizer sees every byte read beyond it.
  const std::basic_string<std::uint8_t> bytes(input.begin(), input.end());
  target(bytes.data(), bytes.size());
}

/// Every file of the target's corpus, and each cut short at every byte.
void replay(const char* name, int (*target)(const std::uint8_t*, std::size_t)) {
  constexpr std::size_t kCuts = 4096;  // an input longer than this is cut at so many places only
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(CHATD_CORPUS) / name)) {
    BOOST_TEST_CONTEXT(entry.path().string()) {
      const std::string input = contents(entry.path());
      for (std::size_t size = 0; size <= std::min(input.size(), kCuts); ++size) run(target, input.substr(0, size));
      run(target, input);
      BOOST_TEST_PASSPOINT();
    }
    ++files;
  }
  BOOST_TEST(files > 0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(corpus)

#define X(name) \
  BOOST_AUTO_TEST_CASE(of_##name) { replay(#name, fuzz_##name); }
CHATD_FUZZ_TARGETS
#undef X

BOOST_AUTO_TEST_SUITE_END()

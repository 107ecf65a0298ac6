// plugins/check: what the checker sees in a file.
#include "check/elf.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>

#include "support/plugin_folder.h"

namespace {

std::string fault(const std::string& path) {
  const auto facts = chatd::plugin_check::readLibrary(path);
  return facts.ok() ? "" : facts.error().detail();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plugin_check_elf)

BOOST_AUTO_TEST_CASE(a_library_that_was_cut_off_is_called_so_wherever_it_ends) {
  const chatd::test::PluginFolder folder;
  folder.put("evil", "mine");
  const std::string path = folder.file("mine.so");
  BOOST_TEST(fault(path) == "");
  const auto whole = std::filesystem::file_size(path);
  for (const auto size : {whole - 1, whole / 2, std::uintmax_t{100}, std::uintmax_t{64}}) {
    std::filesystem::resize_file(path, size);
    BOOST_TEST(fault(path) == "is not a whole library: its end is missing", size);
  }
  std::filesystem::resize_file(path, 63);
  BOOST_TEST(fault(path) == "is no 64-bit ELF shared library");
}

BOOST_AUTO_TEST_SUITE_END()

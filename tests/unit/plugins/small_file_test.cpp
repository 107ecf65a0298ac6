// plugins/common: files that a configuration names, and `static`, which has one.
#include "common/small_file.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <string>

#include "plugin_fixture.h"
#include "simple/simple_plugins.h"
#include "support/plugin_folder.h"

namespace {

using chatd::plugins::readSmallFile;
using chatd::test::PluginFolder;

std::string written(const PluginFolder& folder, const std::string& name, const std::string& content) {
  std::ofstream(folder.file(name), std::ios::binary) << content;
  return folder.file(name);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(small_file)

BOOST_AUTO_TEST_CASE(a_regular_file_is_read_whole_up_to_its_limit) {
  const PluginFolder folder;
  const std::string big(200'000, 'x');
  BOOST_TEST((readSmallFile(written(folder, "a", big), big.size()) == big));
  BOOST_TEST(!readSmallFile(folder.file("a"), big.size() - 1).has_value());
  BOOST_TEST(readSmallFile(written(folder, "empty", ""), 1).value_or("none") == "");
  // It says that it has no bytes.
  BOOST_TEST(readSmallFile("/proc/self/status", 1 << 20).value_or("").starts_with("Name:"));
  BOOST_TEST(!readSmallFile("/proc/self/status", 8).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_not_read_and_not_waited_for) {
  const PluginFolder folder;
  BOOST_REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0600) == 0);
  for (const std::string& path : {folder.file("fifo"), std::string("/dev/zero"), folder.path(), folder.file("none"),
                                  std::string("relative"), std::string(), std::string("/proc/self/status\0", 18)})
    BOOST_TEST(!readSmallFile(path, 1 << 20).has_value(), path);
}

BOOST_AUTO_TEST_CASE(static_says_which_file_it_wants) {
  const PluginFolder folder;
  chatd::test::PluginFixture list(chatd_static_plugin_entry(CHATD_ABI_MINOR));
  const auto made = [&](const std::string& path) { return list.create(R"({"file":")" + path + R"("})"); };
  BOOST_REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0600) == 0);
  for (const std::string& path : {folder.file("fifo"), std::string("/dev/zero"), folder.file("none")})
    BOOST_TEST(made(path) == "file: must be the absolute path of a regular file that chatd may read, of at most 4 MiB",
               path);
  BOOST_TEST(made(written(folder, "list", "[]")) == "file: is no JSON object of tokens and user ids");
  BOOST_TEST(made(written(folder, "list", R"({"t":"ann"})")) == "");
}

BOOST_AUTO_TEST_SUITE_END()

// plugins/host: which files are taken for plugins, and what is loaded.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "host/plugin_library.h"
#include "support/plugin_folder.h"

namespace chatd {
namespace {

using test::PluginFolder;

std::string why(const std::vector<std::string>& folders, const std::string& name) {
  const auto file = PluginFile::find(folders, name);
  return file.ok() ? "" : std::string(file.error().wire()) + ": " + file.error().detail();
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

BOOST_AUTO_TEST_SUITE(plugin_library)

BOOST_AUTO_TEST_CASE(a_name_is_a_name_and_never_a_path) {
  for (const char* good : {"a", "my-sso", "acme.sso_2", "0x"}) BOOST_TEST(PluginFile::goodName(good), good);
  for (const char* bad : {"", ".", "..", "../x", "a/b", "/etc/x", ".hidden", "-x", "A", "a b", "a\n"}) {
    BOOST_TEST(!PluginFile::goodName(bad), bad);
  }
  BOOST_TEST(!PluginFile::goodName(std::string(65, 'a')));
}

BOOST_AUTO_TEST_CASE(a_good_file_is_found_in_the_first_folder_that_has_it) {
  const PluginFolder first;
  const PluginFolder second;
  second.put("evil", "mine");
  const auto file = PluginFile::find({"/nonexistent", first.path(), second.path()}, "mine");
  BOOST_REQUIRE(file.ok());
  BOOST_TEST(file->path() == second.file("mine.so"));
  BOOST_TEST(has(why({first.path()}, "mine"), "not_found"));
  second.put("evil", "other");
  BOOST_TEST((PluginFile::names({first.path(), second.path()}) == std::vector<std::string>{"mine", "other"}));
}

BOOST_AUTO_TEST_CASE(a_file_or_folder_that_others_may_write_is_refused) {
  const PluginFolder folder;
  folder.put("evil", "mine");
  for (const mode_t mode : {0666, 0646, 0664, 0662}) {
    ::chmod(folder.file("mine.so").c_str(), mode);
    BOOST_TEST(has(why({folder.path()}, "mine"), "forbidden"), mode);
    BOOST_TEST(has(why({folder.path()}, "mine"), "writable"), mode);
  }
  ::chmod(folder.file("mine.so").c_str(), 0644);
  BOOST_TEST(why({folder.path()}, "mine") == "");
  ::chmod(folder.path().c_str(), 0777);
  BOOST_TEST(has(why({folder.path()}, "mine"), "writable"));
}

BOOST_AUTO_TEST_CASE(a_file_of_another_user_is_refused) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("needs root to give files away");
    return;
  }
  const PluginFolder folder;
  folder.put("evil", "mine");
  BOOST_REQUIRE(::chown(folder.file("mine.so").c_str(), 12345, 12345) == 0);
  BOOST_TEST(has(why({folder.path()}, "mine"), "belongs to user 12345"));
  BOOST_REQUIRE(::chown(folder.file("mine.so").c_str(), 0, 0) == 0);
  BOOST_REQUIRE(::chown(folder.path().c_str(), 12345, 12345) == 0);
  BOOST_TEST(has(why({folder.path()}, "mine"), "belongs to user 12345"));
}

BOOST_AUTO_TEST_CASE(a_link_may_stay_in_its_folder_and_not_leave_it) {
  const PluginFolder folder;
  const PluginFolder outside;
  folder.put("evil", "real-1.0");
  outside.put("evil", "secret");
  std::filesystem::create_symlink("real-1.0.so", folder.file("inside.so"));
  std::filesystem::create_symlink(outside.file("secret.so"), folder.file("absolute.so"));
  std::filesystem::create_symlink("../" + std::filesystem::path(outside.path()).filename().string() + "/secret.so",
                                  folder.file("relative.so"));
  std::filesystem::create_symlink("/proc/self/exe", folder.file("magic.so"));
  BOOST_TEST(why({folder.path()}, "inside") == "");
  for (const char* name : {"absolute", "relative", "magic"}) BOOST_TEST(has(why({folder.path()}, name), "forbidden"), name);
  // The folder itself may not be a link either.
  std::filesystem::create_symlink(folder.path(), outside.file("door"));
  BOOST_TEST(why({outside.file("door")}, "inside") != "");
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_refused_and_not_waited_for) {
  const PluginFolder folder;
  BOOST_REQUIRE(::mkfifo(folder.file("pipe.so").c_str(), 0600) == 0);
  std::filesystem::create_directory(folder.file("folder.so"));
  for (const char* name : {"pipe", "folder"}) BOOST_TEST(has(why({folder.path()}, name), "no regular file"), name);
}

BOOST_AUTO_TEST_CASE(a_library_that_is_no_plugin_for_us_is_told_why) {
  const PluginFolder folder;
  const auto reason = [&](const std::string& name) {
    auto file = PluginFile::find({folder.path()}, name);
    BOOST_REQUIRE(file.ok());
    const auto loaded = loadPlugin(file->release());
    return loaded.ok() ? std::string() : loaded.error().detail();
  };
  for (const char* name : {"wrong-abi", "wrong-table", "wrong-host"}) folder.put(name, name);
  std::ofstream(folder.file("text.so")) << "not an ELF file";
  BOOST_TEST(has(reason("wrong-abi"), "another ABI"));
  BOOST_TEST(has(reason("wrong-table"), "struct_size"));
  BOOST_TEST(has(reason("wrong-host"), "refuses this version"));
  BOOST_TEST(has(reason("text"), "cannot be loaded"));
}

BOOST_AUTO_TEST_CASE(two_plugins_with_the_same_class_names_do_not_touch_each_other) {
  const PluginFolder folder;
  folder.put("evil", "one");
  folder.put("evil2", "two");
  std::vector<std::string> versions;
  for (const char* name : {"one", "two", "one"}) {
    auto file = PluginFile::find({folder.path()}, name);
    BOOST_REQUIRE(file.ok());
    const auto plugin = loadPlugin(file->release());
    BOOST_REQUIRE(plugin.ok());
    versions.emplace_back((*plugin)->version);
  }
  BOOST_TEST((versions == std::vector<std::string>{"1", "2", "1"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chatd

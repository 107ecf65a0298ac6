// Secrets of plugins: whose they are, where they come from, and what is refused.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "auth/plugin_secrets.h"
#include "host/secrets.h"

using namespace chatd;

namespace {

struct Folder {
  Folder() {
    std::string made = (std::filesystem::temp_directory_path() / "chatd-secrets-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
    ::setenv("CHATD_TEST_SECRET", "of the environment", 1);
  }
  ~Folder() {
    std::filesystem::remove_all(path);
    ::unsetenv("CHATD_TEST_SECRET");
  }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string file = (path / name).string();
    std::ofstream(file) << text;
    ::chmod(file.c_str(), mode);
    return "file:" + file;
  }
  std::string value(const std::vector<std::string>& entries, const SecretScope& scope, const std::string& name) {
    faults.clear();
    for (const auto& [known, secret] : PluginSecrets(entries).of(scope, faults)) {
      if (known == name) return secret;
    }
    return "none";
  }
  std::filesystem::path path;
  std::vector<SecretFault> faults;
};

const SecretScope kShop{AppId{7}, "shop"};
const SecretScope kOther{AppId{8}, "other"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plugin_secrets, Folder)

BOOST_AUTO_TEST_CASE(an_app_finds_its_own_and_those_of_all_and_no_other) {
  const std::vector<std::string> entries{"*/common=" + write("common", "for all\n"), "shop/key=" + write("key", "of shop"),
                                         "7/byId=env:CHATD_TEST_SECRET", "shop/common=" + write("own", "shop's own")};
  BOOST_TEST(value(entries, kShop, "key") == "of shop");
  BOOST_TEST(value(entries, kShop, "byId") == "of the environment");
  BOOST_TEST(value(entries, kShop, "common") == "shop's own");
  BOOST_TEST(value(entries, kOther, "common") == "for all");
  BOOST_TEST(value(entries, kOther, "key") == "none");
  BOOST_TEST(value(entries, kOther, "byId") == "none");
  BOOST_TEST(faults.empty());
  // An app that is named like another one's id is not that one.
  BOOST_TEST(value(entries, {AppId{9}, "70"}, "byId") == "none");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_kept_secret_is_refused_and_said_without_its_content) {
  const auto fault = [&](const std::string& from) {
    BOOST_TEST(value({"*/key=" + from}, kShop, "key") == "none");
    BOOST_REQUIRE_EQUAL(faults.size(), 1U);
    BOOST_TEST(faults[0].text().find("hush") == std::string::npos);
    BOOST_TEST(PluginSecrets({"other/key=" + from}).faults().size() == 1U);
    return faults[0].text();
  };
  BOOST_TEST(fault(write("open", "hush", 0644)).find("open to others") != std::string::npos);
  BOOST_TEST(fault(write("group", "hush", 0660)).find("writable by its group") != std::string::npos);
  BOOST_TEST(fault(write("large", std::string(9000, 'h'))).find("larger than 8 KiB") != std::string::npos);
  BOOST_TEST(fault("file:" + (path / "nothing").string()).find("No such file") != std::string::npos);
  BOOST_TEST(fault("file:" + path.string()).find("not a regular file") != std::string::npos);
  BOOST_TEST(fault("env:CHATD_TEST_NO_SUCH").find("not in the environment") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_plugin_is_told_how_much_room_a_secret_needs) {
  const PluginSecrets::Values values{{"key", "12345678"}};
  std::array<char, 8> buffer{};
  std::uint64_t length = 0;
  BOOST_TEST(giveSecret(values, "key", buffer.data(), 7, &length) != 0);
  BOOST_TEST(length == 8U);
  BOOST_TEST(giveSecret(values, "key", buffer.data(), 8, &length) == 0);
  BOOST_TEST(std::string(buffer.data(), 8) == "12345678");
  BOOST_TEST(giveSecret(values, "other", buffer.data(), 8, &length) != 0);
  BOOST_TEST(length == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

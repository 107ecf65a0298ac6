// StaticPages: what is in the folders is served as it is, and nothing else.
#include "web/static_pages.h"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
using chatd::Code;
using chatd::web::PageAnswer;
using chatd::web::StaticPages;

/// A web folder of its own for each case, removed afterwards.
struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "chatd-web-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
    put("demo/index.html", "<!doctype html>");
    put("demo/demo.js", "let a = 1;");
    put("demo/img/a.svg", "<svg/>");
    put("swagger/index.html", "swagger");
    put("secret.txt", "outside of the folders");
  }
  ~Folder() { fs::remove_all(root); }

  void put(const std::string& path, const std::string& content) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << content;
  }
  [[nodiscard]] StaticPages load(const std::vector<std::string>& folders = {"demo", "swagger"}) const {
    auto loaded = StaticPages::load(root, folders);
    BOOST_REQUIRE(loaded.ok());
    return std::move(loaded).value();
  }

  fs::path root;
};

std::string header(const PageAnswer& answer, std::string_view name) {
  const auto found =
      std::find_if(answer.headers.begin(), answer.headers.end(), [&](const auto& h) { return h.first == name; });
  return found == answer.headers.end() ? "" : found->second;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(static_pages, Folder)

BOOST_AUTO_TEST_CASE(a_file_is_served_at_its_path_with_its_type) {
  const auto pages = load();
  const auto answer = pages.answer("/demo/demo.js", "");
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->status == 200);
  BOOST_TEST(answer->body == "let a = 1;");
  BOOST_TEST(header(*answer, "Content-Type") == "text/javascript; charset=utf-8");
  BOOST_TEST(header(*answer, "X-Content-Type-Options") == "nosniff");
  BOOST_TEST(header(*answer, "Content-Security-Policy").starts_with("default-src 'self'"));
  BOOST_TEST(pages.answer("/demo/img/a.svg", "")->body == "<svg/>");
  BOOST_TEST(pages.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_folder_is_its_index_and_without_the_slash_a_redirect) {
  const auto pages = load();
  BOOST_TEST(pages.answer("/demo/", "")->body == "<!doctype html>");
  const auto redirect = pages.answer("/demo", "");
  BOOST_REQUIRE(redirect.has_value());
  BOOST_TEST(redirect->status == 308);
  BOOST_TEST(header(*redirect, "Location") == "/demo/");
  BOOST_TEST(!pages.answer("/demo/img/", "").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_folders_does_not_exist) {
  const auto pages = load();
  for (const char* path : {"", "/", "//", "/secret.txt", "/demo/../secret.txt", "/demo/%2e%2e/secret.txt", "/demo//demo.js",
                           "demo/demo.js", "/demo/demo.js/", "/demo/none"}) {
    BOOST_TEST(!pages.answer(path, "").has_value(), path);
  }
}

BOOST_AUTO_TEST_CASE(only_the_folders_asked_for_are_loaded) {
  const auto pages = load({"swagger"});
  BOOST_TEST(pages.answer("/swagger/", "").has_value());
  BOOST_TEST(!pages.answer("/demo/", "").has_value());
}

BOOST_AUTO_TEST_CASE(a_link_that_leads_out_is_not_followed) {
  fs::create_symlink(root / "secret.txt", root / "demo/link.txt");
  fs::create_directory_symlink(root, root / "demo/up");
  const auto pages = load();
  BOOST_TEST(!pages.answer("/demo/link.txt", "").has_value());
  BOOST_TEST(!pages.answer("/demo/up/secret.txt", "").has_value());
}

BOOST_AUTO_TEST_CASE(the_etag_is_strong_and_follows_the_content) {
  const std::string before = load().find("/demo/demo.js")->etag;
  BOOST_TEST(before == load().find("/demo/demo.js")->etag);
  BOOST_TEST(before.front() == '"');
  BOOST_TEST(before.size() == 34U);
  put("demo/demo.js", "let a = 2;");
  BOOST_TEST(before != load().find("/demo/demo.js")->etag);
}

BOOST_AUTO_TEST_CASE(a_browser_that_has_it_gets_304_without_a_body) {
  const auto pages = load();
  const std::string etag = pages.find("/demo/")->etag;
  for (const std::string& sent : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const auto answer = pages.answer("/demo/", sent);
    BOOST_TEST(answer->status == 304);
    BOOST_TEST(answer->body.empty());
    BOOST_TEST(header(*answer, "ETag") == etag);
  }
  BOOST_TEST(pages.answer("/demo/", "\"x\"")->status == 200);
  BOOST_TEST(pages.answer("/demo/", ",,")->status == 200);
}

BOOST_AUTO_TEST_CASE(a_missing_root_is_an_empty_set) {
  const auto loaded = StaticPages::load(root / "none", {"demo"});
  BOOST_REQUIRE(loaded.ok());
  BOOST_TEST(loaded->empty());
}

BOOST_AUTO_TEST_CASE(more_than_the_bound_is_refused) {
  const auto loaded = StaticPages::load(root, {"demo"}, 20);
  BOOST_REQUIRE(!loaded.ok());
  BOOST_TEST((loaded.error().code() == Code::TooLarge));
  BOOST_TEST(StaticPages::load(root, {"demo"}, 31).ok());
}

BOOST_AUTO_TEST_SUITE_END()

#include "web/static_pages.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <system_error>

#include "base/text.h"

namespace chatd::web {

namespace fs = std::filesystem;

namespace {

// Scripts and styles of our own origin only. Swagger UI draws its icons from data: URLs and sets style attributes; script
// stays strict, which is the part that matters for a page that holds tokens.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'";

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kMimeTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".txt", "text/plain; charset=utf-8"},
}};

std::string_view mimeOf(const fs::path& file) {
  const std::string extension = file.extension().string();
  for (const auto& [suffix, mime] : kMimeTypes) {
    if (suffix == extension) return mime;
  }
  return "application/octet-stream";
}

// Half of a SHA-256: equal tags mean equal bytes, also across builds.
std::string etagOf(std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  CHATD_ASSERT(EVP_Digest(content.data(), content.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1);
  return '"' + toHex({reinterpret_cast<const char*>(digest.data()), length / 2}) + '"';
}

// RFC 9110 13.1.2: a list of tags or "*"; compared weakly, so a W/ in front does not matter.
bool matches(std::string_view ifNoneMatch, std::string_view etag) {
  while (!ifNoneMatch.empty()) {
    const std::size_t comma = ifNoneMatch.find(',');
    std::string_view one = ifNoneMatch.substr(0, comma);
    ifNoneMatch = comma == std::string_view::npos ? std::string_view{} : ifNoneMatch.substr(comma + 1);
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == etag) return true;
  }
  return false;
}

}  // namespace

Result<StaticPages> StaticPages::load(const fs::path& root, const std::vector<std::string>& folders, std::size_t maxBytes) {
  StaticPages pages;
  for (const std::string& folder : folders) CHATD_CHECK(pages.addFolder(root, folder, maxBytes));
  return pages;
}

Result<void> StaticPages::addFolder(const fs::path& root, const std::string& folder, std::size_t maxBytes) {
  const fs::path base = root / folder;
  std::error_code failed;
  const fs::file_status status = fs::symlink_status(base, failed);
  if (status.type() != fs::file_type::directory) return {};
  fs::recursive_directory_iterator it(base, fs::directory_options::none, failed);
  for (; !failed && it != fs::recursive_directory_iterator(); it.increment(failed)) {
    if (it->symlink_status(failed).type() != fs::file_type::regular) continue;
    CHATD_CHECK(addFile(it->path(), '/' + it->path().lexically_relative(root).generic_string(), maxBytes));
  }
  if (failed) return Error(Code::Internal, "cannot read " + base.string() + ": " + failed.message());
  return {};
}

Result<void> StaticPages::addFile(const fs::path& file, std::string urlPath, std::size_t maxBytes) {
  std::error_code failed;
  const auto length = fs::file_size(file, failed);
  if (failed) return Error(Code::Internal, "cannot read " + file.string() + ": " + failed.message());
  if (length > maxBytes - bytes_) return Error(Code::TooLarge, "the static pages exceed their limit at " + file.string());
  Page page;
  page.content.resize(length);
  std::ifstream in(file, std::ios::binary);
  if (!in.read(page.content.data(), static_cast<std::streamsize>(length))) {
    return Error(Code::Internal, "cannot read " + file.string());
  }
  page.mime = mimeOf(file);
  page.etag = etagOf(page.content);
  bytes_ += length;
  pages_.emplace(std::move(urlPath), std::move(page));
  return {};
}

const Page* StaticPages::find(std::string_view path) const {
  const auto found = path.ends_with('/') ? pages_.find(std::string(path) + "index.html") : pages_.find(path);
  return found == pages_.end() ? nullptr : &found->second;
}

std::optional<PageAnswer> StaticPages::answer(std::string_view path, std::string_view ifNoneMatch) const {
  const Page* page = find(path);
  if (page == nullptr) {
    // Relative links of the page need the slash. The path is one of our own keys here, so it is safe in a header.
    const std::string folder = std::string(path) + '/';
    if (path.empty() || find(folder) == nullptr) return std::nullopt;
    return PageAnswer{308, {{"Location", folder}}, {}};
  }
  PageAnswer answer;
  answer.status = matches(ifNoneMatch, page->etag) ? 304 : 200;
  // Names carry no version, so a browser asks each time; the answer is mostly a 304.
  answer.headers = {{"ETag", page->etag}, {"Cache-Control", "no-cache"}};
  if (answer.status == 304) return answer;
  answer.headers.emplace_back("Content-Type", page->mime);
  answer.headers.emplace_back("X-Content-Type-Options", "nosniff");
  answer.headers.emplace_back("Referrer-Policy", "no-referrer");
  answer.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
  answer.body = page->content;
  return answer;
}

}  // namespace chatd::web

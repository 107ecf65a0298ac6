// StaticPages: the few browser files that chatd serves (/swagger/, /demo/), read once at start and held in memory. What is
// not in the set does not exist: a request never reaches the file system. Owned by the composition root.
// Thread: any (immutable after load).
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace chatd::web {

/// One file, ready to be sent.
struct Page {
  std::string content;
  std::string mime;  ///< with charset, where it is text
  std::string etag;  ///< strong, with its quotes (RFC 9110 8.8.3)
};

/// The answer to a GET or HEAD, in the terms of HTTP. `body` lives as long as the StaticPages.
struct PageAnswer {
  int status = 200;  ///< 200, 304 or 308
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;
};

class StaticPages {
 public:
  /// Reads `root`/FOLDER/… for each folder; a file `root/demo/a.js` is served as `/demo/a.js`, a folder's `index.html` as
  /// the folder. Only regular files count: a symbolic link is skipped, so that nothing outside of `root` can come in. A
  /// folder that is not there is skipped (a build without the pages). Errors: TooLarge over `maxBytes` in all; Internal if a
  /// file cannot be read.
  static Result<StaticPages> load(const std::filesystem::path& root, const std::vector<std::string>& folders,
                                  std::size_t maxBytes = 16U << 20U);

  /// The page at a path of a URL as sent (not decoded: no file of ours needs an escape, and so none can smuggle in a "..").
  [[nodiscard]] const Page* find(std::string_view path) const;

  /// What to answer to GET `path`; nothing: there is no such page. `ifNoneMatch` is the header's value, empty if it is
  /// absent. 308 leads from "/demo" to "/demo/". For HEAD send the same without the body.
  [[nodiscard]] std::optional<PageAnswer> answer(std::string_view path, std::string_view ifNoneMatch) const;

  [[nodiscard]] bool empty() const { return pages_.empty(); }
  [[nodiscard]] std::size_t size() const { return pages_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  Result<void> addFolder(const std::filesystem::path& root, const std::string& folder, std::size_t maxBytes);
  Result<void> addFile(const std::filesystem::path& file, std::string urlPath, std::size_t maxBytes);

  std::map<std::string, Page, std::less<>> pages_;  ///< by URL path
  std::size_t bytes_ = 0;
};

}  // namespace chatd::web

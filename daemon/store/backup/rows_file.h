// RowsFile: a backup as lines of JSON, which any dialect can write and read. First `{"format":"chatd-backup","layout":1}`;
// then for each table `{"table":"app"}` and its rows, arrays in the order of the table's columns; last
// `{"end":MANIFEST,"hash":"…"}`. Thread: the caller's. Everything throws std::exception.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "store/backup/manifest.h"
#include "store/backup/plain_file.h"
#include "store/copy/database_copy.h"

namespace chatd::store {

/// Writes everything that `connection` sees in one snapshot, and completes `manifest`. Not yet on the disk.
void writeRows(Connection& connection, const CopySql& sql, const std::filesystem::path& file, Manifest& manifest,
               const RowsDone& done);

/// Such a file, opened and read whole once: what does not add up is an error.
class RowsFile final : public RowSource {
 public:
  /// Errors: Invalid (damaged, cut, or of another layout).
  static Result<std::unique_ptr<RowsFile>> open(const std::filesystem::path& path, const RowsDone& done);

  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] std::int64_t total() override { return rowsOf(manifest_.sums); }
  void read(const Table& table, const std::string& after, const Page& page) override;
  [[nodiscard]] std::map<std::string, std::int64_t, std::less<>> counters() override { return manifest_.counters; }
  [[nodiscard]] Sums sums(const RowsDone& done) override;

 private:
  explicit RowsFile(const std::filesystem::path& path) : path_(path), lines_(path) {}
  Result<void> check(const RowsDone& done);
  Result<void> checkTables(Sums& found, const RowsDone& done);
  Result<void> checkEnd(const JsonValue& end, const Sums& found);

  const std::filesystem::path path_;
  LineReader lines_;
  Manifest manifest_;
  std::map<std::string, std::int64_t, std::less<>> places_;  // of each table's first row
};

}  // namespace chatd::store

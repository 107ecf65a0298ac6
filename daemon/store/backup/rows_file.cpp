#include "store/backup/rows_file.h"

#include <fmt/format.h>

namespace chatd::store {

namespace {

constexpr std::string_view kFormat = "chatd-backup";
// Rows that are handed on together.
constexpr std::size_t kPageRows = 500;

Error damaged(std::string_view what) { return {Code::Invalid, fmt::format("The backup is damaged: {}.", what)}; }

const Table* tableOf(std::string_view name) {
  for (const Table& table : storeTables()) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

bool isRow(const std::string& line) { return !line.empty() && line.front() == '['; }

}  // namespace

void writeRows(Connection& connection, const CopySql& sql, const std::filesystem::path& file, Manifest& manifest,
               const RowsDone& done) {
  NewFile out(file);
  out.write(fmt::format("{{\"format\":\"{}\",\"layout\":{}}}\n", kFormat, kLayout));
  manifest.layout = kLayout;
  for (const Table& table : storeTables()) {
    TableSum& sum = manifest.sums[std::string(table.name)];
    out.write(fmt::format("{{\"table\":\"{}\"}}\n", table.name));
    TableScan scan(connection, sql, table);
    for (;;) {
      const auto& rows = scan.next();
      if (rows.empty()) break;
      for (const std::string& row : rows) {
        sum.add(row);
        out.write(row);
        out.write("\n");
      }
      if (!done(static_cast<std::int64_t>(rows.size()))) throw Cancelled();
    }
  }
  manifest.counters = countersOf(connection, sql);
  const std::string text = toJson(manifest);
  out.write(fmt::format("{{\"end\":{},\"hash\":\"{}\"}}\n", text, hashOf(text)));
  out.flush();
}

Result<std::unique_ptr<RowsFile>> RowsFile::open(const std::filesystem::path& path, const RowsDone& done) {
  auto file = std::unique_ptr<RowsFile>(new RowsFile(path));
  CHATD_CHECK(file->check(done));
  return file;
}

Result<void> RowsFile::check(const RowsDone& done) {
  std::string line;
  if (!lines_.next(line)) return damaged("it is empty or cut");
  const auto head = parseJson(line);
  const JsonValue* format = head.ok() && head->IsObject() ? find(*head, "format") : nullptr;
  const JsonValue* layout = head.ok() && head->IsObject() ? find(*head, "layout") : nullptr;
  if (format == nullptr || !format->IsString() || asView(*format) != kFormat || layout == nullptr || !layout->IsInt()) {
    return Error(Code::UnsupportedMedia, "This is not a backup of chatd.");
  }
  if (layout->GetInt() != kLayout) {
    return Error(Code::UnsupportedMedia,
                 fmt::format("The backup has layout {}, this chatd reads {}: restore it with the chatd that made it.",
                             layout->GetInt(), kLayout));
  }
  Sums found;
  return checkTables(found, done);
}

Result<void> RowsFile::checkTables(Sums& found, const RowsDone& done) {
  const Table* table = nullptr;
  TableSum* sum = nullptr;
  std::int64_t unsaid = 0;
  for (std::string line; lines_.next(line);) {
    if (isRow(line)) {
      if (table == nullptr) return damaged("a row belongs to no table");
      try {
        sum->add(canonicalRow(*table, line));
      } catch (const DamagedRow& e) {
        return damaged(e.what());
      }
      if (++unsaid < static_cast<std::int64_t>(kPageRows)) continue;
      if (!done(std::exchange(unsaid, 0))) throw Cancelled();
      continue;
    }
    const auto mark = parseJson(line);
    if (!mark.ok() || !mark->IsObject()) return damaged("a line is not JSON");
    if (find(*mark, "end") != nullptr) return checkEnd(*mark, found);
    const JsonValue* name = find(*mark, "table");
    table = name != nullptr && name->IsString() ? tableOf(asView(*name)) : nullptr;
    if (table == nullptr) return damaged("it has a table that there is not");
    sum = &found[std::string(table->name)];
    places_[std::string(table->name)] = lines_.offset();
  }
  return damaged("its end is missing");
}

Result<void> RowsFile::checkEnd(const JsonValue& end, const Sums& found) {
  const JsonValue* hash = find(end, "hash");
  const std::string text = toText(*find(end, "end"));
  if (hash == nullptr || !hash->IsString() || asView(*hash) != hashOf(text)) return damaged("its manifest was changed");
  CHATD_TRY(manifest, manifestFrom(*find(end, "end")));
  manifest_ = std::move(manifest);
  const std::string different = differences(manifest_.sums, found);
  if (!different.empty()) return damaged(different);
  if (static_cast<std::uintmax_t>(lines_.offset()) != std::filesystem::file_size(path_))
    return damaged("something follows its end");
  return {};
}

void RowsFile::read(const Table& table, const std::string& after, const Page& page) {
  const auto place = places_.find(table.name);
  if (place == places_.end()) return;
  lines_.seek(place->second);
  bool skipping = !after.empty();
  std::vector<std::string> rows;
  for (std::string line; lines_.next(line) && isRow(line);) {
    std::string row = canonicalRow(table, line);
    if (skipping) {
      skipping = rowKey(table, row) != after;
      continue;
    }
    rows.push_back(std::move(row));
    if (rows.size() < kPageRows) continue;
    page(rows, rowKey(table, rows.back()));
    rows.clear();
  }
  if (!rows.empty()) page(rows, rowKey(table, rows.back()));
}

Sums RowsFile::sums(const RowsDone& done) {
  // They were compared with the rows when the file was opened.
  if (!done(total())) throw Cancelled();
  return manifest_.sums;
}

}  // namespace chatd::store

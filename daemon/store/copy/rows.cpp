#include "store/copy/rows.h"

#include <fmt/format.h>

#include <charconv>

#include "store/text_hash.h"

namespace chatd::store {

namespace {

// A page of the longest messages is some 10 MiB.
constexpr Int kPageRows = 500;

// Spreads the bits of a hash, so that sums of the hashes of similar rows do not cancel out (the finalizer of splitmix64).
std::uint64_t spread(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

JsonDocument parsedRow(const Table& table, std::string_view json) {
  auto row = parseJson(json);
  if (!row.ok() || !row->IsArray() || row->Size() != table.columns.size()) {
    throw DamagedRow(fmt::format("a row of {} is damaged", table.name));
  }
  return std::move(*row);
}

std::string keyText(const JsonValue& value) { return value.IsString() ? std::string(asView(value)) : toText(value); }

/// One statement made at run time: kept only for its one run, because what is kept is found by address.
template <class... A, class... P, class... C>
std::vector<Int> runOnce(Connection& connection, const Sql<In<P...>, Out<C...>>& sql, const A&... args) {
  const auto& rows = connection.run(sql, args...);
  std::vector<Int> found;
  if constexpr (sizeof...(C) == 1) {
    for (std::size_t i = 0; i < rows.size(); ++i) found.push_back(rows.template at<0>(i));
  }
  connection.forget(&sql);
  return found;
}

}  // namespace

void TableSum::add(std::string_view canonicalRow) {
  ++rows;
  hash += spread(static_cast<std::uint64_t>(textHash(canonicalRow)));
}

std::string toJson(const Sums& sums) {
  std::string out;
  JsonWriter w(out);
  w.beginObject();
  for (const auto& [name, sum] : sums) {
    w.key(name).beginObject().field("rows", sum.rows).field("hash", fmt::format("{:016x}", sum.hash)).endObject();
  }
  w.endObject();
  return out;
}

Sums sumsFrom(const JsonValue& object) {
  const auto damaged = [] { return DamagedRow("the list of sums is damaged"); };
  if (!object.IsObject()) throw damaged();
  Sums sums;
  for (const auto& member : object.GetObject()) {
    if (!member.value.IsObject()) throw damaged();
    const JsonValue* rows = find(member.value, "rows");
    const JsonValue* hash = find(member.value, "hash");
    if (rows == nullptr || !rows->IsInt64() || hash == nullptr || !hash->IsString()) throw damaged();
    TableSum& sum = sums[std::string(asView(member.name))];
    sum.rows = rows->GetInt64();
    const std::string_view digits = asView(*hash);
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), sum.hash, 16);
    if (fault != std::errc() || end != digits.data() + digits.size()) throw damaged();
  }
  return sums;
}

std::string differences(const Sums& expected, const Sums& found) {
  std::string text;
  for (const Table& table : storeTables()) {
    const auto at = [&](const Sums& sums) {
      const auto it = sums.find(table.name);
      return it == sums.end() ? TableSum{} : it->second;
    };
    const TableSum want = at(expected);
    const TableSum have = at(found);
    if (want == have) continue;
    text += text.empty() ? "" : ", ";
    text += want.rows == have.rows ? fmt::format("{} (content differs)", table.name)
                                   : fmt::format("{} ({} rows instead of {})", table.name, have.rows, want.rows);
  }
  return text;
}

std::string canonicalRow(const Table& table, std::string_view json) { return toText(parsedRow(table, json)); }

std::string rowKey(const Table& table, std::string_view canonicalRow) {
  const JsonDocument row = parsedRow(table, canonicalRow);
  std::string out;
  JsonWriter w(out);
  w.beginArray();
  for (rapidjson::SizeType k = 0; k < table.keys; ++k) w.string(keyText(row[k]));
  w.endArray();
  return out;
}

TableScan::TableScan(Connection& connection, const CopySql& sql, const Table& table, const std::string& after)
    : connection_(connection),
      table_(table),
      first_(sql.select(table, false)),
      behind_(sql.select(table, true)),
      fromStart_{first_.c_str()},
      behind1_{behind_.c_str()},
      behind2_{behind_.c_str()},
      behind3_{behind_.c_str()} {
  if (after.empty()) return;
  const auto key = parseJson(after);
  if (!key.ok() || !key->IsArray() || key->Size() != table.keys) {
    throw DamagedRow(fmt::format("the place in {} where the copy stopped is damaged", table.name));
  }
  for (const JsonValue& part : key->GetArray()) key_.push_back(keyText(part));
}

TableScan::~TableScan() {
  connection_.forget(&fromStart_);
  connection_.forget(&behind1_);
  connection_.forget(&behind2_);
  connection_.forget(&behind3_);
}

const Rows<Text>& TableScan::run() {
  switch (key_.size()) {
    case 0:
      return connection_.run(fromStart_, kPageRows);
    case 1:
      return connection_.run(behind1_, key_[0], kPageRows);
    case 2:
      return connection_.run(behind2_, key_[0], key_[1], kPageRows);
    default:
      return connection_.run(behind3_, key_[0], key_[1], key_[2], kPageRows);
  }
}

const std::vector<std::string>& TableScan::next() {
  rows_.clear();
  const auto& found = run();
  rows_.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const JsonDocument row = parsedRow(table_, found.at<0>(i));
    rows_.push_back(toText(row));
    if (i + 1 < found.size()) continue;
    key_.clear();
    for (rapidjson::SizeType k = 0; k < table_.keys; ++k) key_.push_back(keyText(row[k]));
  }
  return rows_;
}

std::string TableScan::lastKey() const {
  std::string out;
  JsonWriter w(out);
  w.beginArray();
  for (const std::string& part : key_) w.string(part);
  w.endArray();
  return out;
}

TableFill::TableFill(Connection& connection, const CopySql& sql, const Table& table)
    : connection_(connection), text_(sql.insert(table)), insert_{text_.c_str()} {}

TableFill::~TableFill() { connection_.forget(&insert_); }

void TableFill::write(const std::vector<std::string>& rows) {
  std::string all = "[";
  for (const std::string& row : rows) {
    if (all.size() > 1) all += ',';
    all += row;
  }
  all += ']';
  connection_.run(insert_, all);
}

Sums sumsOf(Connection& connection, const CopySql& sql, const RowsDone& done) {
  Sums sums;
  for (const Table& table : storeTables()) {
    TableSum& sum = sums[std::string(table.name)];
    TableScan scan(connection, sql, table);
    for (;;) {
      const auto& rows = scan.next();
      if (rows.empty()) break;
      for (const std::string& row : rows) sum.add(row);
      if (!done(static_cast<std::int64_t>(rows.size()))) throw Cancelled();
    }
  }
  return sums;
}

std::map<std::string, std::int64_t, std::less<>> countersOf(Connection& connection, const CopySql& sql) {
  std::map<std::string, std::int64_t, std::less<>> counters;
  for (const std::string_view name : idCounters()) {
    const std::string text = sql.readCounter(name);
    const Sql<In<>, Out<Int>> read{text.c_str()};
    const auto found = runOnce(connection, read);
    counters[std::string(name)] = found.empty() ? 0 : found.front();
  }
  return counters;
}

void setCounter(Connection& connection, const CopySql& sql, std::string_view name, std::int64_t value) {
  const std::string text = sql.writeCounter(name);
  const Sql<In<Int>> write{text.c_str()};
  (void)runOnce(connection, write, Int{value});
}

}  // namespace chatd::store

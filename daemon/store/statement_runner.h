// StatementRunner: runs a connection's kept statements in the driver's own way instead of Poco's.
// Why: a Statement of Poco's PostgreSQL connector that has succeeded once and then fails frees its result twice (1.11, seen
// by running it: "double free detected"), so a kept one cannot be used where statements may fail; one that is not kept is
// prepared and given back with each run, at half the speed. Owned by the Connection, used on its thread.
#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <Poco/Nullable.h>

namespace chatd::store {

class StatementRunner {
 public:
  struct Value {
    std::string text;
    bool null = false;
  };
  /// A cell of the result: its column, from 0, and its text, or no address if it is NULL. Row by row.
  using Cell = std::function<void(std::size_t column, const char* text, std::size_t size)>;

  virtual ~StatementRunner() = default;
  /// `key` names the statement on this connection: it is prepared once. Throws what the driver throws.
  virtual void run(const void* key, const char* sql, std::span<const Value> params, const Cell& cell) = 0;
  /// Another statement may come under this key.
  virtual void forget(const void* key) = 0;
  /// Runs a statement that is not kept.
  virtual void execute(const char* sql) = 0;
};

// The types of Sql<In, Out> to text and back.
inline StatementRunner::Value valueOf(std::int64_t v) { return {std::to_string(v), false}; }
inline StatementRunner::Value valueOf(std::string v) { return {std::move(v), false}; }
template <class T>
StatementRunner::Value valueOf(const Poco::Nullable<T>& v) {
  return v.isNull() ? StatementRunner::Value{{}, true} : valueOf(v.value());
}

inline void addCell(std::vector<std::int64_t>& column, const char* text, std::size_t size) {
  std::int64_t value = 0;
  if (text != nullptr) std::from_chars(text, text + size, value);
  column.push_back(value);
}
inline void addCell(std::vector<std::string>& column, const char* text, std::size_t size) {
  column.emplace_back(text == nullptr ? "" : text, size);
}
inline void addCell(std::vector<Poco::Nullable<std::int64_t>>& column, const char* text, std::size_t size) {
  if (text == nullptr) return column.emplace_back(), void();
  std::int64_t value = 0;
  std::from_chars(text, text + size, value);
  column.emplace_back(value);
}
inline void addCell(std::vector<Poco::Nullable<std::string>>& column, const char* text, std::size_t size) {
  if (text == nullptr) return column.emplace_back(), void();
  column.emplace_back(std::string(text, size));
}

}  // namespace chatd::store

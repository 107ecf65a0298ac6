// PgArrays: parameters of one call in PostgreSQL's binary form, most of them one-dimensional arrays: nothing needs quoting,
// and a text is copied once. Source: arrayfuncs.c (array_recv): int32 dimensions, has-null flag, element type, then length
// and lower bound, then each element as int32 length (-1: NULL) and its bytes, all big-endian.
// Owned by PostgresqlBatch, reused from call to call. Thread: commit thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/ids.h"
#include "base/random.h"

namespace chatd::store {

/// Type identifiers of the server's catalogue; fixed for ever (pg_type.dat).
enum class PgType : std::uint32_t { Boolean = 16, Bigint = 20, Integer = 23, String = 25, Uuid = 2950 };

class PgArray {
 public:
  explicit PgArray(PgType element) : element_(element) { clear(); }

  void clear();
  void add(std::int64_t v) { element_ == PgType::Integer ? put(static_cast<std::int32_t>(v)) : put(v); }
  void add(bool v);
  template <class Id>
  requires std::is_enum_v<Id>
  void add(Id v) { add(raw(v)); }
  void add(std::string_view v) { put(v); }
  void add(const SendId& v) { put(std::string_view(reinterpret_cast<const char*>(v.data()), v.size())); }
  void addNull();
  template <class T>
  void add(const std::optional<T>& v) {
    if (v) {
      add(*v);
    } else {
      addNull();
    }
  }

  [[nodiscard]] std::int32_t size() const { return count_; }
  /// The value to send, valid until the next change.
  [[nodiscard]] const std::string& bytes();

 private:
  void put(std::int64_t v);
  void put(std::int32_t v);
  void put(std::string_view v);

  const PgType element_;
  std::int32_t count_ = 0;
  bool nulls_ = false;
  std::string bytes_;
};

/// A number as a parameter of type bigint or integer.
[[nodiscard]] std::string pgBytes(std::int64_t v);
[[nodiscard]] std::string pgBytes(std::int32_t v);

/// An array of bigint in a result's binary form; nothing: NULL. Throws PgError if it is something else.
[[nodiscard]] std::vector<std::optional<std::int64_t>> pgBigints(std::string_view bytes);

}  // namespace chatd::store

// Schema: what a body, a query or an answer looks like, as a table of fields. One table serves the check of what comes in
// and the JSON Schema of the OpenAPI document, so the two cannot disagree. Tables are constant. Thread: any.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace chatd::rest {

enum class Type : std::uint8_t {
  Free,       ///< string as it is; the domain judges it (message texts)
  Text,       ///< string without NUL
  Line,       ///< string without control characters
  Name,       ///< name of an app or a room (nameFault)
  RoomRef,    ///< name or id of a room
  AppUserId,  ///< string or integer; its text is the identity
  Id,         ///< integer, 1 to 2^53-1
  Integer,
  Boolean,
  Time,    ///< RFC 3339 string
  Choice,  ///< one of `choices`
  Json,    ///< any object, bounded by its text
  Object,  ///< an object by `of`
  List,    ///< an array of `items`, or of objects by `of`
};

struct Schema;

struct Field {
  std::string_view name = {};
  Type type = Type::Text;
  bool required = false;
  bool nullable = false;
  std::int64_t least = 0;  ///< bytes of a string, value of an integer, items of a list
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  Type items = Type::Text;                         ///< of a List without `of`
  const Schema* of = nullptr;                      ///< of an Object, or of the items of a List
  std::span<const std::string_view> choices = {};  ///< of a Choice
  std::string_view doc = {};
};

struct Schema {
  std::string_view name;  ///< in the document's components
  std::span<const Field> fields;
};

inline constexpr std::int64_t kMetadataBytes = 16 * 1024;
inline constexpr std::int64_t kAppUserIdBytes = 256;

/// Every fault of `object` (at most 32 are listed), each with its path ("users[2]", "settings.quotas"). Unknown members are
/// faults. Errors: Invalid.
[[nodiscard]] Result<void> validate(const Schema& schema, const JsonValue& object);

/// Appends the JSON Schema (draft 2020-12) of an object.
void appendJsonSchema(JsonWriter& out, const Schema& schema);
/// Appends the JSON Schema of one field's value. Objects by name are references into components.
void appendJsonSchema(JsonWriter& out, const Field& field);

// Reading what has been validated.
/// The value of a member that is there and is not null.
[[nodiscard]] const JsonValue* present(const JsonValue& object, std::string_view name);
[[nodiscard]] std::optional<std::string> text(const JsonValue& object, std::string_view name);
[[nodiscard]] std::optional<std::int64_t> integer(const JsonValue& object, std::string_view name);
[[nodiscard]] std::optional<bool> boolean(const JsonValue& object, std::string_view name);
/// The text of an appUserId in either JSON type.
[[nodiscard]] std::string appUserIdText(const JsonValue& value);

}  // namespace chatd::rest

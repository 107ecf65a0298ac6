// JSON in and out, on rapidjson: one strict way to read it and one compact way to write it. Thread: any.
// Reading: UTF-8 validated, at most 32 levels deep, the whole input, a duplicate key is an error.
#pragma once

// rapidjson::Document is the parsed form; `Json::Value` is a view into it.
#include <rapidjson/document.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace chatd {

using JsonDocument = rapidjson::Document;
using JsonValue = rapidjson::Value;

/// Errors: NotJson, with the byte offset and the reason; InvalidText for half of a surrogate pair ("\ud83d").
[[nodiscard]] Result<JsonDocument> parseJson(std::string_view text);

[[nodiscard]] inline std::string_view asView(const JsonValue& v) { return {v.GetString(), v.GetStringLength()}; }
/// The member, or nullptr.
[[nodiscard]] inline const JsonValue* find(const JsonValue& object, std::string_view key) {
  const auto it =
      object.FindMember(rapidjson::Value(rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size()))));
  return it == object.MemberEnd() ? nullptr : &it->value;
}
/// Compact text of any value.
[[nodiscard]] std::string toText(const JsonValue& value);

/// Appends compact JSON to a string. The caller keeps the nesting right (commas are put by the writer).
/// Strings must be valid UTF-8; control characters are escaped, everything else is written as it is.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& beginObject() { return open('{'); }
  JsonWriter& endObject() { return close('}'); }
  JsonWriter& beginArray() { return open('['); }
  JsonWriter& endArray() { return close(']'); }
  JsonWriter& key(std::string_view k);
  JsonWriter& string(std::string_view v);
  JsonWriter& integer(std::int64_t v);
  JsonWriter& number(double v);
  JsonWriter& boolean(bool v);
  JsonWriter& null();
  /// Already JSON (metadata as stored).
  JsonWriter& raw(std::string_view json);

  JsonWriter& field(std::string_view k, std::string_view v) { return key(k).string(v); }
  JsonWriter& field(std::string_view k, const char* v) { return key(k).string(v); }
  JsonWriter& field(std::string_view k, const std::string& v) { return key(k).string(v); }
  JsonWriter& field(std::string_view k, const std::optional<std::string>& v) {
    return v ? key(k).string(*v) : key(k).null();
  }
  template <std::integral T>
  JsonWriter& field(std::string_view k, T v) {
    if constexpr (std::is_same_v<T, bool>) {
      return key(k).boolean(v);
    } else {
      return key(k).integer(static_cast<std::int64_t>(v));
    }
  }

 private:
  JsonWriter& open(char c) {
    comma();
    out_.push_back(c);
    first_ = true;
    return *this;
  }
  JsonWriter& close(char c) {
    out_.push_back(c);
    first_ = false;
    return *this;
  }
  void comma() {
    if (!first_) out_.push_back(',');
    first_ = false;
  }

  std::string& out_;
  bool first_ = true;
};

/// Appends `text` as a JSON string with its quotes.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace chatd

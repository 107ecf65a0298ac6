#include "rest/schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/ids.h"
#include "base/text.h"

namespace chatd::rest {

namespace {

constexpr std::size_t kMaxFaults = 32;
constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();

bool hasControl(std::string_view v) {
  for (std::size_t i = 0; i < v.size(); ++i) {
    const auto c = static_cast<unsigned char>(v[i]);
    if (c < 0x20 || c == 0x7F) return true;
    // U+0080 to U+009F.
    if (c == 0xC2 && i + 1 < v.size() && static_cast<unsigned char>(v[i + 1]) < 0xA0) return true;
  }
  return false;
}

/// Collects faults under a path.
class Faults {
 public:
  explicit Faults(std::vector<FieldError>& to) : to_(to) {}
  void add(std::string field, std::string detail) {
    if (to_.size() < kMaxFaults) to_.push_back({std::move(field), std::move(detail)});
  }

 private:
  std::vector<FieldError>& to_;
};

void checkObject(const Schema& schema, const JsonValue& object, const std::string& prefix, Faults& faults);

/// What is wrong with a string, or an empty text.
std::string stringFault(const Field& field, Type type, const JsonValue& value) {
  if (!value.IsString()) return "must be a string";
  const std::string_view v = asView(value);
  if (static_cast<std::int64_t>(v.size()) > field.most) return fmt::format("is longer than {} bytes", field.most);
  if (static_cast<std::int64_t>(v.size()) < field.least) {
    return field.least == 1 ? std::string("must not be empty") : fmt::format("is shorter than {} bytes", field.least);
  }
  if (type == Type::Text && v.find('\0') != std::string_view::npos) return "has a NUL";
  if (type == Type::Line && hasControl(v)) return "has a control character";
  if (type == Type::Name) return nameFault(v).value_or("");
  if (type == Type::Time && !parseRfc3339(v)) return "must be a time as in RFC 3339, such as 2026-03-01T10:20:30Z";
  if (type == Type::Choice && std::find(field.choices.begin(), field.choices.end(), v) == field.choices.end()) {
    return fmt::format("must be one of: {}", fmt::join(field.choices, ", "));
  }
  return {};
}

std::string appUserIdFault(const JsonValue& value) {
  if (value.IsInt64()) {
    const std::int64_t v = value.GetInt64();
    return v < -kMaxInteger || v > kMaxInteger ? "must be below 2^53, or a string" : "";
  }
  if (!value.IsString()) return "must be a string or an integer";
  const std::string_view v = asView(value);
  if (v.empty()) return "must not be empty";
  if (static_cast<std::int64_t>(v.size()) > kAppUserIdBytes) return fmt::format("is longer than {} bytes", kAppUserIdBytes);
  return hasControl(v) ? "has a control character" : "";
}

std::string integerFault(const Field& field, const JsonValue& value) {
  if (!value.IsInt64()) return "must be an integer";
  const std::int64_t v = value.GetInt64();
  const std::int64_t least = field.type == Type::Id ? 1 : field.least;
  const std::int64_t most = std::min(field.most, kMaxInteger);
  return v < least || v > most ? fmt::format("must be from {} to {}", least, most) : "";
}

/// What is wrong with a value that holds no further fields, or an empty text.
std::string scalarFault(const Field& field, Type type, const JsonValue& value) {
  switch (type) {
    case Type::AppUserId:
      return appUserIdFault(value);
    case Type::RoomRef:
      if (value.IsInt64()) return value.GetInt64() < 1 || value.GetInt64() > kMaxInteger ? "is not an id" : "";
      if (!value.IsString()) return "must be the name or the id of a room";
      if (parseId(asView(value))) return {};
      return nameFault(asView(value)).value_or("");
    case Type::Id:
    case Type::Integer:
      return integerFault(field, value);
    case Type::Boolean:
      return value.IsBool() ? "" : "must be true or false";
    case Type::Json: {
      if (!value.IsObject()) return "must be an object";
      const auto most = std::min(field.most, kUnbounded);
      return static_cast<std::int64_t>(toText(value).size()) > most ? fmt::format("is larger than {} bytes", most) : "";
    }
    default:
      return stringFault(field, type, value);
  }
}

void checkList(const Field& field, const JsonValue& value, const std::string& path, Faults& faults) {
  if (!value.IsArray()) return faults.add(path, "must be an array");
  if (static_cast<std::int64_t>(value.Size()) > field.most) {
    return faults.add(path, fmt::format("has more than {} items", field.most));
  }
  if (static_cast<std::int64_t>(value.Size()) < field.least) {
    return faults.add(path, fmt::format("has fewer than {} items", field.least));
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
    const std::string item = fmt::format("{}[{}]", path, i);
    if (field.of != nullptr) {
      checkObject(*field.of, value[i], item, faults);
      continue;
    }
    const Field one{.name = field.name, .type = field.items};
    if (std::string fault = scalarFault(one, field.items, value[i]); !fault.empty()) faults.add(item, std::move(fault));
  }
}

void checkField(const Field& field, const JsonValue& value, const std::string& path, Faults& faults) {
  if (value.IsNull()) {
    if (!field.nullable) faults.add(path, "must not be null");
    return;
  }
  if (field.type == Type::Object) return checkObject(*field.of, value, path, faults);
  if (field.type == Type::List) return checkList(field, value, path, faults);
  if (std::string fault = scalarFault(field, field.type, value); !fault.empty()) faults.add(path, std::move(fault));
}

void checkObject(const Schema& schema, const JsonValue& object, const std::string& prefix, Faults& faults) {
  if (!object.IsObject()) return faults.add(prefix.empty() ? "body" : prefix, "must be an object");
  const auto path = [&](std::string_view name) {
    return prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name);
  };
  for (const auto& member : object.GetObject()) {
    const std::string_view name = asView(member.name);
    const auto known =
        std::find_if(schema.fields.begin(), schema.fields.end(), [&](const Field& f) { return f.name == name; });
    if (known == schema.fields.end()) {
      // The name comes back to the sender alone; a long one is cut (at a character's border).
      std::string_view shown = name.substr(0, 64);
      while (!shown.empty() && !isUtf8(shown)) shown.remove_suffix(1);
      faults.add(path(shown), "is not known here");
    }
  }
  for (const Field& field : schema.fields) {
    const JsonValue* value = find(object, field.name);
    if (value != nullptr) {
      checkField(field, *value, path(field.name), faults);
    } else if (field.required) {
      faults.add(path(field.name), "is required");
    }
  }
}

void appendType(JsonWriter& out, std::string_view type, bool nullable) {
  out.key("type");
  if (nullable) {
    out.beginArray().string(type).string("null").endArray();
  } else {
    out.string(type);
  }
}

void appendReference(JsonWriter& out, const Schema& schema) {
  out.field("$ref", fmt::format("#/components/schemas/{}", schema.name));
}

void appendBounds(JsonWriter& out, const Field& field, std::string_view least, std::string_view most) {
  if (field.least != 0) out.field(least, field.least);
  if (field.most != kUnbounded) out.field(most, field.most);
}

void appendString(JsonWriter& out, const Field& field) {
  appendType(out, "string", field.nullable);
  if (field.type == Type::Name) {
    out.field("minLength", 1).field("maxLength", 128);
  } else if (field.type == Type::Time) {
    out.field("format", "date-time");
  } else if (field.type == Type::Choice) {
    out.key("enum").beginArray();
    for (const std::string_view choice : field.choices) out.string(choice);
    if (field.nullable) out.null();
    out.endArray();
  } else {
    appendBounds(out, field, "minLength", "maxLength");
  }
}

void appendNumber(JsonWriter& out, const Field& field) {
  appendType(out, "integer", field.nullable);
  out.field("minimum", field.type == Type::Id ? 1 : field.least);
  out.field("maximum", std::min(field.most, kMaxInteger));
}

void appendUnion(JsonWriter& out, bool nullable) {
  out.key("type").beginArray().string("string").string("integer");
  if (nullable) out.string("null");
  out.endArray();
}

void appendListSchema(JsonWriter& out, const Field& field) {
  appendType(out, "array", field.nullable);
  appendBounds(out, field, "minItems", "maxItems");
  out.key("items");
  if (field.of != nullptr) {
    out.beginObject();
    appendReference(out, *field.of);
    out.endObject();
  } else {
    appendJsonSchema(out, Field{.name = field.name, .type = field.items});
  }
}

void appendObjectSchema(JsonWriter& out, const Field& field) {
  if (!field.nullable) return appendReference(out, *field.of);
  out.key("anyOf").beginArray().beginObject();
  appendReference(out, *field.of);
  out.endObject().beginObject().field("type", "null").endObject().endArray();
}

}  // namespace

Result<void> validate(const Schema& schema, const JsonValue& object) {
  std::vector<FieldError> list;
  Faults faults(list);
  checkObject(schema, object, "", faults);
  if (list.empty()) return {};
  Error error(Code::Invalid, list.size() == 1 ? fmt::format("{}: {}", list[0].field, list[0].detail)
                                              : fmt::format("{} fields are not valid.", list.size()));
  for (FieldError& fault : list) error.addField(std::move(fault.field), std::move(fault.detail));
  return error;
}

void appendJsonSchema(JsonWriter& out, const Field& field) {
  out.beginObject();
  switch (field.type) {
    case Type::Id:
    case Type::Integer:
      appendNumber(out, field);
      break;
    case Type::Boolean:
      appendType(out, "boolean", field.nullable);
      break;
    case Type::AppUserId:
    case Type::RoomRef:
      appendUnion(out, field.nullable);
      break;
    case Type::Json:
      appendType(out, "object", field.nullable);
      break;
    case Type::Object:
      appendObjectSchema(out, field);
      break;
    case Type::List:
      appendListSchema(out, field);
      break;
    default:
      appendString(out, field);
  }
  if (!field.doc.empty()) out.field("description", field.doc);
  out.endObject();
}

void appendJsonSchema(JsonWriter& out, const Schema& schema) {
  out.beginObject().field("type", "object").key("properties").beginObject();
  bool anyRequired = false;
  for (const Field& field : schema.fields) {
    out.key(field.name);
    appendJsonSchema(out, field);
    anyRequired = anyRequired || field.required;
  }
  out.endObject();
  if (anyRequired) {
    out.key("required").beginArray();
    for (const Field& field : schema.fields) {
      if (field.required) out.string(field.name);
    }
    out.endArray();
  }
  out.field("additionalProperties", false).endObject();
}

const JsonValue* present(const JsonValue& object, std::string_view name) {
  if (!object.IsObject()) return nullptr;
  const JsonValue* value = find(object, name);
  return value == nullptr || value->IsNull() ? nullptr : value;
}

std::optional<std::string> text(const JsonValue& object, std::string_view name) {
  const JsonValue* value = present(object, name);
  if (value == nullptr) return std::nullopt;
  return std::string(asView(*value));
}

std::optional<std::int64_t> integer(const JsonValue& object, std::string_view name) {
  const JsonValue* value = present(object, name);
  if (value == nullptr) return std::nullopt;
  return value->GetInt64();
}

std::optional<bool> boolean(const JsonValue& object, std::string_view name) {
  const JsonValue* value = present(object, name);
  if (value == nullptr) return std::nullopt;
  return value->GetBool();
}

std::string appUserIdText(const JsonValue& value) {
  return value.IsInt64() ? std::to_string(value.GetInt64()) : std::string(asView(value));
}

}  // namespace chatd::rest

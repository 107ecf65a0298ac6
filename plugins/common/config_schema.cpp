#include "common/config_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/json.h"

namespace chatd {

namespace {

bool isOfType(const JsonValue& value, std::string_view type) {
  if (type == "object") return value.IsObject();
  if (type == "array") return value.IsArray();
  if (type == "string") return value.IsString();
  if (type == "boolean") return value.IsBool();
  if (type == "null") return value.IsNull();
  if (type == "number") return value.IsNumber();
  if (type == "integer") return value.IsInt64() || value.IsUint64();
  return true;  // a type that we do not know is the plugin's business
}

std::string withArticle(std::string_view type) {
  const bool vowel = type.find_first_of("aeio") == 0;
  return fmt::format("{} {}", vowel ? "an" : "a", type);
}

/// A description of what did not fit; empty: it fits.
class Check {
 public:
  /// `path` of the value, for messages.
  [[nodiscard]] std::string judge(const JsonValue& schema, const JsonValue& value, const std::string& path) const {
    if (schema.IsBool()) return schema.GetBool() ? "" : fault(path, "may not be given");
    if (!schema.IsObject()) return {};
    for (const auto step : {&Check::type, &Check::choice, &Check::alternatives}) {
      if (std::string bad = (this->*step)(schema, value, path); !bad.empty()) return bad;
    }
    if (value.IsObject()) return object(schema, value, path);
    if (value.IsArray()) return array(schema, value, path);
    if (value.IsString()) return text(schema, value, path);
    if (value.IsNumber()) return number(schema, value, path);
    return {};
  }

 private:
  static std::string fault(const std::string& path, std::string_view what) {
    return path.empty() ? fmt::format("the configuration {}", what) : fmt::format("{}: {}", path, what);
  }
  static std::string below(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }

  std::string type(const JsonValue& schema, const JsonValue& value, const std::string& path) const {
    const JsonValue* type = find(schema, "type");
    if (type == nullptr) return {};
    if (type->IsString()) {
      const std::string_view wanted = asView(*type);
      return isOfType(value, wanted) ? "" : fault(path, "must be " + withArticle(wanted));
    }
    if (!type->IsArray()) return {};
    std::string wanted;
    for (const JsonValue& one : type->GetArray()) {
      if (!one.IsString() || isOfType(value, asView(one))) return {};
      wanted += (wanted.empty() ? "" : " or ") + withArticle(asView(one));
    }
    return fault(path, "must be " + wanted);
  }

  std::string choice(const JsonValue& schema, const JsonValue& value, const std::string& path) const {
    if (const JsonValue* only = find(schema, "const"); only != nullptr && *only != value) {
      return fault(path, "must be " + toText(*only));
    }
    const JsonValue* list = find(schema, "enum");
    if (list == nullptr || !list->IsArray()) return {};
    std::string known;
    for (const JsonValue& one : list->GetArray()) {
      if (one == value) return {};
      known += (known.empty() ? "" : ", ") + toText(one);
    }
    return fault(path, "must be one of " + known);
  }

  std::string alternatives(const JsonValue& schema, const JsonValue& value, const std::string& path) const {
    for (const char* key : {"anyOf", "oneOf"}) {
      const JsonValue* list = find(schema, key);
      if (list == nullptr || !list->IsArray() || list->Empty()) continue;
      std::string whys;
      bool fits = false;
      for (const JsonValue& one : list->GetArray()) {
        const std::string why = judge(one, value, path);
        if (why.empty()) fits = true;
        whys += (whys.empty() ? "" : "; or ") + why;
      }
      if (!fits) return whys;
    }
    return {};
  }

  std::string object(const JsonValue& schema, const JsonValue& value, const std::string& path) const {
    const JsonValue* properties = find(schema, "properties");
    if (const JsonValue* required = find(schema, "required"); required != nullptr && required->IsArray()) {
      for (const JsonValue& key : required->GetArray()) {
        if (key.IsString() && find(value, asView(key)) == nullptr) return fault(below(path, asView(key)), "is required");
      }
    }
    if (const JsonValue* least = find(schema, "minProperties");
        least != nullptr && least->IsUint64() && value.MemberCount() < least->GetUint64()) {
      return fault(path, fmt::format("must have at least {} members", least->GetUint64()));
    }
    const JsonValue* others = find(schema, "additionalProperties");
    for (const auto& member : value.GetObject()) {
      const std::string_view key = asView(member.name);
      const JsonValue* known = properties != nullptr && properties->IsObject() ? find(*properties, key) : nullptr;
      if (known == nullptr && others != nullptr && others->IsBool() && !others->GetBool()) {
        return fault(below(path, key), "is unknown; known are: " + names(properties));
      }
      const JsonValue* rule = known != nullptr ? known : others;
      if (rule == nullptr) continue;
      if (std::string bad = judge(*rule, member.value, below(path, key)); !bad.empty()) return bad;
    }
    return {};
  }

  static std::string names(const JsonValue* properties) {
    std::string out;
    if (properties == nullptr || !properties->IsObject()) return "none";
    for (const auto& member : properties->GetObject()) {
      out += out.empty() ? "" : ", ";
      out += asView(member.name);
    }
    return out.empty() ? "none" : out;
  }

  std::string array(const JsonValue& schema, const JsonValue& value, const std::string& path) const {
    const auto bound = [&](const char* key) -> const JsonValue* {
      const JsonValue* n = find(schema, key);
      return n != nullptr && n->IsUint64() ? n : nullptr;
    };
    if (const JsonValue* n = bound("minItems"); n != nullptr && value.Size() < n->GetUint64()) {
      return fault(path, fmt::format("must have at least {} items", n->GetUint64()));
    }
    if (const JsonValue* n = bound("maxItems"); n != nullptr && value.Size() > n->GetUint64()) {
      return fault(path, fmt::format("must have at most {} items", n->GetUint64()));
    }
    const JsonValue* items = find(schema, "items");
    if (items == nullptr) return {};
    for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
      if (std::string bad = judge(*items, value[i], fmt::format("{}[{}]", path, i)); !bad.empty()) return bad;
    }
    return {};
  }

  static std::string text(const JsonValue& schema, const JsonValue& value, const std::string& path) {
    const auto size = static_cast<std::uint64_t>(value.GetStringLength());
    if (const JsonValue* n = find(schema, "minLength"); n != nullptr && n->IsUint64() && size < n->GetUint64()) {
      return fault(path, size == 0 ? "must not be empty" : fmt::format("must be at least {} long", n->GetUint64()));
    }
    if (const JsonValue* n = find(schema, "maxLength"); n != nullptr && n->IsUint64() && size > n->GetUint64()) {
      return fault(path, fmt::format("must be at most {} long", n->GetUint64()));
    }
    return {};
  }

  static std::string number(const JsonValue& schema, const JsonValue& value, const std::string& path) {
    if (const JsonValue* n = find(schema, "minimum"); n != nullptr && n->IsNumber() && value.GetDouble() < n->GetDouble()) {
      return fault(path, fmt::format("must be at least {}", toText(*n)));
    }
    if (const JsonValue* n = find(schema, "maximum"); n != nullptr && n->IsNumber() && value.GetDouble() > n->GetDouble()) {
      return fault(path, fmt::format("must be at most {}", toText(*n)));
    }
    return {};
  }
};

}  // namespace

Result<void> checkConfig(std::string_view schema, std::string_view config) {
  const auto value = parseJson(config);
  if (!value.ok()) return Error(Code::Invalid, value.error().detail());
  if (!value->IsObject()) return Error(Code::Invalid, "the configuration must be an object");
  if (schema.empty()) return {};
  const auto rules = parseJson(schema);
  if (!rules.ok()) return Error(Code::Invalid, "the plugin's own schema is not valid JSON: " + rules.error().detail());
  if (std::string bad = Check().judge(*rules, *value, {}); !bad.empty()) return Error(Code::Invalid, std::move(bad));
  return {};
}

}  // namespace chatd

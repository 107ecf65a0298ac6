#include "common/claims.h"

#include <array>

#include "base/plain_text.h"
#include "common/config_reader.h"

namespace chatd::plugins {

namespace {
constexpr std::size_t kMaxText = 255;
constexpr std::size_t kMaxClaims = 16 * 1024;
constexpr int kMaxDepth = 8;
}  // namespace

const JsonValue* at(const JsonValue& object, std::string_view path) {
  const JsonValue* here = &object;
  for (int depth = 0; depth < kMaxDepth && here->IsObject(); ++depth) {
    if (const JsonValue* whole = find(*here, path)) return whole;
    const auto dot = path.find('.');
    if (dot == std::string_view::npos) return nullptr;
    here = find(*here, path.substr(0, dot));
    if (here == nullptr) return nullptr;
    path.remove_prefix(dot + 1);
  }
  return nullptr;
}

std::optional<std::string> userIdOf(const JsonValue& value) {
  if (value.IsInt64()) return std::to_string(value.GetInt64());
  if (value.IsUint64()) return std::to_string(value.GetUint64());
  if (!value.IsString() || value.GetStringLength() == 0 || value.GetStringLength() > kMaxText) return std::nullopt;
  if (!isPlainText(asView(value))) return std::nullopt;
  return std::string(asView(value));
}

std::optional<std::int64_t> numericDateMs(const JsonValue& value) {
  // 9999-12-31: far beyond any token, and safe to multiply.
  constexpr double kLast = 253'402'300'799.0;
  if (!value.IsNumber() || !(value.GetDouble() >= 0) || value.GetDouble() > kLast) return std::nullopt;
  return static_cast<std::int64_t>(value.GetDouble() * 1000.0);
}

NameMapping namesOf(const JsonValue& config) {
  NameMapping names;
  const JsonValue* given = find(config, "names");
  if (given == nullptr) return names;
  names.display = textOr(*given, "display", names.display);
  names.first = textOr(*given, "first", names.first);
  names.middle = textOr(*given, "middle", names.middle);
  names.last = textOr(*given, "last", names.last);
  names.avatar = textOr(*given, "avatar", names.avatar);
  return names;
}

std::string textClaim(const JsonValue& claims, std::string_view path) {
  const JsonValue* value = at(claims, path);
  if (value == nullptr || !value->IsString() || value->GetStringLength() > kMaxText) return {};
  return std::string(asView(*value));
}

std::string claimsJson(const JsonValue& claims, const NameMapping& names) {
  const std::array<std::pair<const char*, std::string>, 3> mapped = {{{"firstName", textClaim(claims, names.first)},
                                                                      {"middleName", textClaim(claims, names.middle)},
                                                                      {"lastName", textClaim(claims, names.last)}}};
  const auto write = [&](bool others) {
    std::string out;
    JsonWriter writer(out);
    writer.beginObject();
    for (const auto& [key, value] : mapped) {
      if (!value.empty()) writer.field(key, value);
    }
    for (const auto& member : claims.GetObject()) {
      const std::string_view key = asView(member.name);
      if (!others || key == "firstName" || key == "middleName" || key == "lastName") continue;
      writer.key(key).raw(toText(member.value));
    }
    writer.endObject();
    return out;
  };
  std::string all = write(true);
  return all.size() <= kMaxClaims ? all : write(false);
}

}  // namespace chatd::plugins

#include "http/answer.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "common/grants.h"

namespace chatd::http_plugin {

using chatd_sdk::Answer;

namespace {

constexpr std::size_t kMaxId = 255;
constexpr std::size_t kMaxName = 255;

/// The id as text, or nothing if the value cannot be one.
std::optional<std::string> idOf(const JsonValue& value) {
  if (value.IsInt64()) return std::to_string(value.GetInt64());
  if (value.IsUint64()) return std::to_string(value.GetUint64());
  if (!value.IsString()) return std::nullopt;
  const std::string_view text = asView(value);
  if (text.empty() || text.size() > kMaxId) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> idIn(const JsonValue& object) {
  for (const char* key : {"appUserId", "id", "sub"}) {
    const JsonValue* value = find(object, key);
    if (value == nullptr) continue;
    if (auto id = idOf(*value)) return id;
  }
  return std::nullopt;
}

std::string nameIn(const JsonValue& object, const char* key) {
  const JsonValue* value = find(object, key);
  if (value == nullptr || !value->IsString() || value->GetStringLength() > kMaxName) return {};
  return std::string(asView(*value));
}

std::string claimsOf(const JsonValue& object) {
  std::string out;
  JsonWriter writer(out);
  writer.beginObject();
  for (const char* key : {"firstName", "middleName", "lastName"}) {
    if (const std::string name = nameIn(object, key); !name.empty()) writer.field(key, name);
  }
  writer.endObject();
  return out;
}

/// Milliseconds since 1970; 0: says nothing; nothing: cannot be read.
std::optional<std::int64_t> expiryIn(const JsonValue& object) {
  // 9999-12-31 in seconds: far beyond any token, and safe to multiply.
  constexpr double kLast = 253'402'300'799.0;
  if (const JsonValue* exp = find(object, "exp"); exp != nullptr && !exp->IsNull()) {
    // NumericDate may have a fraction (RFC 7519, section 2).
    if (!exp->IsNumber() || !(exp->GetDouble() > 0) || exp->GetDouble() > kLast) return std::nullopt;
    return static_cast<std::int64_t>(exp->GetDouble() * 1000.0);
  }
  const JsonValue* at = find(object, "expiresAt");
  if (at == nullptr || at->IsNull()) return 0;
  if (at->IsString()) {
    const auto time = parseRfc3339(asView(*at));
    if (!time || micros(*time) <= 0) return std::nullopt;
    return micros(*time) / 1000;
  }
  if (!at->IsInt64() || at->GetInt64() <= 0 || at->GetDouble() > kLast * 1000.0) return std::nullopt;
  // Both units are in use. As milliseconds the boundary is in 1973, as seconds in 5138.
  constexpr std::int64_t kBoundary = 100'000'000'000;
  return at->GetInt64() < kBoundary ? at->GetInt64() * 1000 : at->GetInt64();
}

}  // namespace

Answer judge(std::int32_t status, std::string_view body, const std::string& grantsClaim) {
  if (status == 401 || status == 403) {
    return Answer::deny(fmt::format("the verification URL answered {}", status));
  }
  if (status < 200 || status > 299) return Answer::unavailable(fmt::format("the verification URL answered {}", status));
  const auto json = parseJson(body);
  if (!json.ok()) return Answer::unavailable("the verification URL's answer is not valid JSON");
  if (!json->IsObject()) return Answer::unavailable("the verification URL's answer is not a JSON object");

  std::vector<const JsonValue*> places = {&*json};
  for (const char* key : {"user", "data"}) {
    const JsonValue* inner = find(*json, key);
    if (inner != nullptr && inner->IsObject()) places.push_back(inner);
  }
  for (const JsonValue* place : places) {
    auto id = idIn(*place);
    if (!id) continue;
    Answer out = Answer::allow(std::move(*id));
    out.displayName = nameIn(*place, "name");
    out.claimsJson = claimsOf(*place);
    for (const JsonValue* holder : {places.front(), place}) {
      const auto expiry = expiryIn(*holder);
      // A limit that we cannot read must not become no limit.
      if (!expiry) return Answer::unavailable("the verification URL's answer has an expiry that cannot be read");
      if (*expiry != 0) {
        out.expiresAtMs = *expiry;
        break;
      }
    }
    if (!plugins::takeGrants(*json, grantsClaim, out)) {
      return Answer::unavailable(
          fmt::format("the verification URL's answer has a {} that is no list of grants", grantsClaim));
    }
    return out;
  }
  return Answer::unavailable(
      "the verification URL's answer names no user: expected appUserId, id or sub, a string or an integer");
}

}  // namespace chatd::http_plugin

// Reading of a checked configuration. For constructors of verifiers on the C++ wrapper: what is wrong is thrown as
// std::invalid_argument, which the wrapper turns into the reason for the admin. Thread: any.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "common/config_schema.h"

namespace chatd::plugins {

/// The configuration, if it fits the schema.
inline JsonDocument readConfig(std::string_view schema, std::string_view config) {
  if (const auto fits = checkConfig(schema, config); !fits.ok()) throw std::invalid_argument(fits.error().detail());
  auto json = parseJson(config);
  if (!json.ok()) throw std::invalid_argument(json.error().detail());
  return std::move(*json);
}

inline std::string textOr(const JsonValue& object, std::string_view key, std::string otherwise = {}) {
  const JsonValue* value = find(object, key);
  return value != nullptr && value->IsString() ? std::string(asView(*value)) : otherwise;
}
inline std::int64_t integerOr(const JsonValue& object, std::string_view key, std::int64_t otherwise) {
  const JsonValue* value = find(object, key);
  return value != nullptr && value->IsInt64() ? value->GetInt64() : otherwise;
}
inline bool flagOr(const JsonValue& object, std::string_view key, bool otherwise) {
  const JsonValue* value = find(object, key);
  return value != nullptr && value->IsBool() ? value->GetBool() : otherwise;
}
/// A text, or a list of texts.
inline std::vector<std::string> texts(const JsonValue& object, std::string_view key) {
  std::vector<std::string> out;
  const JsonValue* value = find(object, key);
  if (value == nullptr) return out;
  if (value->IsString()) out.emplace_back(asView(*value));
  if (value->IsArray()) {
    for (const JsonValue& one : value->GetArray()) out.emplace_back(asView(one));
  }
  return out;
}

/// A URL that chatd.http/1 will take; `key` is its name in the configuration.
inline void requireUrl(const std::string& url, const char* key) {
  const auto bad = [key](const char* what) { throw std::invalid_argument(std::string(key) + ": " + what); };
  const auto colon = url.find("://");
  std::string scheme = url.substr(0, colon);
  for (char& c : scheme) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (colon == std::string::npos || (scheme != "http" && scheme != "https")) bad("must begin with http:// or https://");
  if (url.size() > 4096) bad("is longer than 4096 bytes");
  for (const char c : url) {
    if (c <= 0x20 || c >= 0x7F) bad("may have printable ASCII only; percent-encode the rest");
  }
  const std::string authority = url.substr(colon + 3, url.find_first_of("/?#", colon + 3) - colon - 3);
  if (authority.empty()) bad("has no host");
  if (authority.find('@') != std::string::npos) bad("may not have user information");
  // Behind the brackets of an IPv6 address, if it is one.
  const auto port = authority.find(':', authority.front() == '[' ? authority.find(']') : 0);
  if (port == std::string::npos || port + 1 == authority.size()) return;
  const std::string digits = authority.substr(port + 1);
  const bool number = digits.size() <= 5 && digits.find_first_not_of("0123456789") == std::string::npos;
  if (!number || std::stoi(digits) < 1 || std::stoi(digits) > 65'535) bad("the port must be 1 to 65535");
}

}  // namespace chatd::plugins

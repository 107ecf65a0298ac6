#include "cli/redact.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json.h"
#include "base/masked_url.h"
#include "base/text.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::size_t kMostShown = 4096;
constexpr std::array<std::string_view, 5> kSecretWords = {"token", "password", "apikey", "secret", "authorization"};

bool isSecret(std::string_view key) {
  const std::string name = toLower(key);
  // tokenExpiresAt and tokenVerificationUrl are about a token and are none.
  if (name == "tokenexpiresat" || name == "tokenverificationurl") return false;
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

void append(JsonWriter& out, const JsonValue& value) {
  if (value.IsObject()) {
    out.beginObject();
    for (const auto& member : value.GetObject()) {
      out.key(asView(member.name));
      if (isSecret(asView(member.name)) && !member.value.IsNull()) {
        out.string(kMask);
      } else {
        append(out, member.value);
      }
    }
    out.endObject();
  } else if (value.IsArray()) {
    out.beginArray();
    for (const JsonValue& item : value.GetArray()) append(out, item);
    out.endArray();
  } else {
    const auto url = value.IsString() ? maskedUrl(asView(value)) : std::nullopt;
    url ? out.string(*url) : out.raw(toText(value));
  }
}

}  // namespace

std::string redactBody(std::string_view body) {
  const auto document = parseJson(body);
  if (!document.ok()) return fmt::format("({} bytes)", body.size());
  std::string text;
  JsonWriter out(text);
  append(out, *document);
  const bool tooLong = text.size() > kMostShown;
  if (tooLong) text.resize(kMostShown);
  return visible(text) + (tooLong ? "…" : "");
}

std::string redactTarget(std::string_view target) {
  constexpr std::string_view kToken = "token=";
  std::string out(target);
  for (std::size_t at = out.find('?'); at != std::string::npos; at = out.find('&', at + 1)) {
    if (out.compare(at + 1, kToken.size(), kToken) != 0) continue;
    const std::size_t begin = at + 1 + kToken.size();
    out.replace(begin, std::min(out.find('&', begin), out.size()) - begin, kMask);
  }
  return visible(out);
}

}  // namespace chatd::cli

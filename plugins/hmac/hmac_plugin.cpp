// The verifier `hmac`. A token is  base64url(user id) "." expiry "." base64url(HMAC-SHA-256(secret, all before the last
// dot)), the expiry in seconds since 1970, base64url without padding.
#include "hmac/hmac_plugin.h"

#include <charconv>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/plain_text.h"
#include "base/text.h"
#include "common/config_reader.h"
#include "common/crypto.h"
#include "sdk/chatd_plugin.hpp"

namespace chatd::plugins {

namespace {

using chatd_sdk::Answer;

constexpr std::size_t kMaxToken = 1024;
constexpr std::size_t kMaxUser = 255;
constexpr std::size_t kMinSecret = 16;
constexpr std::int64_t kLastSecond = 253'402'300'799;  // 9999-12-31

constexpr const char* kSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "additionalProperties": false,
  "properties": {
    "secret": {"writeOnly": true, "anyOf": [{"type": "string", "minLength": 16}, {"type": "array", "items": {"type": "string", "minLength": 16}, "minItems": 1, "maxItems": 8}],
      "description": "16 bytes or more; of a list each is good, so that a secret can be replaced without a gap"},
    "secretName": {"type": "string", "writeOnly": false, "minLength": 1, "maxLength": 64, "description": "instead: the name of one in plugins.secrets of the daemon's configuration"},
    "maxSeconds": {"type": "integer", "minimum": 1, "description": "a token that expires later than so many seconds from now is refused"}
  }
})";

class HmacVerifier final : public chatd_sdk::Verifier {
 public:
  HmacVerifier(chatd_sdk::Host host, std::string_view, std::string_view config) : host_(host) {
    const JsonDocument json = readConfig(kSchema, config);
    secrets_ = texts(json, "secret");
    const std::string name = textOr(json, "secretName");
    if (secrets_.empty() == name.empty()) throw std::invalid_argument("give secret or secretName");
    if (!name.empty()) {
      auto secret = host.secret(name);
      if (!secret) throw std::invalid_argument("secretName: the daemon has no secret " + name + " for this app");
      if (secret->size() < kMinSecret) throw std::invalid_argument("secretName: " + name + " is shorter than 16 bytes");
      secrets_.push_back(std::move(*secret));
    }
    maxMs_ = integerOr(json, "maxSeconds", 0) * 1000;
  }

  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override { job.answer(judge(request.token)); }

 private:
  [[nodiscard]] Answer judge(std::string_view token) const {
    const auto last = token.rfind('.');
    const auto first = token.find('.');
    if (token.size() > kMaxToken || last == std::string_view::npos || first == last)
      return Answer::defer("is not of the form");
    const std::string_view signedPart = token.substr(0, last);
    const auto mac = fromBase64Url(token.substr(last + 1));
    const std::string_view digits = signedPart.substr(first + 1);
    std::int64_t seconds = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (!mac || mac->size() != 32 || digits.empty() || fault != std::errc{} || end != digits.data() + digits.size()) {
      return Answer::defer("is not of the form");
    }
    bool good = false;
    for (const std::string& secret : secrets_) good = equalConstantTime(hmacSha256(secret, signedPart), *mac) || good;
    if (!good) return Answer::deny("its signature is wrong");
    const auto user = fromBase64Url(signedPart.substr(0, first));
    if (!user || user->empty() || user->size() > kMaxUser || !isPlainText(*user)) return Answer::deny("names no user");
    const std::int64_t now = host_.unixMs();
    if (seconds <= 0 || seconds > kLastSecond) return Answer::deny("its expiry is no time");
    if (seconds * 1000 <= now) return Answer::deny("has expired", "token_expired");
    if (maxMs_ > 0 && seconds * 1000 > now + maxMs_) return Answer::deny("is valid for longer than maxSeconds");
    Answer answer = Answer::allow(*user);
    answer.expiresAtMs = seconds * 1000;
    return answer;
  }

  const chatd_sdk::Host host_;
  std::vector<std::string> secrets_;
  std::int64_t maxMs_ = 0;
};

}  // namespace

}  // namespace chatd::plugins

CHATD_PLUGIN_AS(chatd_hmac_plugin_entry, chatd::plugins::HmacVerifier, 0, "hmac", "Signed user id", "1.0.0", "chatd",
                chatd::plugins::kSchema)

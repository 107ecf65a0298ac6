// The verifier `jwt`. The order is the point: shape, pinned algorithm, key, signature, and only then what the token claims.
// Before the signature nothing but the issuer is looked at, and only to leave a token to the verifier of that issuer.
#include "jwt/jwt_plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "common/config_reader.h"
#include "common/grants.h"
#include "jwt/key_source.h"
#include "jwt/settings.h"
#include "sdk/chatd_plugin.hpp"

namespace chatd::jwt {

namespace {

using chatd_sdk::Answer;

constexpr std::size_t kMaxToken = 8 * 1024;
// kMostTried, in words.
constexpr const char* kTooMany =
    "its signature is of none of the first 16 keys without this kid; give keys and tokens a kid";

/// A token in its parts. Owns its text.
struct Token {
  std::string signedPart, signature, payload;
  std::string kid;
  const Algorithm* alg = nullptr;
};

/// Empty: it has the shape of a token of ours. Else the answer.
std::optional<Answer> split(std::string_view text, Token& token) {
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
    return Answer::defer("is no JSON Web Token");
  }
  if (text.size() > kMaxToken) return Answer::deny("is longer than 8 KiB");
  const auto header = fromBase64Url(text.substr(0, first));
  auto signature = fromBase64Url(text.substr(second + 1));
  auto payload = fromBase64Url(text.substr(first + 1, second - first - 1));
  if (!header || !signature || !payload) return Answer::defer("is no JSON Web Token");
  const auto json = parseJson(*header);
  if (!json.ok() || !json->IsObject()) return Answer::defer("is no JSON Web Token");
  // RFC 7515, section 4.1.11: extensions that we do not know must not be ignored.
  if (find(*json, "crit") != nullptr) return Answer::deny("its header has extensions (crit)");
  const std::string alg = plugins::textOr(*json, "alg");
  token.alg = algorithm(alg);
  if (token.alg == nullptr) return Answer::deny("its header names the algorithm \"" + (alg.size() > 16 ? "?" : alg) + "\"");
  token.kid = plugins::textOr(*json, "kid");
  if (token.kid.size() > 256) return Answer::deny("its kid is longer than 256 bytes");
  token.signedPart = text.substr(0, second);
  token.signature = std::move(*signature);
  token.payload = std::move(*payload);
  return std::nullopt;
}

/// Whether the token says that it is of another issuer than ours. Nobody has signed for that yet, so it opens no door: the
/// token is only not ours to judge, as one whose kid we do not have. One without a name of an issuer is.
bool ofAnotherIssuer(const Settings& s, std::string_view payload) {
  if (s.issuer.empty()) return false;
  const auto json = parseJson(payload);
  if (!json.ok() || !json->IsObject()) return false;
  const JsonValue* issuer = find(*json, "iss");
  return issuer != nullptr && issuer->IsString() && asView(*issuer) != s.issuer;
}

Match match(const Keys& keys, const Token& token) {
  return jwt::match(keys, *token.alg, token.kid, token.signedPart, token.signature);
}

bool audienceFits(const JsonValue* aud, const std::vector<std::string>& wanted) {
  const auto one = [&wanted](const JsonValue& v) {
    return v.IsString() && std::find(wanted.begin(), wanted.end(), asView(v)) != wanted.end();
  };
  if (aud == nullptr) return false;
  return aud->IsArray() ? std::any_of(aud->Begin(), aud->End(), one) : one(*aud);
}

/// What a token says that is known to be the issuer's.
Answer judgeClaims(const Settings& s, std::string_view payload, std::int64_t nowMs) {
  const auto json = parseJson(payload);
  if (!json.ok() || !json->IsObject()) return Answer::deny("its claims are no JSON object");
  const JsonValue& claims = *json;
  if (!s.issuer.empty() && plugins::textOr(claims, "iss") != s.issuer) return Answer::deny("names no issuer");
  if (!s.audiences.empty() && !audienceFits(find(claims, "aud"), s.audiences))
    return Answer::deny("is for another audience");

  std::int64_t expiresAt = 0;
  if (const JsonValue* exp = find(claims, "exp")) {
    const auto ms = plugins::numericDateMs(*exp);
    if (!ms) return Answer::deny("its exp is no time");
    expiresAt = *ms + s.leewayMs;
    if (expiresAt <= nowMs) return Answer::deny("has expired", "token_expired");
  } else if (s.requireExpiry) {
    return Answer::deny("has no exp");
  }
  for (const char* name : {"nbf", "iat", "auth_time"}) {
    const JsonValue* time = find(claims, name);
    if (time == nullptr) {
      if (s.requireAuthTime && name == std::string_view("auth_time")) return Answer::deny("has no auth_time");
      continue;
    }
    const auto ms = plugins::numericDateMs(*time);
    if (!ms || *ms > nowMs + s.leewayMs) return Answer::deny(fmt::format("its {} is in the future or no time", name));
  }
  for (const auto& [name, value] : s.required) {
    const JsonValue* claim = plugins::at(claims, name);
    if (claim == nullptr || toText(*claim) != value)
      return Answer::deny(fmt::format("its claim {} is not as required", name));
  }
  const JsonValue* user = plugins::at(claims, s.userClaim);
  const auto id = user != nullptr ? plugins::userIdOf(*user) : std::nullopt;
  if (!id) return Answer::deny(fmt::format("its claim {} names no user", s.userClaim));

  Answer answer = Answer::allow(*id);
  answer.expiresAtMs = expiresAt;
  answer.displayName = plugins::textClaim(claims, s.names.display);
  answer.avatarUrl = plugins::textClaim(claims, s.names.avatar);
  answer.claimsJson = plugins::claimsJson(claims, s.names);
  if (!plugins::takeGrants(claims, s.grantsClaim, answer)) {
    return Answer::deny(fmt::format("its claim {} is no list of grants", s.grantsClaim));
  }
  return answer;
}

/// The token, or what stands in its place in a header field or a cookie.
std::string_view presented(const chatd_sdk::Request& request, const Settings& s) {
  if (!request.token.empty()) return request.token;
  for (const std::string& name : s.fields) {
    std::string_view value = request.field(name);
    if (const std::string_view bearer = bearerOf(value); !bearer.empty()) return bearer;
    if (!value.empty()) return value;
  }
  return {};
}

class JwtVerifier final : public chatd_sdk::Verifier {
 public:
  JwtVerifier(chatd_sdk::Host host, std::string_view, std::string_view config)
      : shared_(std::make_shared<Shared>(host, config)) {
    const Settings& s = shared_->settings;
    if (s.jwksUrl.empty() && s.discovery.empty()) return;
    if (!host.hasHttp()) throw std::invalid_argument("this host has no HTTP client (service chatd.http/1)");
    shared_->source = std::make_shared<KeySource>(host, s);
  }
  ~JwtVerifier() override {
    if (shared_->source) shared_->source->close();
  }
  JwtVerifier(const JwtVerifier&) = delete;
  JwtVerifier& operator=(const JwtVerifier&) = delete;

  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
    Token token;
    const Settings& s = shared_->settings;
    if (const auto answer = split(presented(request, s), token)) return job.answer(*answer);
    if (ofAnotherIssuer(s, token.payload)) return job.answer(Answer::defer("is of another issuer"));
    switch (match(s.keys, token)) {
      case Match::Good:
        return job.answer(judgeClaims(s, token.payload, shared_->host.unixMs()));
      case Match::Bad:
        return job.answer(Answer::deny("its signature is not of a configured key"));
      case Match::TooMany:
        return job.answer(Answer::deny(kTooMany));
      case Match::None:
        break;
    }
    const bool may = std::find(s.algorithms.begin(), s.algorithms.end(), token.alg) != s.algorithms.end();
    if (!shared_->source || !may) return job.answer(Answer::defer("no key is for its algorithm and kid"));
    // std::function wants something that can be copied.
    auto held = std::make_shared<std::pair<Token, chatd_sdk::Job>>(std::move(token), std::move(job));
    const std::string kid = held->first.kid;
    shared_->source->find(kid, [shared = shared_, held](const KeySource::Found& found) {
      held->second.answer(shared->judge(held->first, found));
    });
  }

  std::string health() override { return shared_->source ? shared_->source->fault() : std::string(); }

 private:
  /// Outlives the verifier for as long as a reading of keys is under way.
  struct Shared {
    Shared(chatd_sdk::Host h, std::string_view config)
        : host(h),
          settings(readSettings(
              config, [h](const std::string& name) { return h.secret(name); },
              [h](const std::string& line) { h.log(CHATD_LOG_WARN, line); })) {}
    [[nodiscard]] Answer judge(const Token& token, const KeySource::Found& found) const {
      if (!found.keys) return Answer::unavailable(found.fault);
      switch (match(*found.keys, token)) {
        case Match::Good:
          return judgeClaims(settings, token.payload, host.unixMs());
        case Match::Bad:
          return Answer::deny("its signature is not the issuer's");
        case Match::TooMany:
          return Answer::deny(kTooMany);
        default:
          return Answer::defer("the issuer has no key of its algorithm and kid");
      }
    }
    const chatd_sdk::Host host;
    const Settings settings;
    std::shared_ptr<KeySource> source;
  };
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

}  // namespace chatd::jwt

CHATD_PLUGIN_AS(chatd_jwt_plugin_entry, chatd::jwt::JwtVerifier, CHATD_PF_USES_PEER, "jwt", "JSON Web Token", "1.0.0",
                "chatd", chatd::jwt::kSchema)

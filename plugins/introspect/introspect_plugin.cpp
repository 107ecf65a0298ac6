// The verifier `introspect`: POST of the token to an introspection endpoint (RFC 7662). "active": true allows, false denies;
// everything else, a refusal of our own credentials too, is the server's trouble and lets nobody wait outside for good.
#include "introspect/introspect_plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/text.h"
#include "common/claims.h"
#include "common/config_reader.h"
#include "common/form.h"
#include "common/grants.h"
#include "sdk/chatd_plugin.hpp"

namespace chatd::plugins::introspect {

namespace {

using chatd_sdk::Answer;

constexpr const char* kSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "required": ["url"], "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "minLength": 1, "maxLength": 4096},
    "clientId": {"type": "string", "minLength": 1, "maxLength": 512, "description": "with clientSecret: HTTP Basic"},
    "clientSecret": {"type": "string", "writeOnly": true, "maxLength": 1024},
    "bearerToken": {"type": "string", "writeOnly": true, "minLength": 1, "maxLength": 4096, "description": "instead of clientId and clientSecret"},
    "issuer": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "\"iss\" of the answer must be there and be this"},
    "audience": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 32}]},
    "scopes": {"type": "array", "items": {"type": "string"}, "maxItems": 32, "description": "all of these must be granted"},
    "userClaim": {"type": "string", "minLength": 1, "maxLength": 256, "default": "sub"},
    )" CHATD_NAMES_SCHEMA R"(,
    )" CHATD_GRANTS_SCHEMA R"(,
    "timeoutMs": {"type": "integer", "minimum": 1, "maximum": 60000, "default": 5000}
  }
})";

struct Settings {
  std::string url, authorization, issuer, userClaim, grantsClaim;
  std::vector<std::string> audiences, scopes;
  NameMapping names;
  std::int64_t timeoutMs = 5000;
};

Settings readSettings(std::string_view config) {
  const JsonDocument json = readConfig(kSchema, config);
  Settings s;
  s.url = textOr(json, "url");
  requireUrl(s.url, "url");
  const std::string id = textOr(json, "clientId");
  const std::string bearer = textOr(json, "bearerToken");
  if (!id.empty() && !bearer.empty()) throw std::invalid_argument("give clientId and clientSecret, or bearerToken");
  // RFC 6749, section 2.3.1: both are form-encoded first.
  if (!id.empty()) s.authorization = "Basic " + toBase64(formEncoded(id) + ":" + formEncoded(textOr(json, "clientSecret")));
  // It becomes a header field.
  if (!std::all_of(bearer.begin(), bearer.end(), [](char c) { return c > 0x20 && c < 0x7F; })) {
    throw std::invalid_argument("bearerToken: may have printable ASCII without spaces only");
  }
  if (!bearer.empty()) s.authorization = "Bearer " + bearer;
  s.issuer = textOr(json, "issuer");
  s.audiences = texts(json, "audience");
  s.scopes = texts(json, "scopes");
  s.userClaim = textOr(json, "userClaim", "sub");
  s.grantsClaim = textOr(json, "grantsClaim");
  s.names = namesOf(json);
  s.timeoutMs = integerOr(json, "timeoutMs", 5000);
  return s;
}

bool holds(const JsonValue* aud, const std::vector<std::string>& wanted) {
  const auto one = [&](const JsonValue& v) {
    return v.IsString() && std::find(wanted.begin(), wanted.end(), asView(v)) != wanted.end();
  };
  return aud != nullptr && (aud->IsArray() ? std::any_of(aud->Begin(), aud->End(), one) : one(*aud));
}

bool granted(const std::string& scopes, const std::string& wanted) {
  return (" " + scopes + " ").find(" " + wanted + " ") != std::string::npos;
}

Answer judge(const Settings& s, const chatd_sdk::HttpResponse& response, std::int64_t nowMs) {
  if (response.status < 0) return Answer::unavailable(fmt::format("the server cannot be asked: {}", response.error));
  if (response.status != 200) return Answer::unavailable(fmt::format("the server answered {}", response.status));
  const auto json = parseJson(response.body);
  if (!json.ok() || !json->IsObject()) return Answer::unavailable("the server's answer is no JSON object");
  const JsonValue* active = find(*json, "active");
  if (active == nullptr || !active->IsBool()) return Answer::unavailable("the server's answer has no \"active\"");
  if (!active->GetBool()) return Answer::deny("the server says that it is not active");

  // What is not said, or is no text, is not this issuer.
  if (!s.issuer.empty() && textOr(*json, "iss") != s.issuer) return Answer::deny("is of another issuer");
  if (!s.audiences.empty() && !holds(find(*json, "aud"), s.audiences)) return Answer::deny("is for another audience");
  for (const std::string& scope : s.scopes) {
    if (!granted(textOr(*json, "scope"), scope)) return Answer::deny("lacks the scope " + scope);
  }
  std::int64_t expiresAt = 0;
  if (const JsonValue* exp = find(*json, "exp"); exp != nullptr && !exp->IsNull()) {
    const auto ms = numericDateMs(*exp);
    // A limit that we cannot read must not become no limit.
    if (!ms || *ms == 0) return Answer::unavailable("the server's answer has an exp that is no time");
    if (*ms <= nowMs) return Answer::deny("has expired", "token_expired");
    expiresAt = *ms;
  }
  if (const JsonValue* nbf = find(*json, "nbf"); nbf != nullptr && !nbf->IsNull()) {
    const auto ms = numericDateMs(*nbf);
    if (!ms || *ms > nowMs) return Answer::deny("is not valid yet");
  }
  const JsonValue* user = at(*json, s.userClaim);
  const auto id = user != nullptr ? userIdOf(*user) : std::nullopt;
  if (!id) return Answer::unavailable(fmt::format("the server's answer has no {} that names a user", s.userClaim));
  Answer answer = Answer::allow(*id);
  answer.expiresAtMs = expiresAt;
  answer.displayName = textClaim(*json, s.names.display);
  answer.avatarUrl = textClaim(*json, s.names.avatar);
  answer.claimsJson = claimsJson(*json, s.names);
  // As with exp: a limit that we cannot read must not become no limit.
  if (!takeGrants(*json, s.grantsClaim, answer)) {
    return Answer::unavailable(fmt::format("the server's answer has a {} that is no list of grants", s.grantsClaim));
  }
  return answer;
}

class IntrospectVerifier final : public chatd_sdk::Verifier {
 public:
  IntrospectVerifier(chatd_sdk::Host host, std::string_view, std::string_view config)
      : host_(host), settings_(readSettings(config)) {
    if (!host.hasHttp()) throw std::invalid_argument("this host has no HTTP client (service chatd.http/1)");
  }

  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
    chatd_sdk::HttpRequest call;
    call.method = "POST";
    call.url = settings_.url;
    call.body = "token=" + formEncoded(request.token) + "&token_type_hint=access_token";
    call.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    if (!settings_.authorization.empty()) call.headers.emplace_back("Authorization", settings_.authorization);
    call.deadlineNs = std::min(request.deadlineNs, host_.nowNs() + settings_.timeoutMs * 1'000'000);
    auto held = std::make_shared<chatd_sdk::Job>(std::move(job));
    const bool asked = host_.fetch(call, [this, held](const chatd_sdk::HttpResponse& response) {
      held->answer(judge(settings_, response, host_.unixMs()));
    });
    if (!asked) held->answer(Answer::unavailable("the server cannot be asked"));
  }

 private:
  const chatd_sdk::Host host_;
  const Settings settings_;
};

}  // namespace

}  // namespace chatd::plugins::introspect

CHATD_PLUGIN_AS(chatd_introspect_plugin_entry, chatd::plugins::introspect::IntrospectVerifier, 0, "introspect",
                "OAuth 2.0 token introspection", "1.0.0", "chatd", chatd::plugins::introspect::kSchema)

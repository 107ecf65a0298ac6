#include "jwt/settings.h"

#include <fmt/format.h>

#include <stdexcept>

#include "base/text.h"
#include "common/config_reader.h"
#include "common/field_names.h"
#include "common/grants.h"
#include "common/small_file.h"

namespace chatd::jwt {

const char* const kSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "preset": {"enum": ["oidc", "firebase"],
      "description": "oidc: finds the keys of \"issuer\" by its metadata; firebase: issuer, audience and keys of \"projectId\""},
    "projectId": {"type": "string", "minLength": 1, "maxLength": 128},
    "issuer": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "\"iss\" must be this; tokens that name another are left to the next verifier"},
    "audience": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 32}],
      "description": "\"aud\" must be or hold one of these"},
    "jwksUrl": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "where public keys are published"},
    "algorithms": {"type": "array", "minItems": 1, "maxItems": 10,
      "items": {"enum": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]},
      "description": "which published keys may have; default RS256"},
    "keys": {"type": "array", "writeOnly": false, "minItems": 1, "maxItems": 32, "items": {
      "type": "object", "required": ["alg"], "additionalProperties": false, "properties": {
        "alg": {"enum": ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]},
        "kid": {"type": "string", "maxLength": 256, "description": "a token of this alg whose kid is another is left to the next verifier; of public keys that a token does not name, 16 are tried"},
        "secret": {"type": "string", "writeOnly": true, "description": "for HS*, as text"},
        "secretName": {"type": "string", "writeOnly": false, "minLength": 1, "maxLength": 64, "description": "for HS*: the name of one in plugins.secrets of the daemon's configuration"},
        "secretBase64": {"type": "string", "writeOnly": true, "description": "for HS*, in base64 or base64url"},
        "pem": {"type": "string", "maxLength": 65536, "description": "public key or certificate"},
        "pemFile": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "absolute path of one"},
        "jwk": {"type": "object", "description": "public key", "properties": {"d": {"writeOnly": true}, "p": {"writeOnly": true},
          "q": {"writeOnly": true}, "dp": {"writeOnly": true}, "dq": {"writeOnly": true}, "qi": {"writeOnly": true},
          "oth": {"writeOnly": true}, "k": {"writeOnly": true}, "key_ops": {"writeOnly": false}}}}}},
    "cookie": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 128}, {"type": "array", "minItems": 1, "maxItems": 8,
      "items": {"type": "string", "minLength": 1, "maxLength": 128}}],
      "description": "cookies that hold the token, if none is presented; only of pages of the same or an allowed origin"},
    "header": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 128}, {"type": "array", "minItems": 1, "maxItems": 8,
      "items": {"type": "string", "minLength": 1, "maxLength": 128}}],
      "description": "header fields that hold it, with or without Bearer"},
    "leewaySeconds": {"type": "integer", "minimum": 0, "maximum": 600, "default": 30},
    "requireExpiry": {"type": "boolean", "default": true},
    "userClaim": {"type": "string", "minLength": 1, "maxLength": 256, "default": "sub", "description": "may be a path: user.id"},
    "requiredClaims": {"type": "object", "description": "claims that must have exactly these values"},
    )" CHATD_NAMES_SCHEMA R"(,
    )" CHATD_GRANTS_SCHEMA R"(,
    "refreshSeconds": {"type": "integer", "minimum": 1, "maximum": 86400, "default": 300},
    "staleSeconds": {"type": "integer", "minimum": 0, "maximum": 604800, "default": 86400},
    "cooldownSeconds": {"type": "integer", "minimum": 1, "maximum": 3600, "default": 30}
  }
})";

namespace {

constexpr std::size_t kMostPem = 64 * 1024;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

/// Who writes a configuration need not be somebody who may look around on this machine, so whatever is the matter with the
/// file is refused in the same words. What it was is for the log.
Key readPemFile(std::string kid, const Algorithm& alg, const std::string& file, const std::string& path,
                const TellOperators& tell) {
  const auto pem = plugins::readSmallFile(file, kMostPem);
  auto key = Key::fromPem(std::move(kid), alg, pem.value_or(""));
  if (key.ok()) return std::move(*key);
  tell(fmt::format("{}.pemFile {}: {}", path, file, pem ? key.error().detail() : "cannot be read"));
  refuse(
      fmt::format("{}.pemFile: must be the absolute path of a file of at most 64 KiB that chatd may read, with a PEM public "
                  "key or certificate for {}; chatd's log says what is the matter",
                  path, alg.name));
}

Key readKey(const JsonValue& given, const std::string& path, const SecretOf& secretOf, const TellOperators& tell) {
  int sources = 0;
  for (const char* source : {"secret", "secretName", "secretBase64", "pem", "pemFile", "jwk"}) {
    if (find(given, source) != nullptr) ++sources;
  }
  if (sources != 1) refuse(path + ": give exactly one of secret, secretName, secretBase64, pem, pemFile and jwk");
  const Algorithm& alg = *algorithm(plugins::textOr(given, "alg"));
  std::string kid = plugins::textOr(given, "kid");
  const auto taken = [&path](Result<Key> key, const char* source) {
    if (!key.ok()) refuse(fmt::format("{}.{}: {}", path, source, key.error().detail()));
    return std::move(*key);
  };
  if (const JsonValue* jwk = find(given, "jwk")) {
    if (kid.empty()) kid = plugins::textOr(*jwk, "kid");
    return taken(Key::fromJwk(std::move(kid), alg, *jwk), "jwk");
  }
  if (find(given, "secret") != nullptr) {
    return taken(Key::fromSecret(std::move(kid), alg, plugins::textOr(given, "secret")), "secret");
  }
  if (find(given, "secretName") != nullptr) {
    const std::string name = plugins::textOr(given, "secretName");
    auto secret = secretOf(name);
    if (!secret) refuse(fmt::format("{}.secretName: the daemon has no secret {} for this app", path, name));
    return taken(Key::fromSecret(std::move(kid), alg, std::move(*secret)), "secretName");
  }
  if (find(given, "secretBase64") != nullptr) {
    const std::string text = plugins::textOr(given, "secretBase64");
    auto secret = fromBase64(text);
    if (!secret) secret = fromBase64Url(text);
    if (!secret) refuse(path + ".secretBase64: is not base64");
    return taken(Key::fromSecret(std::move(kid), alg, std::move(*secret)), "secretBase64");
  }
  if (find(given, "pem") != nullptr) return taken(Key::fromPem(std::move(kid), alg, plugins::textOr(given, "pem")), "pem");
  return readPemFile(std::move(kid), alg, plugins::textOr(given, "pemFile"), path, tell);
}

void applyPreset(const JsonValue& config, Settings& s) {
  const std::string preset = plugins::textOr(config, "preset");
  const std::string project = plugins::textOr(config, "projectId");
  if (preset != "firebase" && !project.empty()) refuse("projectId: is for the preset firebase");
  if (preset == "oidc") {
    if (s.issuer.empty()) refuse("issuer: is required by the preset oidc");
    if (s.audiences.empty()) refuse("audience: is required by the preset oidc");
    if (s.jwksUrl.empty()) {
      s.discovery = s.issuer + (s.issuer.back() == '/' ? "" : "/") + ".well-known/openid-configuration";
      plugins::requireUrl(s.discovery, "issuer");
    }
  } else if (preset == "firebase") {
    if (project.empty()) refuse("projectId: is required by the preset firebase");
    s.issuer = "https://securetoken.google.com/" + project;
    s.audiences = {project};
    if (s.jwksUrl.empty()) {
      s.jwksUrl = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";
    }
    s.algorithms = {algorithm("RS256")};
    s.requireAuthTime = true;
  }
}

}  // namespace

Settings readSettings(std::string_view text, const SecretOf& secretOf, const TellOperators& tell) {
  const JsonDocument config = plugins::readConfig(kSchema, text);
  Settings s;
  s.issuer = plugins::textOr(config, "issuer");
  s.audiences = plugins::texts(config, "audience");
  s.jwksUrl = plugins::textOr(config, "jwksUrl");
  for (const std::string& name : plugins::texts(config, "algorithms")) s.algorithms.push_back(algorithm(name));
  if (s.algorithms.empty()) s.algorithms = {algorithm("RS256")};
  applyPreset(config, s);
  if (const JsonValue* keys = find(config, "keys")) {
    for (rapidjson::SizeType i = 0; i < keys->Size(); ++i)
      s.keys.push_back(readKey((*keys)[i], fmt::format("keys[{}]", i), secretOf, tell));
  }
  if (!s.jwksUrl.empty()) plugins::requireUrl(s.jwksUrl, "jwksUrl");
  if (s.keys.empty() && s.jwksUrl.empty() && s.discovery.empty()) refuse("give keys, jwksUrl or a preset");
  s.leewayMs = plugins::integerOr(config, "leewaySeconds", 30) * 1000;
  s.requireExpiry = plugins::flagOr(config, "requireExpiry", true);
  s.userClaim = plugins::textOr(config, "userClaim", "sub");
  if (const auto fault = fieldNamesFault(config)) refuse(*fault);
  for (const std::string& name : plugins::texts(config, "header")) {
    s.fields.push_back(toLower(name));
    const std::string& field = s.fields.back();
    if (field == "authorization") refuse("header: Authorization is never passed on; a Bearer in it is the token already");
    if (field == "cookie") refuse("header: Cookie is never passed on; name the cookie as \"cookie\"");
  }
  for (const std::string& name : plugins::texts(config, "cookie")) s.fields.push_back("cookie:" + name);
  s.grantsClaim = plugins::textOr(config, "grantsClaim");
  s.names = plugins::namesOf(config);
  if (const JsonValue* required = find(config, "requiredClaims")) {
    for (const auto& member : required->GetObject()) s.required.emplace_back(asView(member.name), toText(member.value));
  }
  s.refreshMs = plugins::integerOr(config, "refreshSeconds", 300) * 1000;
  s.staleMs = plugins::integerOr(config, "staleSeconds", 86'400) * 1000;
  s.cooldownMs = plugins::integerOr(config, "cooldownSeconds", 30) * 1000;
  return s;
}

}  // namespace chatd::jwt

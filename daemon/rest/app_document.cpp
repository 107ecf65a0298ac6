#include "rest/app_document.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/masked_url.h"
#include "protocol/wire_json.h"
#include "rest/schema.h"

namespace chatd::rest {

namespace {

constexpr std::string_view kHttp = "http";
constexpr std::string_view kMaskGiven = "has *** where a secret belongs; give the secret, or leave {} away";

void appendVerifier(JsonWriter& out, const VerifierSpec& spec, PluginHost& plugins) {
  out.beginObject().field("plugin", spec.plugin).key("config").raw(plugins.listed(spec).config);
  out.field("timeoutMs", spec.timeout.count()).field("cacheTtlMs", spec.cacheTtl.count()).key("isolation");
  if (spec.isolation.empty()) {
    out.null();
  } else {
    out.string(spec.isolation);
  }
  out.endObject();
}

std::optional<std::string> verificationUrl(const App& app) {
  if (app.verifiers.size() != 1 || app.verifiers[0].plugin != kHttp) return std::nullopt;
  const auto config = parseJson(app.verifiers[0].config);
  if (!config.ok()) return std::nullopt;
  const JsonValue* url = present(*config, "url");
  if (url == nullptr || !url->IsString()) return std::nullopt;
  return maskedUrl(asView(*url)).value_or(std::string(asView(*url)));
}

VerifierSpec verifierOf(const JsonValue& body) {
  VerifierSpec spec;
  spec.plugin = *text(body, "plugin");
  if (const JsonValue* config = present(body, "config")) spec.config = toText(*config);
  if (const auto timeout = integer(body, "timeoutMs")) spec.timeout = std::chrono::milliseconds(*timeout);
  if (const auto ttl = integer(body, "cacheTtlMs")) spec.cacheTtl = std::chrono::milliseconds(*ttl);
  spec.isolation = text(body, "isolation").value_or("");
  return spec;
}

Error operatorsOnly(std::string_view field) {
  return Error(Code::Forbidden, fmt::format("{} can be changed by operators only.", field));
}

}  // namespace

void appendAppFields(JsonWriter& out, const App& app, PluginHost& plugins) {
  out.field("appId", raw(app.id)).field("name", app.name).key("settings").beginObject();
  out.field("autoCreateUsers", app.settings.autoCreateUsers).field("enabled", app.settings.enabled);
  out.field("reverifySeconds", app.settings.reverify.count()).key("allowPrivateNetworks");
  if (app.settings.allowPrivateNetworks) {
    out.boolean(*app.settings.allowPrivateNetworks);
  } else {
    out.null();
  }
  out.key("quotas").beginObject();
  out.field("connections", app.settings.quotas.connections);
  out.field("messagesPerSecond", app.settings.quotas.messagesPerSecond).endObject();
  std::string retention;
  wire::appendRetention(retention, app.settings.retention);
  out.key("retention").raw(retention).endObject();
  out.key("verifiers").beginArray();
  for (const VerifierSpec& spec : app.verifiers) appendVerifier(out, spec, plugins);
  out.endArray();
  out.field("tokenVerificationUrl", verificationUrl(app));
  out.field("createdAt", toRfc3339(app.createdAt)).field("updatedAt", toRfc3339(app.updatedAt));
}

AppSettings settingsOf(const JsonValue& body, AppSettings settings) {
  const JsonValue* given = present(body, "settings");
  if (given == nullptr) return settings;
  if (const auto value = boolean(*given, "autoCreateUsers")) settings.autoCreateUsers = *value;
  if (const auto value = boolean(*given, "enabled")) settings.enabled = *value;
  if (const auto value = integer(*given, "reverifySeconds")) settings.reverify = std::chrono::seconds(*value);
  if (find(*given, "allowPrivateNetworks") != nullptr)
    settings.allowPrivateNetworks = boolean(*given, "allowPrivateNetworks");
  if (find(*given, "retention") != nullptr) settings.retention = retentionOf(*given);
  if (const JsonValue* quotas = present(*given, "quotas")) {
    if (const auto value = integer(*quotas, "connections")) settings.quotas.connections = *value;
    if (const auto value = integer(*quotas, "messagesPerSecond")) settings.quotas.messagesPerSecond = *value;
  }
  return settings;
}

std::optional<Retention> retentionOf(const JsonValue& object) {
  const JsonValue* given = present(object, "retention");
  if (given == nullptr) return std::nullopt;
  return Retention{integer(*given, "days"), integer(*given, "messages")};
}

Result<std::optional<std::vector<VerifierSpec>>> chainOf(const JsonValue& body, PluginHost& plugins) {
  using Chain = std::optional<std::vector<VerifierSpec>>;
  const JsonValue* list = present(body, "verifiers");
  const bool urlGiven = find(body, "tokenVerificationUrl") != nullptr;
  if (list != nullptr && urlGiven) {
    return Error::field("tokenVerificationUrl", "is short for one http verifier; give it or verifiers, not both");
  }
  if (urlGiven) {
    const auto url = text(body, "tokenVerificationUrl");
    if (!url) return Chain(std::in_place);
    if (!url->starts_with("http://") && !url->starts_with("https://")) {
      return Error::field("tokenVerificationUrl", "must begin with http:// or https://");
    }
    if (maskedUrl(*url) == *url)
      return Error::field("tokenVerificationUrl", fmt::format(kMaskGiven, "tokenVerificationUrl"));
    std::string config;
    JsonWriter(config).beginObject().field("url", *url).endObject();
    VerifierSpec spec;
    spec.plugin = kHttp;
    spec.config = std::move(config);
    return Chain({std::move(spec)});
  }
  if (list == nullptr) return Chain();
  std::vector<VerifierSpec> chain;
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    chain.push_back(verifierOf((*list)[i]));
    const JsonValue* config = present((*list)[i], "config");
    // Whatever the plugin says is secret: it may have been out of reach when this was listed.
    if ((config != nullptr && holdsMask(*config)) || plugins.listed(chain.back()).hasMask) {
      return Error::field(fmt::format("verifiers[{}].config", i), fmt::format(kMaskGiven, "verifiers"));
    }
  }
  return Chain(std::move(chain));
}

Result<void> mayChange(const Principal& caller, const App& before, const AppSettings& settings,
                       const std::optional<std::vector<VerifierSpec>>& chain) {
  if (caller.isOperator()) return {};
  if (settings.quotas != before.settings.quotas) return operatorsOnly("settings.quotas");
  if (settings.enabled != before.settings.enabled) return operatorsOnly("settings.enabled");
  if (settings.allowPrivateNetworks != before.settings.allowPrivateNetworks) {
    return operatorsOnly("settings.allowPrivateNetworks");
  }
  if (!chain || *chain == before.verifiers) return {};
  if (caller.kind == Principal::Kind::AppKey) {
    return Error(Code::Forbidden, "verifiers can be changed by operators and owners only.");
  }
  for (std::size_t i = 0; i < chain->size(); ++i) {
    const VerifierSpec& spec = (*chain)[i];
    if (std::find(before.verifiers.begin(), before.verifiers.end(), spec) != before.verifiers.end()) continue;
    // These two let anybody in, or a list of people.
    if (spec.plugin == "static" || spec.plugin == "allow")
      return operatorsOnly(fmt::format("verifiers[{}].plugin {}", i, spec.plugin));
    // Foreign code inside the daemon sees every app. Of the bundled plugins, http is the one an owner would name.
    if (spec.isolation == "inline" && spec.plugin != kHttp)
      return operatorsOnly(fmt::format("verifiers[{}].isolation inline", i));
  }
  return {};
}

}  // namespace chatd::rest

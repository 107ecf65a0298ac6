#include "store/settings_json.h"

#include "base/json.h"

namespace chatd::store {

namespace {

Error damaged(const char* what) { return {Code::Internal, std::string("The stored ") + what + " cannot be read."}; }

std::int64_t integerOr(const JsonValue& object, std::string_view key, std::int64_t otherwise) {
  const JsonValue* v = find(object, key);
  return v != nullptr && v->IsInt64() ? v->GetInt64() : otherwise;
}

std::string textOr(const JsonValue& object, std::string_view key, std::string_view otherwise) {
  const JsonValue* v = find(object, key);
  return std::string(v != nullptr && v->IsString() ? asView(*v) : otherwise);
}

}  // namespace

std::string toJson(const AppSettings& settings) {
  std::string out;
  JsonWriter w(out);
  w.beginObject().field("autoCreateUsers", settings.autoCreateUsers);
  if (settings.reverify.count() > 0) w.field("reverifySeconds", settings.reverify.count());
  if (settings.allowPrivateNetworks) w.field("allowPrivateNetworks", *settings.allowPrivateNetworks);
  if (!settings.enabled) w.field("enabled", false);
  w.key("quotas").beginObject();
  w.field("connections", settings.quotas.connections).field("messagesPerSecond", settings.quotas.messagesPerSecond);
  w.endObject().endObject();
  return out;
}

std::string toJson(const std::vector<VerifierSpec>& verifiers) {
  std::string out;
  JsonWriter w(out);
  w.beginArray();
  for (const VerifierSpec& v : verifiers) {
    w.beginObject().field("plugin", v.plugin).field("config", v.config);
    w.field("timeoutMs", v.timeout.count()).field("cacheTtlMs", v.cacheTtl.count()).field("isolation", v.isolation);
    w.endObject();
  }
  w.endArray();
  return out;
}

Result<AppSettings> settingsFrom(std::string_view json) {
  const auto document = parseJson(json);
  if (!document.ok() || !document->IsObject()) return damaged("settings");
  AppSettings settings;
  if (const JsonValue* v = find(*document, "autoCreateUsers"); v != nullptr && v->IsBool()) {
    settings.autoCreateUsers = v->GetBool();
  }
  if (const JsonValue* v = find(*document, "enabled"); v != nullptr && v->IsBool()) settings.enabled = v->GetBool();
  if (const JsonValue* v = find(*document, "reverifySeconds"); v != nullptr && v->IsInt64()) {
    settings.reverify = std::chrono::seconds(v->GetInt64());
  }
  if (const JsonValue* v = find(*document, "allowPrivateNetworks"); v != nullptr && v->IsBool()) {
    settings.allowPrivateNetworks = v->GetBool();
  }
  if (const JsonValue* v = find(*document, "quotas"); v != nullptr && v->IsObject()) {
    settings.quotas.connections = integerOr(*v, "connections", 0);
    settings.quotas.messagesPerSecond = integerOr(*v, "messagesPerSecond", 0);
  }
  return settings;
}

Result<std::vector<VerifierSpec>> verifiersFrom(std::string_view json) {
  const auto document = parseJson(json);
  if (!document.ok() || !document->IsArray()) return damaged("verifiers");
  std::vector<VerifierSpec> verifiers;
  for (const JsonValue& v : document->GetArray()) {
    if (!v.IsObject()) return damaged("verifiers");
    VerifierSpec spec;
    spec.plugin = textOr(v, "plugin", "");
    spec.config = textOr(v, "config", "{}");
    spec.timeout = std::chrono::milliseconds(integerOr(v, "timeoutMs", spec.timeout.count()));
    spec.cacheTtl = std::chrono::milliseconds(integerOr(v, "cacheTtlMs", spec.cacheTtl.count()));
    spec.isolation = textOr(v, "isolation", "");
    verifiers.push_back(std::move(spec));
  }
  return verifiers;
}

}  // namespace chatd::store

#include "auth/app_cache.h"

#include "base/json.h"
#include "base/text.h"
#include "common/field_names.h"

namespace chatd {

namespace {

/// The member `key` of a configuration, a text or a list of texts.
template <class Take>
void eachText(const JsonValue& config, const char* key, Take take) {
  const JsonValue* value = find(config, key);
  if (value == nullptr) return;
  if (value->IsString()) return take(asView(*value));
  if (!value->IsArray()) return;
  for (rapidjson::SizeType i = 0; i < value->Size() && i < kMostFieldNames; ++i) {
    if ((*value)[i].IsString()) take(asView((*value)[i]));
  }
}

}  // namespace

std::vector<std::string> peerNamesOf(const VerifierSpec& spec) {
  std::vector<std::string> names;
  const auto config = parseJson(spec.config);
  if (!config.ok() || !config->IsObject()) return names;
  eachText(*config, "header", [&](std::string_view name) { names.push_back(toLower(name)); });
  eachText(*config, "cookie", [&](std::string_view name) { names.push_back("cookie:" + std::string(name)); });
  return names;
}

KnownApp::KnownApp(App app) : App(std::move(app)) {
  peerNames.reserve(verifiers.size());
  for (const VerifierSpec& spec : verifiers) {
    peerNames.push_back(peerNamesOf(spec));
    allPeerNames.insert(allPeerNames.end(), peerNames.back().begin(), peerNames.back().end());
  }
}

AppPtr AppCache::cached(const std::string& key, std::uint64_t& forgotten) {
  const Steady now = clock_.steady();
  LockGuard g(mutex_);
  forgotten = forgotten_;
  const auto it = entries_.find(key);
  return it != entries_.end() && now < it->second.until ? it->second.app : nullptr;
}

Result<AppPtr> AppCache::keep(const std::string& key, Result<App> read, std::uint64_t forgotten) {
  if (!read.ok()) return std::move(read).error();
  AppPtr app = std::make_shared<const KnownApp>(std::move(*read));
  const Steady now = clock_.steady();
  LockGuard g(mutex_);
  // Read before something changed: good for this caller, who asked before, and for nobody else.
  if (forgotten != forgotten_) return app;
  if (entries_.size() >= limit_) {
    std::erase_if(entries_, [&](const auto& e) { return e.second.until <= now; });
    if (entries_.size() >= limit_) entries_.erase(entries_.begin());
  }
  entries_[key] = {app, now + ttl_};
  return app;
}

Result<AppPtr> AppCache::get(const std::string& text) {
  if (const auto id = parseId(text)) return get(AppId{*id});
  // Nothing else can be the name of an app, and what a client sends must not fill the cache with keys of any length.
  if (text.empty() || text.size() > 128) return Error(Code::NotFound);
  std::uint64_t forgotten = 0;
  if (AppPtr app = cached(text, forgotten)) return app;
  return keep(text, directory_.appByName(text), forgotten);
}

Result<AppPtr> AppCache::get(AppId id) {
  const std::string key = std::to_string(raw(id));
  std::uint64_t forgotten = 0;
  if (AppPtr app = cached(key, forgotten)) return app;
  return keep(key, directory_.app(id), forgotten);
}

void AppCache::forget(AppId id) {
  LockGuard g(mutex_);
  ++forgotten_;
  std::erase_if(entries_, [id](const auto& e) { return e.second.app->id == id; });
}

}  // namespace chatd

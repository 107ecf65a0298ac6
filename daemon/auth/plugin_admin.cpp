// What administrators ask of plugins: whether they take a configuration, what they are, how they do; taking a new file and
// new secrets.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "auth/plugin_host_core.h"
#include "base/json.h"
#include "common/config_schema.h"
#include "common/config_secrets.h"
#include "common/field_names.h"
#include "host/plugin_library.h"

namespace chatd {

std::string PluginHost::Core::missingFolders() const {
  std::string out;
  for (const std::string& folder : options_.folders) {
    const auto good = PluginFile::judgeFolder(folder);
    if (!good.ok()) out += fmt::format("; plugins.paths: {}", good.error().detail());
  }
  return out;
}

std::string PluginHost::Core::known() const {
  std::set<std::string> names;
  for (const auto& [name, plugin] : bundled_) names.insert(name);
  for (std::string& name : catalog_.names()) names.insert(std::move(name));
  return fmt::format("{}", fmt::join(names, ", "));
}

// --- for administrators -----------------------------------------------------------------------------------------------

Result<void> PluginHost::Core::check(const SecretScope& app, const VerifierSpec& spec) {
  // The names that the daemon reads itself (KnownApp), whatever the plugin's schema says of them.
  if (const auto config = parseJson(spec.config); config.ok()) {
    if (const auto fault = fieldNamesFault(*config)) return Error(Code::Invalid, *fault);
  }
  if (!bundled(spec.plugin) && spec.isolation != "inline") {
    auto loaded = probe(spec.plugin, app, spec.config);
    if (loaded.ok()) return {};
    if (loaded.error().code() != Code::Invalid) return std::move(loaded).error();
    return Error(Code::Invalid, loaded.error().detail() + noteOnSecrets(app, spec));
  }
  auto wait = std::make_shared<Awaited<bool>>();
  const bool posted = control_->post([this, wait, app, spec] {
    const auto table =
        bundled(spec.plugin) ? Result<const chatd_plugin*>(bundled_.at(spec.plugin)) : inlineTable(spec.plugin);
    if (!table.ok()) return wait->tell(Error(table.error()));
    const char* schema = (*table)->config_schema;
    if (auto fits = checkConfig(schema != nullptr ? schema : "", spec.config); !fits.ok()) {
      return wait->tell(std::move(fits).error());
    }
    const auto made = make(app.app, spec, options_.allowPrivateNetworks, secretsOf(app));
    if (!made.ok()) return wait->tell(Error(Code::Invalid, made.error().detail() + noteOnSecrets(app, spec)));
    wait->tell(true);
  });
  if (!posted) return Error(Code::Restarting);
  CHATD_CHECK(wait->get());
  return {};
}

Result<hostwire::Loaded> PluginHost::Core::probe(const std::string& name, const SecretScope& app,
                                                 std::optional<std::string> config) {
  // First the file: a plugin that is not there is another fault than one that does not work.
  auto file = PluginFile::find(options_.folders, name);
  if (!file.ok() && file.error().code() == Code::NotFound) {
    const std::string_view rule =
        PluginFile::goodName(name) ? "" : "; a name has a-z, 0-9, '.', '_' and '-' only, so its file must be called so, too";
    return Error(Code::NotFound,
                 fmt::format("there is no plugin \"{}\"; known are: {}{}{}", name, known(), missingFolders(), rule));
  }
  if (!file.ok()) return Error(Code::Invalid, file.error().detail());
  auto wait = std::make_shared<Awaited<hostwire::Loaded>>();
  supervisor_->probe({app.app, name, config.value_or(""), false, config ? secretsOf(app) : PluginSecrets::Values()},
                     config.has_value(), [wait](Result<hostwire::Loaded> loaded) { wait->tell(std::move(loaded)); });
  auto loaded = wait->get();
  // A configuration that was refused is no fault of the plugin's.
  if (loaded.ok() || !config) catalog_.learn(name, loaded);
  return loaded;
}

PluginFacts PluginHost::Core::bundledFacts(const std::string& name) const {
  const auto text = [](const char* s) { return std::string(s != nullptr ? s : ""); };
  const chatd_plugin* p = bundled_.at(name);
  return {name, true, p->flags, text(p->id), text(p->name), text(p->version), text(p->vendor), text(p->config_schema), {}};
}

std::vector<PluginFacts> PluginHost::Core::list() {
  // Of two with one name, ours is meant.
  std::vector<std::string> foreign = catalog_.names();
  std::erase_if(foreign, [this](const std::string& name) { return bundled(name); });
  std::vector<PluginFacts> out = catalog_.facts(foreign, std::chrono::steady_clock::now() + kCheckWait);
  for (const auto& [name, plugin] : bundled_) out.push_back(bundledFacts(name));
  std::sort(out.begin(), out.end(), [](const PluginFacts& a, const PluginFacts& b) { return a.name < b.name; });
  return out;
}

ListedVerifier PluginHost::Core::listed(const VerifierSpec& spec) {
  std::optional<PluginFacts> facts;
  if (bundled(spec.plugin)) {
    facts = bundledFacts(spec.plugin);
  } else {
    // What nobody has said yet is masked whole: a list does not wait for a plugin that hangs.
    facts = catalog_.soon(spec.plugin);
  }
  const bool known = facts && facts->fault.empty();
  ListedConfig listed = known ? listedConfig(facts->schema, spec.config) : listedNames(spec.config);
  return {std::move(listed.json), listed.hasMask};
}

Result<PluginFacts> PluginHost::Core::show(const std::string& name) {
  if (bundled(name)) return bundledFacts(name);
  auto loaded = probe(name, {}, std::nullopt);
  if (!loaded.ok() && loaded.error().code() != Code::Invalid) return std::move(loaded).error();
  return PluginCatalog::factsOf(name, loaded);
}

// Thread: control. Instances of the new library take the place of those of the old one, which end when they have answered.
Result<std::size_t> PluginHost::Core::replaceInline(const std::string& name) {
  if (inline_.count(name) == 0) return std::size_t{0};
  CHATD_TRY(plugin, loadInline(name));
  std::vector<std::pair<Key, Kept>> old;
  {
    LockGuard g(mutex_);
    for (const auto& [key, kept] : instances_) {
      if (kept.spec.plugin == name && kept.spec.isolation == "inline") old.emplace_back(key, kept);
    }
  }
  std::vector<std::pair<Key, InstancePtr>> made;
  for (const auto& [key, kept] : old) {
    CHATD_TRY(instance, makeInline(plugin, std::get<0>(key), kept.spec, kept.allowPrivate, kept.secrets));
    made.emplace_back(key, std::move(instance));
  }
  inline_[name] = plugin;
  std::vector<InstancePtr> gone;
  LockGuard g(mutex_);
  for (auto& [key, instance] : made) {
    const auto it = instances_.find(key);
    if (it == instances_.end()) continue;  // its app has changed meanwhile
    gone.push_back(std::exchange(it->second.instance, std::move(instance)));
  }
  return made.size();
}

Result<std::size_t> PluginHost::Core::reload(const std::string& name) {
  if (bundled(name)) return Error(Code::Invalid, "a bundled plugin changes with the daemon");
  CHATD_CHECK(probe(name, {}, std::nullopt));
  auto hosted = std::make_shared<Awaited<std::size_t>>();
  supervisor_->reload(name, [hosted](Result<std::size_t> replaced) { hosted->tell(std::move(replaced)); });
  auto inlined = std::make_shared<Awaited<std::size_t>>();
  if (!control_->post([this, inlined, name] { inlined->tell(replaceInline(name)); })) return Error(Code::Restarting);
  CHATD_TRY(processes, hosted->get());
  CHATD_TRY(instances, inlined->get());
  return processes + instances;
}

Result<std::vector<HostedState>> PluginHost::Core::health(const std::string& name) {
  auto wait = std::make_shared<Awaited<std::vector<HostedState>>>();
  supervisor_->health(name, [wait](std::vector<HostedState> states) { wait->tell(std::move(states)); });
  CHATD_TRY(states, wait->get());
  auto inlined = std::make_shared<Awaited<std::vector<HostedState>>>();
  const bool posted = control_->post([this, inlined, name] {
    std::map<Key, Kept> kept;
    {
      LockGuard g(mutex_);
      kept = instances_;
    }
    std::vector<HostedState> out;
    for (const auto& [key, one] : kept) {
      auto* instance = dynamic_cast<InlineInstance*>(one.instance.get());
      if (instance == nullptr || instance->name() != name) continue;
      out.push_back({std::get<0>(key), name, 0, 1, instance->owed.load(), 0, instance->health()});
    }
    inlined->tell(std::move(out));
  });
  if (!posted) return Error(Code::Restarting);
  CHATD_TRY(inside, inlined->get());
  states.insert(states.end(), inside.begin(), inside.end());
  return std::move(states);
}

Result<std::vector<HostedState>> PluginHost::Core::processes() {
  auto wait = std::make_shared<Awaited<std::vector<HostedState>>>();
  supervisor_->states([wait](std::vector<HostedState> states) { wait->tell(std::move(states)); });
  return wait->get();
}

// --- secrets ----------------------------------------------------------------------------------------------------------

PluginSecrets PluginHost::Core::secrets() const {
  LockGuard g(mutex_);
  return secrets_;
}

PluginSecrets::Values PluginHost::Core::secretsOf(const SecretScope& app) {
  std::vector<SecretFault> faults;
  auto values = secrets().of(app, faults);
  tellFaults(faults);
  return values;
}

void PluginHost::Core::tellFaults(const std::vector<SecretFault>& faults) {
  for (const SecretFault& fault : faults) {
    {
      LockGuard g(mutex_);
      if (!told_.insert(fault.text()).second) continue;
    }
    say(AuthLogLevel::Error, fault.text());
  }
}

std::string PluginHost::Core::noteOnSecrets(const SecretScope& app, const VerifierSpec& spec) const {
  std::vector<SecretFault> faults;
  static_cast<void>(secrets().of(app, faults));
  std::string note;
  for (const SecretFault& fault : faults) {
    if (spec.config.find('"' + fault.name + '"') == std::string::npos) continue;
    // Where it lies is the operator's business.
    note += fmt::format("{}the secret {} of plugins.secrets cannot be used: {}", note.empty() ? " (" : "; ", fault.name,
                        fault.reason);
  }
  return note.empty() ? note : note + ")";
}

void PluginHost::Core::setSecrets(PluginSecrets secrets, UniqueFunction<void(AppId)> changed) {
  const auto faults = secrets.faults();
  {
    LockGuard g(mutex_);
    secrets_ = std::move(secrets);
    // Who asks for a reload wants to know how it is now.
    told_.clear();
  }
  tellFaults(faults);
  static_cast<void>(control_->post([this, told = std::make_shared<UniqueFunction<void(AppId)>>(std::move(changed))] {
    std::map<Key, Kept> all;
    {
      LockGuard g(mutex_);
      all = instances_;
    }
    for (const auto& [key, kept] : all) {
      const auto values = secretsOf({std::get<0>(key), kept.appName});
      if (values != kept.secrets) renew(key, kept, values, told);
    }
  }));
}

// The instance is given its configuration once more, and with it the secrets; if its plugin cannot take one, it is replaced.
void PluginHost::Core::renew(const Key& key, const Kept& kept, const PluginSecrets::Values& values, const Changed& changed) {
  kept.instance->reconfigure(
      kept.spec.config, values, [self = shared_from_this(), key, kept, values, changed](Result<bool> taken) {
        if (!taken.ok()) return self->notRenewed(key, taken.error().detail());
        if (*taken) return self->renewed(key, kept.instance, kept.instance, values, changed);
        static_cast<void>(
            self->control_->post([self, key, kept, values, changed] { self->replace(key, kept, values, changed); }));
      });
}

void PluginHost::Core::replace(const Key& key, const Kept& kept, const PluginSecrets::Values& values,
                               const Changed& changed) {
  const AppId app = std::get<0>(key);
  const auto made = [self = shared_from_this(), key, kept, values, changed, app] {
    auto instance = self->make(app, kept.spec, kept.allowPrivate, values);
    if (!instance.ok()) return self->notRenewed(key, instance.error().detail());
    self->renewed(key, kept.instance, std::move(*instance), values, changed);
  };
  if (bundled(kept.spec.plugin) || kept.spec.isolation == "inline") return made();
  // In a process of its own first: what does not take the secrets must not take the place of what works.
  supervisor_->probe({app, kept.spec.plugin, kept.spec.config, false, values}, true,
                     [self = shared_from_this(), key, made](const Result<hostwire::Loaded>& loaded) {
                       if (!loaded.ok()) return self->notRenewed(key, loaded.error().detail());
                       made();
                     });
}

// Thread: any.
void PluginHost::Core::renewed(const Key& key, const InstancePtr& was, InstancePtr now, const PluginSecrets::Values& values,
                               const Changed& changed) {
  InstancePtr gone;  // let go outside the lock
  {
    LockGuard g(mutex_);
    const auto it = instances_.find(key);
    if (it == instances_.end() || it->second.instance != was) return;  // its app has changed meanwhile
    gone = std::exchange(it->second.instance, std::move(now));
    it->second.secrets = values;
  }
  (*changed)(std::get<0>(key));
  say(AuthLogLevel::Info,
      fmt::format("app {}: verifier {} ({}) has its new secrets", raw(std::get<0>(key)), std::get<1>(key), was->name()));
}

// Thread: any.
void PluginHost::Core::notRenewed(const Key& key, const std::string& why) {
  say(AuthLogLevel::Error, fmt::format("app {}: verifier {} goes on with the secrets that it had: {}", raw(std::get<0>(key)),
                                       std::get<1>(key), why));
}

}  // namespace chatd

#include "auth/plugin_catalog.h"

#include <sys/stat.h>

#include <utility>

#include "auth/plugin_instance.h"
#include "host/plugin_library.h"

namespace chatd {

namespace {

constexpr std::chrono::seconds kFaultKept{60};
/// A process that loads a plugin is there in 30 ms on a machine that has time.
constexpr std::chrono::milliseconds kSoon{500};
/// Looked at for one list; the others of a folder full of plugins are looked at for the next.
constexpr std::size_t kAskedAtOnce = 32;

}  // namespace

PluginFacts PluginCatalog::factsOf(const std::string& plugin, const Result<hostwire::Loaded>& loaded) {
  PluginFacts facts;
  facts.name = plugin;
  if (!loaded.ok()) {
    facts.fault = loaded.error().detail();
    return facts;
  }
  facts.flags = loaded->flags;
  facts.id = printable(loaded->id);
  facts.title = printable(loaded->name);
  facts.version = printable(loaded->version);
  facts.vendor = printable(loaded->vendor);
  facts.schema = loaded->schema;
  facts.confined = loaded->confined;
  return facts;
}

std::vector<std::string> PluginCatalog::names() const { return PluginFile::names(folders_); }

Result<PluginCatalog::Identity> PluginCatalog::identityOf(const std::string& plugin) const {
  CHATD_TRY(file, PluginFile::find(folders_, plugin));
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return Error(Code::Invalid, file.path() + ": cannot be looked at");
  return Identity{status.st_dev, status.st_ino, status.st_size,
                  std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
}

bool PluginCatalog::known(const Entry& entry, const Identity& identity) {
  if (entry.of != identity) return false;
  return entry.facts.fault.empty() || std::chrono::steady_clock::now() < entry.again;
}

void PluginCatalog::ask(const std::string& plugin, const Identity& identity, std::size_t& budget) {
  {
    LockGuard g(mutex_);
    Entry& entry = entries_[plugin];
    if (budget == 0 || entry.asking || known(entry, identity)) return;
    entry.asking = true;
    entry.since = std::chrono::steady_clock::now();
  }
  --budget;
  look_(plugin, [this, plugin, identity](Result<hostwire::Loaded> loaded) { told(plugin, identity, loaded); });
}

void PluginCatalog::take(Entry& entry, const std::string& plugin, const Identity& identity,
                         const Result<hostwire::Loaded>& loaded) {
  if (!loaded.ok() && loaded.error().code() != Code::Invalid) return;
  entry.of = identity;
  entry.facts = factsOf(plugin, loaded);
  entry.again = std::chrono::steady_clock::now() + kFaultKept;
}

void PluginCatalog::told(const std::string& plugin, const Identity& identity, const Result<hostwire::Loaded>& loaded) {
  LockGuard g(mutex_);
  Entry& entry = entries_[plugin];
  entry.asking = false;
  take(entry, plugin, identity, loaded);
  told_.notifyAll();
}

void PluginCatalog::learn(const std::string& plugin, const Result<hostwire::Loaded>& loaded) {
  const auto identity = identityOf(plugin);
  if (!identity.ok()) return;
  LockGuard g(mutex_);
  take(entries_[plugin], plugin, *identity, loaded);
}

std::optional<PluginFacts> PluginCatalog::await(const std::string& plugin, const Result<Identity>& identity, Steady until) {
  if (!identity.ok()) {
    PluginFacts facts;
    facts.name = plugin;
    facts.fault = identity.error().detail();
    return facts;
  }
  UniqueLock lock(mutex_);
  const Entry& entry = entries_[plugin];
  while (entry.asking) {
    if (told_.waitUntil(lock, until) == std::cv_status::timeout) break;
  }
  if (entry.of != *identity) return std::nullopt;
  return entry.facts;
}

std::optional<PluginFacts> PluginCatalog::soon(const std::string& plugin) {
  const auto identity = identityOf(plugin);
  if (!identity.ok()) return await(plugin, identity, {});
  std::size_t budget = 1;
  ask(plugin, *identity, budget);
  Steady until{};
  {
    LockGuard g(mutex_);
    until = entries_[plugin].since + kSoon;
  }
  return await(plugin, identity, until);
}

std::vector<PluginFacts> PluginCatalog::facts(const std::vector<std::string>& plugins, Steady until) {
  // They are looked at side by side.
  std::size_t budget = kAskedAtOnce;
  std::vector<Result<Identity>> identities;
  identities.reserve(plugins.size());
  for (const std::string& plugin : plugins) {
    identities.push_back(identityOf(plugin));
    if (identities.back().ok()) ask(plugin, *identities.back(), budget);
  }
  std::vector<PluginFacts> out;
  out.reserve(plugins.size());
  for (std::size_t i = 0; i < plugins.size(); ++i) {
    PluginFacts nameOnly;
    nameOnly.name = plugins[i];
    out.push_back(await(plugins[i], identities[i], until).value_or(std::move(nameOnly)));
  }
  return out;
}

void PluginCatalog::runs(const std::string& plugin, std::uint32_t flags) {
  LockGuard g(mutex_);
  Entry& entry = entries_[plugin];
  entry.ran = entry.ran.value_or(0) | flags;
}

std::optional<std::uint32_t> PluginCatalog::flags(const std::string& plugin) const {
  LockGuard g(mutex_);
  const auto it = entries_.find(plugin);
  if (it == entries_.end()) return std::nullopt;
  const Entry& entry = it->second;
  if (!entry.of || !entry.facts.fault.empty()) return entry.ran;
  return entry.facts.flags | entry.ran.value_or(0);
}

}  // namespace chatd

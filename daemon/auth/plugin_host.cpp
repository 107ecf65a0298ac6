#include "auth/plugin_host.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "auth/plugin_instance.h"
#include "auth/plugin_jobs.h"
#include "auth/plugin_supervisor.h"
#include "auth/task_thread.h"
#include "auth/verifier_metrics.h"
#include "base/mutex.h"
#include "common/config_schema.h"
#include "hmac/hmac_plugin.h"
#include "host/plugin_library.h"
#include "http/http_plugin.h"
#include "introspect/introspect_plugin.h"
#include "jwt/jwt_plugin.h"
#include "simple/simple_plugins.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxInstances = 4096;
constexpr std::size_t kMaxJobs = 65'536;
constexpr std::chrono::seconds kOwedAtStop{5};
constexpr std::chrono::seconds kCheckWait{5};
// The plugin is told the exact deadline; the host waits a little longer, so that the plugin's own, better reason wins.
constexpr std::chrono::milliseconds kGrace{50};
constexpr std::chrono::seconds kCarried{5};
constexpr std::size_t kMaxOwedPerInstance = 256;
// Loaded into the daemon they stay; somebody who reloads all day must not fill its memory.
constexpr std::size_t kMaxInlineLoads = 64;

Error unavailable(std::string why) { return {Code::VerifierUnavailable, std::move(why)}; }

/// Waits, on a worker, for what another thread will tell; 5 s at most.
template <class T>
class Awaited {
 public:
  void tell(Result<T> value) {
    LockGuard g(mutex_);
    value_.emplace(std::move(value));
    ready_.notifyAll();
  }
  Result<T> get() {
    const Steady until = std::chrono::steady_clock::now() + kCheckWait;
    UniqueLock lock(mutex_);
    while (!value_) {
      if (ready_.waitUntil(lock, until) == std::cv_status::timeout && !value_) return Error(Code::Busy);
    }
    return std::move(*value_);
  }

 private:
  Mutex mutex_;
  Condition ready_;
  std::optional<Result<T>> value_ CHATD_GUARDED_BY(mutex_);
};

/// A verifier whose plugin runs in a process of its own.
class HostedInstance final : public PluginHost::Instance {
 public:
  HostedInstance(std::shared_ptr<PluginSupervisor> supervisor, HostedVerifier verifier)
      : Instance(verifier.plugin), supervisor_(std::move(supervisor)), id_(supervisor_->open(std::move(verifier))) {}
  ~HostedInstance() override { supervisor_->close(id_); }

  [[nodiscard]] bool verify(const Question& question, std::chrono::milliseconds timeout, chatd_job job) override {
    supervisor_->verify(id_, *this, question, std::chrono::steady_clock::now() + timeout, job);
    return true;
  }
  void cancel(chatd_job job) override { supervisor_->cancel(id_, job); }
  void reconfigure(const std::string& config, Reconfigured then) override {
    supervisor_->reconfigure(id_, config, std::move(then));
  }

 private:
  const std::shared_ptr<PluginSupervisor> supervisor_;
  const PluginSupervisor::InstanceId id_;
};

}  // namespace

std::vector<PluginEntry> bundledPlugins() {
  return {{"allow", &chatd_allow_plugin_entry},
          {"deny", &chatd_deny_plugin_entry},
          {"hmac", &chatd_hmac_plugin_entry},
          {"http", &chatd_http_plugin_entry},
          {"introspect", &chatd_introspect_plugin_entry},
          {"jwt", &chatd_jwt_plugin_entry},
          {"static", &chatd_static_plugin_entry}};
}

class PluginHost::Core : public std::enable_shared_from_this<PluginHost::Core>, public PluginInstanceOwner {
 public:
  Core(PluginHostOptions options, OutboundHttp& http, const Clock& clock)
      : options_(std::move(options)), http_(http), clock_(clock), jobs_(kMaxJobs) {
    for (const PluginEntry& p : options_.bundled) {
      const chatd_plugin* plugin = p.entry(CHATD_ABI_MINOR);
      CHATD_ASSERT(plugin != nullptr);
      // Those two need a process of their own around them.
      CHATD_ASSERT((plugin->flags & (CHATD_PF_MAY_BLOCK | CHATD_PF_SERIALIZED)) == 0);
      bundled_[p.name] = plugin;
    }
  }

  void start() {
    control_ = std::make_unique<TaskThread>();
    supervisor_ = std::make_shared<PluginSupervisor>(
        SupervisorOptions{options_.program, options_.folders, options_.key, kMaxProcesses}, shared_from_this());
    timer_ = std::make_unique<WakeThread>([this] {
      endOverdue(false);
      return jobs_.nextDeadline();
    });
  }

  void instance(const App& app, std::size_t index, UniqueFunction<void(Result<InstancePtr>)> then);
  void ask(const InstancePtr& instance, Question question, std::chrono::milliseconds timeout, PluginJobs::Done done);
  void forget(AppId app);
  Result<void> check(const SecretScope& app, const VerifierSpec& spec);
  Result<bool> reconfigure(const App& before, std::size_t index, const VerifierSpec& now);
  [[nodiscard]] std::uint32_t flags(const std::string& name) const;
  [[nodiscard]] bool bundled(const std::string& name) const { return bundled_.count(name) > 0; }
  [[nodiscard]] std::vector<PluginFacts> list() const;
  Result<PluginFacts> show(const std::string& name);
  Result<std::size_t> reload(const std::string& name);
  Result<std::vector<HostedState>> health(const std::string& name);
  Result<std::vector<HostedState>> processes();
  void stop();

  // PluginInstanceOwner. Thread: any.
  void completed(const Instance& by, chatd_job job, Verdict verdict) override;
  void say(AuthLogLevel level, const std::string& line) override {
    if (options_.log) options_.log(level, line);
  }
  void counted(AppId app, const std::string& plugin, const std::string& name, double by, MetricLabels labels) override {
    if (options_.metrics != nullptr) options_.metrics->counted(app, plugin, name, by, std::move(labels));
  }
  void restarted(AppId app, const std::string& plugin) override {
    if (options_.metrics != nullptr) options_.metrics->restarted(app, plugin);
  }
  Steady steady() override { return clock_.steady(); }
  Timestamp wall() override { return clock_.wall(); }
  bool fetch(OutboundRequest request, OutboundHttp::Done done) override {
    if (stopping_) return false;
    http_.fetch(std::move(request), std::move(done));
    return true;
  }

 private:
  using Key = std::tuple<AppId, std::size_t, std::int64_t>;  // app, index of the verifier, revision
  struct Kept {
    InstancePtr instance;
    std::string appName;
    Steady used{};
    VerifierSpec spec;
    bool allowPrivate = false;
  };
  static constexpr std::size_t kMaxProcesses = 64;

  Result<InstancePtr> make(const SecretScope& app, const VerifierSpec& spec, bool allowPrivate);
  Result<InstancePtr> makeInline(const chatd_plugin* plugin, const SecretScope& app, const VerifierSpec& spec,
                                 bool allowPrivate);
  /// Read anew each time: what an operator has changed is taken with the next verifier that is made.
  [[nodiscard]] PluginSecrets::Values secretsOf(const SecretScope& app);
  /// Of a foreign plugin that is to run inline; loaded at its first use. Thread: control.
  Result<const chatd_plugin*> inlineTable(const std::string& name);
  Result<const chatd_plugin*> loadInline(const std::string& name);
  Result<std::size_t> replaceInline(const std::string& name);
  Result<hostwire::Loaded> probe(const std::string& name, const SecretScope& app, std::optional<std::string> config);
  void learn(const std::string& name, std::uint32_t flags);
  std::vector<InstancePtr> keep(const Key& key, Kept made);
  /// The instance that was reconfigured for this, if there is one.
  [[nodiscard]] InstancePtr takeCarried(const Key& key, const VerifierSpec& spec, bool allowPrivate);
  void endOverdue(bool all);
  [[nodiscard]] std::string known() const;

  const PluginHostOptions options_;
  OutboundHttp& http_;
  const Clock& clock_;
  std::map<std::string, const chatd_plugin*> bundled_;
  PluginJobs jobs_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> owed_{0};  ///< jobs from ask() until complete() has let go of the instance

  mutable Mutex mutex_;
  Condition answered_;
  std::map<Key, Kept> instances_ CHATD_GUARDED_BY(mutex_);
  /// By app and index: instances that have the configuration of the next revision. They wait for it a moment (Kept::used).
  std::map<std::pair<AppId, std::size_t>, Kept> carried_ CHATD_GUARDED_BY(mutex_);
  std::map<std::string, std::uint32_t> foreignFlags_ CHATD_GUARDED_BY(mutex_);  ///< of those that were looked at

  std::map<std::string, const chatd_plugin*> inline_;  ///< thread: control
  std::size_t inlineLoads_ = 0;                        ///< thread: control

  std::shared_ptr<PluginSupervisor> supervisor_;
  std::unique_ptr<TaskThread> control_;
  std::unique_ptr<WakeThread> timer_;
};

std::string PluginHost::Core::known() const {
  std::string out;
  for (const PluginFacts& plugin : list()) out += (out.empty() ? "" : ", ") + plugin.name;
  return out;
}

std::uint32_t PluginHost::Core::flags(const std::string& name) const {
  if (const auto it = bundled_.find(name); it != bundled_.end()) return it->second->flags;
  LockGuard g(mutex_);
  const auto it = foreignFlags_.find(name);
  return it == foreignFlags_.end() ? static_cast<std::uint32_t>(CHATD_PF_USES_PEER) : it->second;
}

void PluginHost::Core::learn(const std::string& name, std::uint32_t flags) {
  LockGuard g(mutex_);
  foreignFlags_[name] = flags;
}

// --- instances --------------------------------------------------------------------------------------------------------

// Thread: control.
Result<PluginHost::InstancePtr> PluginHost::Core::make(const SecretScope& app, const VerifierSpec& spec, bool allowPrivate) {
  if (const auto it = bundled_.find(spec.plugin); it != bundled_.end()) {
    return makeInline(it->second, app, spec, allowPrivate);
  }
  if (spec.isolation == "inline") {
    CHATD_TRY(plugin, inlineTable(spec.plugin));
    return makeInline(plugin, app, spec, allowPrivate);
  }
  return InstancePtr(std::make_shared<HostedInstance>(
      supervisor_, HostedVerifier{app.app, spec.plugin, spec.config, allowPrivate, secretsOf(app)}));
}

PluginSecrets::Values PluginHost::Core::secretsOf(const SecretScope& app) {
  std::vector<std::string> faults;
  auto values = options_.secrets.of(app, faults);
  for (const std::string& fault : faults) say(AuthLogLevel::Error, fmt::format("app {}: {}", raw(app.app), fault));
  return values;
}

Result<PluginHost::InstancePtr> PluginHost::Core::makeInline(const chatd_plugin* plugin, const SecretScope& app,
                                                             const VerifierSpec& spec, bool allowPrivate) {
  // Destroyed on the control thread wherever the last one lets go, which may be inside the plugin's own complete(). After
  // stop() only those are left that owed an answer: they stay, because their plugin may still be running.
  const auto destroyer = [self = shared_from_this()](InlineInstance* gone) {
    static_cast<void>(self->control_->post([gone] { delete gone; }));
  };
  const std::shared_ptr<InlineInstance> made(
      new InlineInstance(shared_from_this(), plugin, spec.plugin, app.app, allowPrivate, secretsOf(app)), destroyer);
  if (auto created = made->create(spec.config); !created.ok()) return std::move(created).error();
  return InstancePtr(made);
}

Result<const chatd_plugin*> PluginHost::Core::inlineTable(const std::string& name) {
  if (const auto it = inline_.find(name); it != inline_.end()) return it->second;
  CHATD_TRY(plugin, loadInline(name));
  inline_[name] = plugin;
  return plugin;
}

Result<const chatd_plugin*> PluginHost::Core::loadInline(const std::string& name) {
  CHATD_TRY(file, PluginFile::find(options_.folders, name));
  if (inlineLoads_ >= kMaxInlineLoads) {
    return Error(Code::Invalid, "too many plugins were loaded into this daemon; restart it, or use isolation process");
  }
  ++inlineLoads_;
  // The descriptor stays open; see loadPlugin().
  CHATD_TRY(plugin, loadPlugin(file.release()));
  if ((plugin->flags & (CHATD_PF_MAY_BLOCK | CHATD_PF_SERIALIZED)) != 0) {
    return Error(Code::Invalid, "it may block or must not be called concurrently, so it cannot run with isolation inline");
  }
  learn(name, plugin->flags);
  return plugin;
}

// Displaces older revisions of the same verifier, and the longest unused instance if there are too many. What it returns is
// let go outside the lock.
std::vector<PluginHost::InstancePtr> PluginHost::Core::keep(const Key& key, Kept made) {
  std::vector<InstancePtr> gone;
  const Steady now = clock_.steady();
  LockGuard g(mutex_);
  const auto [app, index, revision] = key;
  for (auto it = instances_.lower_bound(Key{app, index, 0}); it != instances_.end() && it->first < key;) {
    gone.push_back(std::move(it->second.instance));
    it = instances_.erase(it);
  }
  if (instances_.size() >= kMaxInstances) {
    auto oldest = instances_.begin();
    for (auto it = instances_.begin(); it != instances_.end(); ++it) {
      if (it->second.used < oldest->second.used) oldest = it;
    }
    gone.push_back(std::move(oldest->second.instance));
    instances_.erase(oldest);
  }
  made.used = now;
  instances_[key] = std::move(made);
  return gone;
}

void PluginHost::Core::instance(const App& app, std::size_t index, UniqueFunction<void(Result<InstancePtr>)> then) {
  const Key key{app.id, index, app.revision};
  const auto lookUp = [this, key]() -> InstancePtr {
    LockGuard g(mutex_);
    const auto it = instances_.find(key);
    if (it == instances_.end()) return nullptr;
    it->second.used = clock_.steady();
    return it->second.instance;
  };
  if (InstancePtr found = lookUp()) return then(std::move(found));
  if (stopping_) return then(unavailable("the daemon is stopping"));
  const bool allowPrivate = app.settings.allowPrivateNetworks.value_or(options_.allowPrivateNetworks);
  auto held = std::make_shared<decltype(then)>(std::move(then));
  const bool posted = control_->post([this, key, name = app.name, lookUp, allowPrivate, spec = app.verifiers[index], held] {
    // Many may have asked for the same one; the first made it.
    if (InstancePtr found = lookUp()) return (*held)(std::move(found));
    InstancePtr carried = takeCarried(key, spec, allowPrivate);
    auto made = carried ? Result<InstancePtr>(std::move(carried)) : make({std::get<0>(key), name}, spec, allowPrivate);
    if (made.ok() && !stopping_) keep(key, Kept{*made, name, {}, spec, allowPrivate});
    (*held)(std::move(made));
  });
  if (!posted) (*held)(unavailable("the daemon is stopping"));
}

PluginHost::InstancePtr PluginHost::Core::takeCarried(const Key& key, const VerifierSpec& spec, bool allowPrivate) {
  std::vector<Kept> late;  // let go outside the lock
  const Steady now = clock_.steady();
  LockGuard g(mutex_);
  for (auto it = carried_.begin(); it != carried_.end();) {
    const auto here = it++;
    if (now - here->second.used < kCarried) continue;
    late.push_back(std::move(here->second));
    carried_.erase(here);
  }
  const auto it = carried_.find({std::get<0>(key), std::get<1>(key)});
  if (it == carried_.end() || !(it->second.spec == spec) || it->second.allowPrivate != allowPrivate) return nullptr;
  InstancePtr taken = std::move(it->second.instance);
  carried_.erase(it);
  return taken;
}

Result<bool> PluginHost::Core::reconfigure(const App& before, std::size_t index, const VerifierSpec& now) {
  auto wait = std::make_shared<Awaited<bool>>();
  const bool posted = control_->post([this, wait, key = Key{before.id, index, before.revision}, now] {
    Kept kept;
    {
      LockGuard g(mutex_);
      const auto it = instances_.find(key);
      if (it != instances_.end()) kept = it->second;
    }
    if (!kept.instance) return wait->tell(false);
    Instance& instance = *kept.instance;
    instance.reconfigure(now.config, [self = shared_from_this(), wait, key, now, kept](Result<bool> taken) mutable {
      if (taken.ok() && *taken) {
        kept.spec = now;
        kept.used = self->clock_.steady();
        Kept displaced;
        LockGuard g(self->mutex_);
        displaced = std::exchange(self->carried_[{std::get<0>(key), std::get<1>(key)}], std::move(kept));
      }
      wait->tell(std::move(taken));
    });
  });
  if (!posted) return Error(Code::Restarting);
  return wait->get();
}

void PluginHost::Core::ask(const InstancePtr& instance, Question question, std::chrono::milliseconds timeout,
                           PluginJobs::Done done) {
  if (stopping_) return done(Verdict::unavailable("the daemon is stopping"));
  if (instance->owed.fetch_add(1) >= kMaxOwedPerInstance) {
    --instance->owed;
    return done(Verdict::unavailable("the plugin owes too many answers"));
  }
  const auto job = jobs_.open(instance, std::chrono::steady_clock::now() + timeout + kGrace, done);
  if (!job) {
    --instance->owed;
    return done(Verdict::unavailable("plugins owe too many answers"));
  }
  ++owed_;
  timer_->nudge();
  if (!instance->verify(question, timeout, *job)) {
    completed(*instance, *job, Verdict::unavailable("the plugin could not start the verification"));
  }
}

void PluginHost::Core::completed(const Instance& by, chatd_job job, Verdict verdict) {
  PluginJobs::Ended ended = jobs_.complete(&by, job);
  if (!ended.instance) {
    say(AuthLogLevel::Warn,
        fmt::format("plugin {}: completed a job that is not its own or was completed before", by.name()));
    return;
  }
  --ended.instance->owed;
  if (verdict.pluginFault) say(AuthLogLevel::Error, fmt::format("plugin {}: {}", by.name(), verdict.detail));
  // Empty: the deadline came first, and the asker has been told.
  if (ended.done) ended.done(std::move(verdict));
  // Before it counts as done: stop() ends the thread that destroys instances.
  ended.instance = nullptr;
  --owed_;
  if (stopping_) {
    LockGuard g(mutex_);
    answered_.notifyAll();
  }
}

void PluginHost::Core::endOverdue(bool all) {
  for (PluginJobs::Overdue& late : jobs_.expire(std::chrono::steady_clock::now(), all)) {
    late.instance->cancel(late.job);
    late.done(Verdict::unavailable(all ? "the daemon is stopping" : "the verifier did not answer in time"));
  }
}

void PluginHost::Core::forget(AppId app) {
  std::vector<InstancePtr> gone;
  LockGuard g(mutex_);
  for (auto it = instances_.lower_bound(Key{app, 0, 0}); it != instances_.end() && std::get<0>(it->first) == app;) {
    gone.push_back(std::move(it->second.instance));
    it = instances_.erase(it);
  }
}

// --- for administrators -----------------------------------------------------------------------------------------------

Result<void> PluginHost::Core::check(const SecretScope& app, const VerifierSpec& spec) {
  if (!bundled(spec.plugin) && spec.isolation != "inline") {
    auto loaded = probe(spec.plugin, app, spec.config);
    return loaded.ok() ? Result<void>() : Result<void>(std::move(loaded).error());
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
    const auto made = make(app, spec, options_.allowPrivateNetworks);
    if (!made.ok()) return wait->tell(Error(Code::Invalid, made.error().detail()));
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
    return Error(Code::NotFound, fmt::format("there is no plugin \"{}\"; known are: {}", name, known()));
  }
  if (!file.ok()) return Error(Code::Invalid, file.error().detail());
  auto wait = std::make_shared<Awaited<hostwire::Loaded>>();
  supervisor_->probe({app.app, name, config.value_or(""), false, config ? secretsOf(app) : PluginSecrets::Values()},
                     config.has_value(), [wait](Result<hostwire::Loaded> loaded) { wait->tell(std::move(loaded)); });
  auto loaded = wait->get();
  if (loaded.ok()) learn(name, loaded->flags);
  return loaded;
}

std::vector<PluginFacts> PluginHost::Core::list() const {
  const auto text = [](const char* s) { return std::string(s != nullptr ? s : ""); };
  std::map<std::string, PluginFacts> all;
  for (const std::string& name : PluginFile::names(options_.folders)) {
    PluginFacts& facts = all[name];
    facts.name = name;
    const auto file = PluginFile::find(options_.folders, name);
    if (!file.ok()) facts.fault = file.error().detail();
    facts.flags = flags(name);
  }
  // Of two with one name, ours is meant.
  for (const auto& [name, p] : bundled_) {
    all[name] = {name, true, p->flags, text(p->id), text(p->name), text(p->version), text(p->vendor), text(p->config_schema),
                 {}};
  }
  std::vector<PluginFacts> out;
  out.reserve(all.size());
  for (auto& [name, facts] : all) out.push_back(std::move(facts));
  return out;
}

Result<PluginFacts> PluginHost::Core::show(const std::string& name) {
  if (bundled(name)) {
    for (PluginFacts& facts : list()) {
      if (facts.name == name) return std::move(facts);
    }
  }
  auto loaded = probe(name, {}, std::nullopt);
  PluginFacts facts;
  facts.name = name;
  if (!loaded.ok()) {
    if (loaded.error().code() != Code::Invalid) return std::move(loaded).error();
    facts.fault = loaded.error().detail();
    return facts;
  }
  facts.flags = loaded->flags;
  facts.id = printable(loaded->id);
  facts.title = printable(loaded->name);
  facts.version = printable(loaded->version);
  facts.vendor = printable(loaded->vendor);
  facts.schema = loaded->schema;
  return facts;
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
    CHATD_TRY(instance, makeInline(plugin, {std::get<0>(key), kept.appName}, kept.spec, kept.allowPrivate));
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

void PluginHost::Core::stop() {
  if (stopping_.exchange(true)) return;
  timer_->stop();
  endOverdue(true);
  const Steady until = std::chrono::steady_clock::now() + kOwedAtStop;
  {
    UniqueLock lock(mutex_);
    bool late = false;
    while (owed_ > 0 && !late) late = answered_.waitUntil(lock, until) == std::cv_status::timeout;
  }
  std::map<Key, Kept> gone;
  std::map<std::pair<AppId, std::size_t>, Kept> carried;
  {
    LockGuard g(mutex_);
    gone.swap(instances_);
    carried.swap(carried_);
  }
  gone.clear();
  carried.clear();
  control_->stop();
  supervisor_->stop();
  // It holds us, as we hold it.
  supervisor_.reset();
  if (const std::size_t owed = owed_; owed > 0) {
    say(AuthLogLevel::Error, fmt::format("plugins still owe {} answers; their instances are left behind", owed));
  }
}

PluginHost::PluginHost(PluginHostOptions options, OutboundHttp& http, const Clock& clock)
    : core_(std::make_shared<Core>(std::move(options), http, clock)) {
  core_->start();
}

PluginHost::~PluginHost() { stop(); }

void PluginHost::instance(const App& app, std::size_t index, UniqueFunction<void(Result<InstancePtr>)> then) {
  core_->instance(app, index, std::move(then));
}
void PluginHost::ask(const InstancePtr& instance, Question question, std::chrono::milliseconds timeout,
                     UniqueFunction<void(Verdict)> done) {
  core_->ask(instance, std::move(question), timeout, std::move(done));
}
void PluginHost::forget(AppId app) { core_->forget(app); }
Result<void> PluginHost::check(const SecretScope& app, const VerifierSpec& spec) { return core_->check(app, spec); }
Result<bool> PluginHost::reconfigure(const App& before, std::size_t index, const VerifierSpec& now) {
  return core_->reconfigure(before, index, now);
}
std::uint32_t PluginHost::flags(const std::string& plugin) const { return core_->flags(plugin); }
bool PluginHost::bundled(const std::string& plugin) const { return core_->bundled(plugin); }
std::vector<PluginFacts> PluginHost::list() const { return core_->list(); }
Result<PluginFacts> PluginHost::show(const std::string& plugin) { return core_->show(plugin); }
Result<std::size_t> PluginHost::reload(const std::string& plugin) { return core_->reload(plugin); }
Result<std::vector<HostedState>> PluginHost::health(const std::string& plugin) { return core_->health(plugin); }
Result<std::vector<HostedState>> PluginHost::processes() { return core_->processes(); }
void PluginHost::stop() { core_->stop(); }

}  // namespace chatd

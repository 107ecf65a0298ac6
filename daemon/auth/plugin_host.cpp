#include "auth/plugin_host.h"

#include <fmt/format.h>

#include <utility>

#include "auth/plugin_host_core.h"
#include "hmac/hmac_plugin.h"
#include "host/landlock.h"
#include "host/plugin_library.h"
#include "http/http_plugin.h"
#include "introspect/introspect_plugin.h"
#include "jwt/jwt_plugin.h"
#include "simple/simple_plugins.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxInstances = 4096;
constexpr std::chrono::seconds kOwedAtStop{5};
// The plugin is told the exact deadline; the host waits a little longer, so that the plugin's own, better reason wins.
constexpr std::chrono::milliseconds kGrace{50};
constexpr std::chrono::seconds kCarried{5};
constexpr std::size_t kMaxOwedPerInstance = 256;
// Loaded into the daemon they stay; somebody who reloads all day must not fill its memory.
constexpr std::size_t kMaxInlineLoads = 64;

Error unavailable(std::string why) { return {Code::VerifierUnavailable, std::move(why)}; }

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
  void reconfigure(const std::string& config, const PluginSecrets::Values& secrets, Reconfigured then) override {
    supervisor_->reconfigure(id_, config, secrets, std::move(then));
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

PluginHost::Core::Core(PluginHostOptions options, OutboundHttp& http, const Clock& clock)
    : options_(std::move(options)),
      http_(http),
      clock_(clock),
      jobs_(kMaxJobs),
      secrets_(options_.secrets),
      catalog_(options_.folders, [this](const std::string& name, PluginCatalog::Looked then) {
        if (stopping_) return then(Error(Code::Restarting));
        supervisor_->probe({AppId{}, name, "", false, {}}, false, std::move(then));
      }) {
  for (const PluginEntry& p : options_.bundled) {
    const chatd_plugin* plugin = p.entry(CHATD_ABI_MINOR);
    CHATD_ASSERT(plugin != nullptr);
    // Those two need a process of their own around them.
    CHATD_ASSERT((plugin->flags & (CHATD_PF_MAY_BLOCK | CHATD_PF_SERIALIZED)) == 0);
    bundled_[p.name] = plugin;
  }
}

void PluginHost::Core::start() {
  control_ = std::make_unique<TaskThread>();
  supervisor_ = std::make_shared<PluginSupervisor>(
      SupervisorOptions{options_.program, options_.folders, options_.key, kMaxProcesses, options_.messages},
      shared_from_this());
  timer_ = std::make_unique<WakeThread>([this] {
    endOverdue(false);
    return jobs_.nextDeadline();
  });
  if (!landlockThere() && !catalog_.names().empty()) unconfined();
  tellFaults(options_.secrets.faults());
}

void PluginHost::Core::unconfined() {
  if (unconfined_.exchange(true)) return;
  say(AuthLogLevel::Warn,
      "this kernel has no Landlock (5.13 or newer, lsm=landlock; under systemd its system calls must be allowed): processes "
      "of plugins are confined in all else, but can read every file that the daemon can");
}

std::uint32_t PluginHost::Core::flags(const std::string& name) const {
  if (const auto it = bundled_.find(name); it != bundled_.end()) return it->second->flags;
  return catalog_.flags(name).value_or(CHATD_PF_USES_PEER);
}

// --- instances --------------------------------------------------------------------------------------------------------

// Thread: control.
Result<PluginHost::InstancePtr> PluginHost::Core::make(AppId app, const VerifierSpec& spec, bool allowPrivate,
                                                       const PluginSecrets::Values& secrets) {
  if (const auto it = bundled_.find(spec.plugin); it != bundled_.end()) {
    return makeInline(it->second, app, spec, allowPrivate, secrets);
  }
  if (spec.isolation == "inline") {
    CHATD_TRY(plugin, inlineTable(spec.plugin));
    return makeInline(plugin, app, spec, allowPrivate, secrets);
  }
  return InstancePtr(
      std::make_shared<HostedInstance>(supervisor_, HostedVerifier{app, spec.plugin, spec.config, allowPrivate, secrets}));
}

Result<PluginHost::InstancePtr> PluginHost::Core::makeInline(const chatd_plugin* plugin, AppId app, const VerifierSpec& spec,
                                                             bool allowPrivate, const PluginSecrets::Values& secrets) {
  // Destroyed on the control thread wherever the last one lets go, which may be inside the plugin's own complete(). After
  // stop() only those are left that owed an answer: they stay, because their plugin may still be running.
  const auto destroyer = [self = shared_from_this()](InlineInstance* gone) {
    static_cast<void>(self->control_->post([gone] { delete gone; }));
  };
  const std::shared_ptr<InlineInstance> made(
      new InlineInstance(shared_from_this(), plugin, spec.plugin, app, allowPrivate, secrets), destroyer);
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
  const auto text = [](const char* s) { return std::string(s != nullptr ? s : ""); };
  hostwire::Loaded loaded{true,
                          {},
                          plugin->flags,
                          text(plugin->id),
                          text(plugin->name),
                          text(plugin->version),
                          text(plugin->vendor),
                          text(plugin->config_schema)};
  catalog_.learn(name, std::move(loaded));
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
    Kept kept = takeCarried(key, spec, allowPrivate);
    auto secrets = secretsOf({std::get<0>(key), name});
    // What was carried over may have the secrets of before a reload.
    if (!kept.instance || kept.secrets != secrets) {
      kept = {nullptr, name, {}, spec, allowPrivate, std::move(secrets)};
      auto made = make(std::get<0>(key), spec, allowPrivate, kept.secrets);
      if (!made.ok()) return (*held)(std::move(made));
      kept.instance = std::move(*made);
    }
    InstancePtr made = kept.instance;
    if (!stopping_) keep(key, std::move(kept));
    (*held)(std::move(made));
  });
  if (!posted) (*held)(unavailable("the daemon is stopping"));
}

PluginHost::Core::Kept PluginHost::Core::takeCarried(const Key& key, const VerifierSpec& spec, bool allowPrivate) {
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
  if (it == carried_.end() || !(it->second.spec == spec) || it->second.allowPrivate != allowPrivate) return {};
  Kept taken = std::move(it->second);
  carried_.erase(it);
  return taken;
}

Result<bool> PluginHost::Core::reconfigure(const App& before, std::size_t index, const VerifierSpec& now) {
  auto wait = std::make_shared<Awaited<bool>>();
  const bool posted = control_->post([this, wait, before = before.id, key = Key{before.id, index, before.revision}, now] {
    Kept kept;
    {
      LockGuard g(mutex_);
      const auto it = instances_.find(key);
      if (it != instances_.end()) kept = it->second;
    }
    if (!kept.instance) return wait->tell(false);
    kept.secrets = secretsOf({before, kept.appName});
    Instance& instance = *kept.instance;
    const PluginSecrets::Values secrets = kept.secrets;
    instance.reconfigure(now.config, secrets, [self = shared_from_this(), wait, key, now, kept](Result<bool> taken) mutable {
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
std::vector<PluginFacts> PluginHost::list() { return core_->list(); }
ListedVerifier PluginHost::listed(const VerifierSpec& spec) { return core_->listed(spec); }
Result<PluginFacts> PluginHost::show(const std::string& plugin) { return core_->show(plugin); }
Result<std::size_t> PluginHost::reload(const std::string& plugin) { return core_->reload(plugin); }
Result<std::vector<HostedState>> PluginHost::health(const std::string& plugin) { return core_->health(plugin); }
Result<std::vector<HostedState>> PluginHost::processes() { return core_->processes(); }
std::vector<SecretFault> PluginHost::secretFaults() const { return core_->secrets().faults(); }
void PluginHost::setSecrets(PluginSecrets secrets, UniqueFunction<void(AppId)> changed) {
  core_->setSecrets(std::move(secrets), std::move(changed));
}
void PluginHost::stop() { core_->stop(); }

}  // namespace chatd

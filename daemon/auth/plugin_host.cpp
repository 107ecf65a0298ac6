#include "auth/plugin_host.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <map>
#include <tuple>
#include <utility>

#include "auth/plugin_instance.h"
#include "auth/plugin_jobs.h"
#include "auth/task_thread.h"
#include "base/mutex.h"
#include "http/http_plugin.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxInstances = 4096;
constexpr std::size_t kMaxJobs = 65'536;
constexpr std::chrono::seconds kOwedAtStop{5};
constexpr std::chrono::seconds kCheckWait{5};
// The plugin is told the exact deadline; the host waits a little longer, so that the plugin's own, better reason wins.
constexpr std::chrono::milliseconds kGrace{50};
constexpr std::size_t kMaxOwedPerInstance = 256;

Error unavailable(std::string why) { return {Code::VerifierUnavailable, std::move(why)}; }

}  // namespace

std::vector<PluginEntry> bundledPlugins() { return {{"http", &chatd_http_plugin_entry}}; }

class PluginHost::Core : public std::enable_shared_from_this<PluginHost::Core>, public PluginInstanceOwner {
 public:
  Core(const std::vector<PluginEntry>& plugins, OutboundHttp& http, const Clock& clock, bool allowPrivate, AuthLog log)
      : http_(http), clock_(clock), allowPrivate_(allowPrivate), log_(std::move(log)), jobs_(kMaxJobs) {
    for (const PluginEntry& p : plugins) {
      const chatd_plugin* plugin = p.entry(CHATD_ABI_MINOR);
      CHATD_ASSERT(plugin != nullptr);
      // Those two need a thread, or a process, of their own around them.
      CHATD_ASSERT((plugin->flags & (CHATD_PF_MAY_BLOCK | CHATD_PF_SERIALIZED)) == 0);
      plugins_[p.name] = plugin;
    }
  }

  void start() {
    control_ = std::make_unique<TaskThread>();
    timer_ = std::make_unique<WakeThread>([this] {
      endOverdue(false);
      return jobs_.nextDeadline();
    });
  }

  void instance(const App& app, std::size_t index, UniqueFunction<void(Result<InstancePtr>)> then);
  void ask(const InstancePtr& instance, Question question, std::chrono::milliseconds timeout, PluginJobs::Done done);
  void forget(AppId app);
  Result<void> check(AppId app, const VerifierSpec& spec);
  [[nodiscard]] const chatd_plugin* plugin(const std::string& name) const {
    const auto it = plugins_.find(name);
    return it == plugins_.end() ? nullptr : it->second;
  }
  void stop();

  // PluginInstanceOwner. Thread: any.
  void completed(const Instance& by, chatd_job job, Verdict verdict) override;
  void say(AuthLogLevel level, const std::string& line) override {
    if (log_) log_(level, line);
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
    Steady used{};
  };

  Result<InstancePtr> make(AppId app, const VerifierSpec& spec, bool allowPrivate);
  std::vector<InstancePtr> keep(const Key& key, const InstancePtr& made);
  void endOverdue(bool all);
  [[nodiscard]] std::string known() const;

  OutboundHttp& http_;
  const Clock& clock_;
  const bool allowPrivate_;
  const AuthLog log_;
  std::map<std::string, const chatd_plugin*> plugins_;
  PluginJobs jobs_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> owed_{0};  ///< jobs from ask() until complete() has let go of the instance

  Mutex mutex_;
  Condition answered_;
  std::map<Key, Kept> instances_ CHATD_GUARDED_BY(mutex_);

  std::unique_ptr<TaskThread> control_;
  std::unique_ptr<WakeThread> timer_;
};

std::string PluginHost::Core::known() const {
  std::string out;
  for (const auto& [name, plugin] : plugins_) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// Thread: control.
Result<PluginHost::InstancePtr> PluginHost::Core::make(AppId app, const VerifierSpec& spec, bool allowPrivate) {
  const chatd_plugin* found = plugin(spec.plugin);
  if (found == nullptr) return unavailable(fmt::format("there is no plugin \"{}\"; known are: {}", spec.plugin, known()));
  // Destroyed on the control thread wherever the last one lets go, which may be inside the plugin's own complete(). After
  // stop() only those are left that owed an answer: they stay, because their plugin may still be running.
  const auto destroyer = [self = shared_from_this()](Instance* gone) {
    static_cast<void>(self->control_->post([gone] { delete gone; }));
  };
  InstancePtr made(new Instance(shared_from_this(), found, spec.plugin, app, allowPrivate), destroyer);
  if (auto created = made->create(spec.config); !created.ok()) return std::move(created).error();
  return made;
}

// Displaces older revisions of the same verifier, and the longest unused instance if there are too many. What it returns is
// let go outside the lock.
std::vector<PluginHost::InstancePtr> PluginHost::Core::keep(const Key& key, const InstancePtr& made) {
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
  instances_[key] = {made, now};
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
  const bool allowPrivate = app.settings.allowPrivateNetworks.value_or(allowPrivate_);
  auto held = std::make_shared<decltype(then)>(std::move(then));
  const bool posted = control_->post([this, key, lookUp, allowPrivate, spec = app.verifiers[index], held] {
    // Many may have asked for the same one; the first made it.
    if (InstancePtr found = lookUp()) return (*held)(std::move(found));
    auto made = make(std::get<0>(key), spec, allowPrivate);
    if (made.ok() && !stopping_) keep(key, *made);
    (*held)(std::move(made));
  });
  if (!posted) (*held)(unavailable("the daemon is stopping"));
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
  if (!instance->verify(question, clock_.steady() + timeout, *job)) {
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

Result<void> PluginHost::Core::check(AppId app, const VerifierSpec& spec) {
  if (plugin(spec.plugin) == nullptr) {
    return Error(Code::Invalid, fmt::format("there is no plugin \"{}\"; known are: {}", spec.plugin, known()));
  }
  struct Wait {
    Mutex mutex;
    Condition ready;
    std::optional<Result<void>> result;
  };
  auto wait = std::make_shared<Wait>();
  const bool posted = control_->post([this, wait, app, spec] {
    const auto made = make(app, spec, allowPrivate_);
    LockGuard g(wait->mutex);
    wait->result = made.ok() ? Result<void>() : Result<void>(Error(Code::Invalid, made.error().detail()));
    wait->ready.notifyAll();
  });
  if (!posted) return Error(Code::Restarting);
  const Steady until = std::chrono::steady_clock::now() + kCheckWait;
  UniqueLock lock(wait->mutex);
  while (!wait->result) {
    if (wait->ready.waitUntil(lock, until) == std::cv_status::timeout && !wait->result) return Error(Code::Busy);
  }
  return *wait->result;
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
  {
    LockGuard g(mutex_);
    gone.swap(instances_);
  }
  gone.clear();
  control_->stop();
  if (const std::size_t owed = owed_; owed > 0) {
    say(AuthLogLevel::Error, fmt::format("plugins still owe {} answers; their instances are left behind", owed));
  }
}

PluginHost::PluginHost(const std::vector<PluginEntry>& plugins, OutboundHttp& http, const Clock& clock,
                       bool allowPrivateNetworks, AuthLog log)
    : core_(std::make_shared<Core>(plugins, http, clock, allowPrivateNetworks, std::move(log))) {
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
Result<void> PluginHost::check(AppId app, const VerifierSpec& spec) { return core_->check(app, spec); }
std::uint32_t PluginHost::flags(const std::string& plugin) const {
  const chatd_plugin* found = core_->plugin(plugin);
  return found == nullptr ? 0 : found->flags;
}
void PluginHost::stop() { core_->stop(); }

}  // namespace chatd

// The inside of PluginHost: which instances there are, and how they are made, carried over and replaced (plugin_host.cpp);
// what administrators ask of plugins (plugin_admin.cpp). Owned by PluginHost. Thread: any, except where said.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "auth/plugin_catalog.h"
#include "auth/plugin_host.h"
#include "auth/plugin_instance.h"
#include "auth/plugin_jobs.h"
#include "auth/plugin_supervisor.h"
#include "auth/task_thread.h"
#include "auth/verifier_metrics.h"
#include "base/assert.h"
#include "base/mutex.h"

namespace chatd {

/// How long an administrator waits.
inline constexpr std::chrono::seconds kCheckWait{5};

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

class PluginHost::Core : public std::enable_shared_from_this<PluginHost::Core>, public PluginInstanceOwner {
 public:
  Core(PluginHostOptions options, OutboundHttp& http, const Clock& clock);
  void start();

  void instance(const App& app, std::size_t index, UniqueFunction<void(Result<InstancePtr>)> then);
  void ask(const InstancePtr& instance, Question question, std::chrono::milliseconds timeout, PluginJobs::Done done);
  void forget(AppId app);
  Result<void> check(const SecretScope& app, const VerifierSpec& spec);
  Result<bool> reconfigure(const App& before, std::size_t index, const VerifierSpec& now);
  [[nodiscard]] std::uint32_t flags(const std::string& name) const;
  [[nodiscard]] bool bundled(const std::string& name) const { return bundled_.count(name) > 0; }
  [[nodiscard]] std::vector<PluginFacts> list();
  ListedVerifier listed(const VerifierSpec& spec);
  Result<PluginFacts> show(const std::string& name);
  Result<std::size_t> reload(const std::string& name);
  Result<std::vector<HostedState>> health(const std::string& name);
  Result<std::vector<HostedState>> processes();
  [[nodiscard]] PluginSecrets secrets() const;
  void setSecrets(PluginSecrets secrets, UniqueFunction<void(AppId)> changed);
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
  void loaded(const std::string& plugin, std::uint32_t flags) override { catalog_.runs(plugin, flags); }
  void unconfined() override;
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
    PluginSecrets::Values secrets;  ///< that it was given last
  };
  static constexpr std::size_t kMaxProcesses = 64;
  static constexpr std::size_t kMaxJobs = 65'536;

  Result<InstancePtr> make(AppId app, const VerifierSpec& spec, bool allowPrivate, const PluginSecrets::Values& secrets);
  Result<InstancePtr> makeInline(const chatd_plugin* plugin, AppId app, const VerifierSpec& spec, bool allowPrivate,
                                 const PluginSecrets::Values& secrets);
  /// As the files are now. What cannot be read is said, once.
  [[nodiscard]] PluginSecrets::Values secretsOf(const SecretScope& app);
  void tellFaults(const std::vector<SecretFault>& faults);
  /// Of the configuration's words, those that are secrets which cannot be read; empty: none.
  [[nodiscard]] std::string noteOnSecrets(const SecretScope& app, const VerifierSpec& spec) const;
  // A change of secrets. Thread: control.
  using Changed = std::shared_ptr<UniqueFunction<void(AppId)>>;
  void renew(const Key& key, const Kept& kept, const PluginSecrets::Values& values, const Changed& changed);
  void replace(const Key& key, const Kept& kept, const PluginSecrets::Values& values, const Changed& changed);
  void renewed(const Key& key, const InstancePtr& was, InstancePtr now, const PluginSecrets::Values& values,
               const Changed& changed);
  void notRenewed(const Key& key, const std::string& why);
  /// Of a foreign plugin that is to run inline; loaded at its first use. Thread: control.
  Result<const chatd_plugin*> inlineTable(const std::string& name);
  Result<const chatd_plugin*> loadInline(const std::string& name);
  Result<std::size_t> replaceInline(const std::string& name);
  Result<hostwire::Loaded> probe(const std::string& name, const SecretScope& app, std::optional<std::string> config);
  std::vector<InstancePtr> keep(const Key& key, Kept made);
  /// The instance that was reconfigured for this; none: there is none.
  [[nodiscard]] Kept takeCarried(const Key& key, const VerifierSpec& spec, bool allowPrivate);
  void endOverdue(bool all);
  [[nodiscard]] std::string known() const;
  [[nodiscard]] std::string missingFolders() const;
  [[nodiscard]] PluginFacts bundledFacts(const std::string& name) const;

  const PluginHostOptions options_;
  OutboundHttp& http_;
  const Clock& clock_;
  std::map<std::string, const chatd_plugin*> bundled_;
  PluginJobs jobs_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> unconfined_{false};  ///< it was said
  std::atomic<std::size_t> owed_{0};     ///< jobs from ask() until complete() has let go of the instance

  mutable Mutex mutex_;
  Condition answered_;
  PluginSecrets secrets_ CHATD_GUARDED_BY(mutex_);
  std::set<std::string> told_ CHATD_GUARDED_BY(mutex_);  ///< faults of secrets that were said
  std::map<Key, Kept> instances_ CHATD_GUARDED_BY(mutex_);
  /// By app and index: instances that have the configuration of the next revision. They wait for it a moment (Kept::used).
  std::map<std::pair<AppId, std::size_t>, Kept> carried_ CHATD_GUARDED_BY(mutex_);

  std::map<std::string, const chatd_plugin*> inline_;  ///< thread: control
  std::size_t inlineLoads_ = 0;                        ///< thread: control

  PluginCatalog catalog_;
  std::shared_ptr<PluginSupervisor> supervisor_;
  std::unique_ptr<TaskThread> control_;
  std::unique_ptr<WakeThread> timer_;
};

}  // namespace chatd

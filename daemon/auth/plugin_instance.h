// What a verifier's question is put to: PluginHost::Instance, inside the daemon (InlineInstance) or in a process of its own
// (HostedInstance, in plugin_host.cpp). Thread: as plugins/sdk/chatd_plugin.h says for each function.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/plugin_host.h"
#include "base/mutex.h"
#include "sdk/chatd_plugin.h"

namespace chatd {
class InlineInstance;
}

/// What a plugin gets as its first argument: the instance itself.
struct chatd_host_ctx {
  chatd::InlineInstance* instance = nullptr;
};

namespace chatd {

/// Labels of metric_add: at most 8, of 128 bytes each, come through.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// What an instance needs from its host. Thread: any.
class PluginInstanceOwner {
 public:
  virtual ~PluginInstanceOwner() = default;
  virtual void completed(const PluginHost::Instance& by, chatd_job job, Verdict verdict) = 0;
  virtual void say(AuthLogLevel level, const std::string& line) = 0;
  /// metric_add of a plugin.
  virtual void counted(AppId app, const std::string& plugin, const std::string& name, double by, MetricLabels labels) = 0;
  /// The plugin's process ended before its time.
  virtual void restarted(AppId app, const std::string& plugin) = 0;
  /// A process has loaded the plugin and verifies from now on.
  virtual void loaded(const std::string& plugin, std::uint32_t flags) = 0;
  /// A process of a plugin could not be kept from files.
  virtual void unconfined() = 0;
  virtual Steady steady() = 0;
  virtual Timestamp wall() = 0;
  /// False: the host is stopping; `done` will not be called.
  virtual bool fetch(OutboundRequest request, OutboundHttp::Done done) = 0;
};

class PluginHost::Instance {
 public:
  explicit Instance(std::string name) : name_(std::move(name)) {}
  /// No job may be owed.
  virtual ~Instance() = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// False: this job will never be completed. `timeout` is from now on.
  [[nodiscard]] virtual bool verify(const Question& question, std::chrono::milliseconds timeout, chatd_job job) = 0;
  virtual void cancel(chatd_job job) = 0;
  /// With the app's secrets as they are now. Told once, maybe before it returns: true, it goes on with this configuration;
  /// false, its plugin cannot be reconfigured. Errors: Invalid in the plugin's words; it goes on as it was. Thread: control.
  using Reconfigured = UniqueFunction<void(Result<bool>)>;
  virtual void reconfigure(const std::string& config, const PluginSecrets::Values& secrets, Reconfigured then) = 0;

  [[nodiscard]] const std::string& name() const { return name_; }
  std::atomic<std::size_t> owed{0};  ///< answers; kept by PluginHost

 private:
  const std::string name_;
};

/// One chatd_instance inside the daemon, with the chatd_host that it sees. Created and destroyed on the control thread.
class InlineInstance final : public PluginHost::Instance {
 public:
  InlineInstance(std::shared_ptr<PluginInstanceOwner> owner, const chatd_plugin* plugin, std::string name, AppId app,
                 bool allowPrivateNetworks, PluginSecrets::Values secrets);
  ~InlineInstance() override;

  /// Errors: VerifierUnavailable, its detail is the plugin's reason. Called once.
  Result<void> create(const std::string& config);
  [[nodiscard]] bool verify(const Question& question, std::chrono::milliseconds timeout, chatd_job job) override;
  void cancel(chatd_job job) override;
  void reconfigure(const std::string& config, const PluginSecrets::Values& secrets, Reconfigured then) override;
  /// Empty: well, or it does not say. Thread: control.
  [[nodiscard]] std::string health();
  [[nodiscard]] const chatd_plugin* plugin() const { return plugin_; }

 private:
  friend struct PluginHostFunctions;

  const std::shared_ptr<PluginInstanceOwner> owner_;
  const chatd_plugin* const plugin_;
  const AppId app_;
  const std::string appText_;
  const bool allowPrivate_;
  Mutex mutex_;
  PluginSecrets::Values secrets_ CHATD_GUARDED_BY(mutex_);
  chatd_host_ctx context_;
  chatd_host host_{};
  chatd_instance* handle_ = nullptr;
};

/// A time as plugins are told it (chatd_host.now_ns).
[[nodiscard]] std::int64_t nanoseconds(Steady t);

/// A plugin's line for operators: bounded, and nothing in it can begin another line.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace chatd

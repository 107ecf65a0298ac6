// PluginHost::Instance: one chatd_instance with the chatd_host that it sees. Created and destroyed on the control thread.
// Thread: as plugins/sdk/chatd_plugin.h says for each function.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "auth/plugin_host.h"
#include "sdk/chatd_plugin.h"

/// What a plugin gets as its first argument: the instance itself.
struct chatd_host_ctx {
  chatd::PluginHost::Instance* instance = nullptr;
};

namespace chatd {

/// What an instance needs from its host. Thread: any.
class PluginInstanceOwner {
 public:
  virtual ~PluginInstanceOwner() = default;
  virtual void completed(const PluginHost::Instance& by, chatd_job job, Verdict verdict) = 0;
  virtual void say(AuthLogLevel level, const std::string& line) = 0;
  virtual Steady steady() = 0;
  virtual Timestamp wall() = 0;
  /// False: the host is stopping; `done` will not be called.
  virtual bool fetch(OutboundRequest request, OutboundHttp::Done done) = 0;
};

class PluginHost::Instance {
 public:
  Instance(std::shared_ptr<PluginInstanceOwner> owner, const chatd_plugin* plugin, std::string name, AppId app,
           bool allowPrivateNetworks);
  /// Destroys the plugin's instance. No job may be owed.
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Errors: VerifierUnavailable, its detail is the plugin's reason. Called once.
  Result<void> create(const std::string& config);
  /// False: the plugin will never complete this job.
  [[nodiscard]] bool verify(const Question& question, Steady deadline, chatd_job job);
  void cancel(chatd_job job);

  [[nodiscard]] const std::string& name() const { return name_; }
  std::atomic<std::size_t> owed{0};  ///< answers; kept by PluginHost

 private:
  friend struct PluginHostFunctions;

  const std::shared_ptr<PluginInstanceOwner> owner_;
  const chatd_plugin* const plugin_;
  const std::string name_;
  const AppId app_;
  const std::string appText_;
  const bool allowPrivate_;
  chatd_host_ctx context_;
  chatd_host host_{};
  chatd_instance* handle_ = nullptr;
};

}  // namespace chatd

// PluginHost: the host's side of the plugin ABI for plugins that run inside the daemon. Makes instances, hands them jobs,
// takes each answer exactly once, ends jobs at their deadline, and destroys an instance only when none of its jobs is owed.
// Owned by VerifierChain. Thread: any, except where said.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auth/log_hook.h"
#include "auth/verdict.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "chat/model.h"
#include "outbound/outbound_http.h"
#include "sdk/chatd_plugin.h"

namespace chatd {

/// A plugin that is linked in.
struct PluginEntry {
  std::string name;  ///< as VerifierSpec::plugin names it
  const chatd_plugin* (*entry)(std::uint32_t hostMinor) = nullptr;
};

/// Those that come with chatd.
[[nodiscard]] std::vector<PluginEntry> bundledPlugins();

/// What a verifier is asked. Peer data reaches only plugins that say they use it.
struct Question {
  std::string token;
  std::string clientIp;
  std::string origin;
};

class PluginHost {
 public:
  /// `allowPrivateNetworks`: for apps whose settings do not say.
  PluginHost(const std::vector<PluginEntry>& plugins, OutboundHttp& http, const Clock& clock, bool allowPrivateNetworks,
             AuthLog log);
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  class Instance;
  using InstancePtr = std::shared_ptr<Instance>;

  /// The instance for this verifier of this revision of the app, made if it is not there. `then` is called once, maybe
  /// before this returns, else on the control thread; it must not block. Errors: VerifierUnavailable with the plugin's
  /// reason.
  void instance(const App& app, std::size_t index, UniqueFunction<void(Result<InstancePtr>)> then);
  /// Asks. `done` is called once: on the thread of the plugin, on a thread of this host at the deadline, or before this
  /// returns; it must not block. Thread: worker (it runs the plugin's verify()).
  void ask(const InstancePtr& instance, Question question, std::chrono::milliseconds timeout,
           UniqueFunction<void(Verdict)> done);
  /// Lets go of every instance of the app; jobs under way end first.
  void forget(AppId app);

  /// Makes an instance of this configuration and destroys it. Errors: Invalid, its detail is the plugin's own words; Busy.
  /// Thread: worker; waits for the control thread, 5 s at most.
  Result<void> check(AppId app, const VerifierSpec& spec);
  /// CHATD_PF_* of a plugin; 0 if there is none of that name.
  [[nodiscard]] std::uint32_t flags(const std::string& plugin) const;

  /// Ends every job with Unavailable, waits 5 s at most for the answers that are still owed, destroys the instances. One
  /// that still owes is leaked and reported. Called once.
  void stop();

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace chatd

// PluginHost: the daemon's side of the plugin ABI. Makes instances, inside the daemon or in processes of their own, hands
// them jobs, takes each answer exactly once, ends jobs at their deadline, and destroys an instance only when none of its
// jobs is owed. Owned by VerifierChain. Thread: any, except where said.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/log_hook.h"
#include "auth/plugin_secrets.h"
#include "auth/verdict.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "chat/model.h"
#include "outbound/outbound_http.h"
#include "sdk/chatd_plugin.h"

namespace chatd {

struct HostedState;
class VerifierMetrics;

/// A plugin that is linked in.
struct PluginEntry {
  std::string name;  ///< as VerifierSpec::plugin names it
  const chatd_plugin* (*entry)(std::uint32_t hostMinor) = nullptr;
};

/// Those that come with chatd.
[[nodiscard]] std::vector<PluginEntry> bundledPlugins();

struct PluginHostOptions {
  std::vector<PluginEntry> bundled = bundledPlugins();
  std::vector<std::string> folders;   ///< of foreign plugins
  std::string program;                ///< chatd-plugin-host; empty: none, foreign plugins can run inline only
  PluginSecrets secrets;              ///< of operators, for plugins
  std::string key;                    ///< secret, for hashes of tokens
  bool allowPrivateNetworks = false;  ///< for apps whose settings do not say
  AuthLog log;
  VerifierMetrics* metrics = nullptr;  ///< optional
  std::size_t messages = 20'000;       ///< that the process of a foreign plugin may send in a second
};

/// What a verifier is asked. Peer data reaches only plugins that say they use it.
struct Question {
  std::string token;
  std::string clientIp;
  std::string origin;
  std::vector<std::pair<std::string, std::string>> fields = {};  ///< header fields and cookies that the verifier names
};

/// A plugin, for operators.
struct PluginFacts {
  std::string name;
  bool bundled = false;
  std::uint32_t flags = 0;
  std::string id, title, version, vendor, schema;
  std::string fault;     ///< why it cannot be used; the other fields are then empty
  bool confined = true;  ///< false: its processes can read the files that the daemon can: a kernel without Landlock
};

/// A verifier's configuration as it may be listed.
struct ListedVerifier {
  std::string config;    ///< JSON; secrets as ***
  bool hasMask = false;  ///< the given one holds such a ***
};

class PluginHost {
 public:
  PluginHost(PluginHostOptions options, OutboundHttp& http, const Clock& clock);
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  class Instance;
  using InstancePtr = std::shared_ptr<Instance>;

  /// The instance for this verifier of this revision of the app, made if it is not there. `then` is called once, maybe
  /// before this returns, else on the control thread; it must not block. Errors: VerifierUnavailable with the plugin's
  /// reason.
  void instance(const App& app, std::size_t index, UniqueFunction<void(Result<InstancePtr>)> then);
  /// Asks. `done` is called once: on a thread of the plugin or of this host, or before this returns; it must not block.
  /// Thread: worker (it runs the verify() of an inline plugin).
  void ask(const InstancePtr& instance, Question question, std::chrono::milliseconds timeout,
           UniqueFunction<void(Verdict)> done);
  /// Lets go of every instance of the app; jobs under way end first.
  void forget(AppId app);

  /// Judges the configuration by the plugin's schema, then makes an instance of it and destroys that: a foreign one in a
  /// process of its own, unless it is to run inline. Errors: NotFound (no such plugin), Invalid, its detail is the plugin's
  /// own words; Busy. Thread: worker; waits 5 s at most.
  Result<void> check(const SecretScope& app, const VerifierSpec& spec);
  /// The configuration of this verifier of the app is about to become another. A live instance whose plugin can take it
  /// does, and goes on under the next revision with all that it knows; else the next question makes a new one. Errors:
  /// Invalid in the plugin's words, and the instance goes on as it was; Busy. Thread: worker; waits 5 s at most. True: it
  /// did; if the change does not come after all, forget().
  Result<bool> reconfigure(const App& before, std::size_t index, const VerifierSpec& now);
  /// CHATD_PF_* of a plugin. Of one that nobody has looked at yet: that it uses peer data, which is the safe answer.
  [[nodiscard]] std::uint32_t flags(const std::string& plugin) const;
  [[nodiscard]] bool bundled(const std::string& plugin) const;

  // For operators. Thread: worker; each waits 5 s at most. Errors: NotFound, Busy.
  /// Every plugin there is, by name; those in files as far as they can be looked at in that time.
  [[nodiscard]] std::vector<PluginFacts> list();
  [[nodiscard]] Result<PluginFacts> show(const std::string& plugin);
  /// Takes the file of a foreign plugin as it is now. Answers how many instances or processes were replaced. Errors: also
  /// Invalid with the reason; what could not be replaced goes on as it was.
  [[nodiscard]] Result<std::size_t> reload(const std::string& plugin);
  /// The configuration of a verifier as its plugin's schema lets it be listed. Of a plugin that cannot be asked within half
  /// a second, and has not been before, every value is a secret.
  [[nodiscard]] ListedVerifier listed(const VerifierSpec& spec);
  /// The secrets of plugins.secrets that cannot be read now.
  [[nodiscard]] std::vector<SecretFault> secretFaults() const;
  /// Its processes (all plugins': no name), with what they say of themselves.
  [[nodiscard]] Result<std::vector<HostedState>> health(const std::string& plugin);
  [[nodiscard]] Result<std::vector<HostedState>> processes();

  /// Reads the secrets anew; live instances whose own have changed get them (chatd_plugin.reconfigure with the configuration
  /// that they have) or are replaced, without a question lost. One that does not take them goes on as it was, and the log
  /// says why. `changed` is told of each app whose verifiers have other secrets now, on any thread; it must not block.
  void setSecrets(PluginSecrets secrets, UniqueFunction<void(AppId)> changed);

  /// Ends every job with Unavailable, waits 5 s at most for the answers that are still owed, destroys the instances. One
  /// that still owes is leaked and reported. Called once.
  void stop();

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace chatd

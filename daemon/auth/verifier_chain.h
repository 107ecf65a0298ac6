// VerifierChain: registered tokens first, then the app's configured verifiers in order; cache, single flight, budgets.
// Never runs on a loop: SQL and plugins run on its own bounded threads.
#pragma once

#include <memory>
#include <vector>

#include "auth/log_hook.h"
#include "auth/plugin_host.h"
#include "auth/plugin_secrets.h"
#include "base/clock.h"
#include "chat/credentials.h"
#include "chat/directory.h"
#include "chat/verifier.h"
#include "observe/metrics.h"
#include "outbound/outbound_http.h"

namespace chatd {

struct VerifierOptions {
  bool allowPrivateNetworks = false;    ///< for apps that do not say (true under --dev)
  std::size_t perApp = 64;              ///< verifications of one app at once, then Busy
  std::int64_t failuresPerSecond = 10;  ///< failed credentials an address; 0: no limit
  std::int64_t failuresBurst = 50;
  std::size_t threads = 4;        ///< for SQL and plugin calls
  std::size_t cached = 100'000;   ///< verdicts kept
  std::size_t admitted = 16'384;  ///< requests under way over all apps; one name of an app holds half at most
  std::vector<PluginEntry> plugins = bundledPlugins();
  bool allowStatic = false;                ///< the verifier `static` may be configured
  std::vector<std::string> pluginFolders;  ///< where foreign plugins are looked for
  std::string pluginProgram;               ///< chatd-plugin-host
  PluginSecrets pluginSecrets;
  AuthLog log;                 ///< optional
  Metrics* metrics = nullptr;  ///< optional; must live longer than the chain
};

/// What one verifier of a chain said, for operators.
struct VerifierStep {
  std::string plugin;  ///< "registered" for the tokens that chatd itself knows, "chatd" for what it refuses behind an ALLOW
  Verdict verdict;
  std::chrono::microseconds took{0};
  bool cached = false;
};

class VerifierChain final : public Verifier {
 public:
  VerifierChain(Credentials& credentials, Directory& directory, OutboundHttp& http, const Clock& clock,
                std::string serverKey, const VerifierOptions& options);
  ~VerifierChain() override;

  void verify(VerifyRequest request, Done done) override;
  [[nodiscard]] bool current(const Identity& identity) const override;
  [[nodiscard]] std::shared_ptr<const PeerNames> peerNames() const override;
  /// An app of the database, at the start; and that this was the last one. Until then peerNames() are all.
  void learn(const App& app);
  void learnedAll();

  /// The user's tokens were revoked, or it was banned or deleted: nothing verified before counts any more.
  /// The app's configuration changed: its instances are made anew, its cache is dropped. Thread: any; never block.
  void revoked(UserId user);
  void appChanged(AppId app);

  /// Judges a configuration before it is stored: the plugin exists and takes the config. Errors: Invalid with the field
  /// "verifiers[i].config" (or .plugin, .timeoutMs, .cacheTtlMs, .isolation) and the plugin's own words. Thread: worker.
  Result<void> check(const SecretScope& app, const std::vector<VerifierSpec>& verifiers);

  /// Lets live instances take the configuration that the app is about to get, where their plugins can. Call it last before
  /// it is stored, and appChanged() then, stored or not. Errors: Invalid as check(); what was live goes on as it was.
  Result<void> reconfigure(const App& before, const std::vector<VerifierSpec>& verifiers);

  /// Puts a token to the chain of the app and says what each verifier said, up to the one that decided. Creates no user and
  /// fills no cache. Errors: Invalid, TokenExpired, AppRequired, StoreUnavailable. Thread: worker; waits for each verifier's
  /// timeout at most.
  Result<std::vector<VerifierStep>> trace(const App& app, const std::string& token);
  /// Secrets are read anew. Verifiers whose own have changed get them, and what the cache knows of their apps is forgotten.
  /// Thread: any; reads files.
  void setSecrets(PluginSecrets secrets);
  /// For operators: what plugins there are and how they do.
  [[nodiscard]] PluginHost& plugins();

  /// Failed-credential budget of an address, shared with the Authenticator: false if it is used up (429).
  [[nodiscard]] bool mayTry(const std::string& clientIp);
  void failed(const std::string& clientIp);

  /// Takes no more, fails what is under way with VerifierUnavailable, joins. Called once; also by the destructor.
  /// Stop the OutboundHttp first, else this waits up to 5 s for calls that are under way there.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatd

// A VerifierChain on a store in memory and scripted plugins, with one app "shop" and one user "ann".
#pragma once

#include <boost/test/unit_test.hpp>

#include <future>
#include <mutex>
#include <thread>

#include "auth/digest.h"
#include "auth/verifier_chain.h"
#include "memory_store.h"
#include "scripted_plugin.h"
#include "support/eventually.h"

namespace chatd::test {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

inline const std::string kServerKey(32, 'k');

struct ChainFixture {
  FakeClock clock;
  MemoryStore store{clock};
  OutboundHttp http{OutboundOptions{}};
  std::mutex logMutex;
  std::string logged;
  VerifierOptions options;
  std::unique_ptr<VerifierChain> chain;
  App shop;
  User ann;

  ChainFixture() {
    ScriptedPlugins::get().reset();
    options.plugins = ScriptedPlugins::entries();
    options.log = [this](AuthLogLevel, const std::string& line) {
      const std::lock_guard g(logMutex);
      logged += line + "\n";
    };
    shop = *store.createApp({"shop", {}, {}});
    ann = store.upsertUser(shop.id, "ann", false, {}, false)->user;
    make();
  }
  ~ChainFixture() {
    http.stop();
    chain.reset();
    ScriptedPlugins::get().reset();
  }
  void make() { chain = std::make_unique<VerifierChain>(store, store, http, clock, kServerKey, options); }

  /// Gives the app this chain.
  void configure(const std::vector<VerifierSpec>& verifiers) {
    AppPatch patch;
    patch.verifiers = verifiers;
    shop = *store.updateApp(shop.id, patch);
    chain->appChanged(shop.id);
  }
  void settings(const AppSettings& s) {
    AppPatch patch;
    patch.settings = s;
    shop = *store.updateApp(shop.id, patch);
    chain->appChanged(shop.id);
  }
  static VerifierSpec spec(const std::string& plugin, milliseconds timeout = seconds(30), milliseconds ttl = seconds(60)) {
    VerifierSpec s;
    s.plugin = plugin;
    s.timeout = timeout;
    s.cacheTtl = ttl;
    return s;
  }
  void registerToken(const User& user, const std::string& token, std::optional<Timestamp> expiresAt = std::nullopt) {
    BOOST_REQUIRE(store.addToken(user.app, user.id, hmacSha256(kServerKey, token), expiresAt).ok());
  }

  using Outcome = std::future<Result<Identity>>;
  Outcome start(const std::string& token, std::optional<std::string> app = "shop", const std::string& ip = "192.0.2.1",
                const std::string& origin = "") {
    auto promise = std::make_shared<std::promise<Result<Identity>>>();
    auto future = promise->get_future();
    chain->verify({token, std::move(app), ip, origin}, [promise](Result<Identity> r) { promise->set_value(std::move(r)); });
    return future;
  }
  static Result<Identity> wait(Outcome&& outcome) {
    if (outcome.wait_for(seconds(60)) != std::future_status::ready) return Error(Code::Internal, "never answered");
    return outcome.get();
  }
  Result<Identity> verify(const std::string& token, std::optional<std::string> app = "shop",
                          const std::string& ip = "192.0.2.1", const std::string& origin = "") {
    return wait(start(token, std::move(app), ip, origin));
  }
  /// The wire name of the refusal, or "user:<appUserId>".
  std::string outcome(const std::string& token, std::optional<std::string> app = "shop",
                      const std::string& ip = "192.0.2.1") {
    return text(verify(token, std::move(app), ip));
  }
  static std::string text(const Result<Identity>& r) {
    return r.ok() ? "user:" + r->user.appUserId : std::string(r.error().wire());
  }
  [[nodiscard]] std::size_t asked() const { return ScriptedPlugins::get().asked().size(); }
  [[nodiscard]] std::string log() {
    const std::lock_guard g(logMutex);
    return logged;
  }
};

/// A script: every token is this user.
inline ScriptedPlugins::Script allows(const std::string& user) {
  return [user](const Asked& asked) { asked.complete(CHATD_ALLOW, user); };
}
inline ScriptedPlugins::Script says(std::int32_t verdict) {
  return [verdict](const Asked& asked) { asked.complete(verdict); };
}

}  // namespace chatd::test

#include "auth/verifier_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <set>
#include <unordered_map>
#include <utility>

#include "auth/app_cache.h"
#include "auth/bucket_table.h"
#include "auth/digest.h"
#include "auth/fair_pool.h"
#include "auth/flights.h"
#include "auth/named_fields.h"
#include "auth/revocations.h"
#include "auth/verdict_cache.h"
#include "auth/verification.h"
#include "auth/verifier_metrics.h"
#include "base/mutex.h"
#include "base/random.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxApps = 4096;
constexpr std::chrono::milliseconds kAppTtl{1'000};
constexpr std::size_t kAddresses = 65'536;
constexpr std::size_t kRevokedUsers = 65'536;
constexpr std::size_t kWaitersPerFlight = 1024;
constexpr std::chrono::milliseconds kRefusalTtl{5'000};
constexpr std::size_t kMaxVerifiers = 16;
constexpr std::int64_t kLogLinesPerMinute = 600;
constexpr std::int64_t kLogBurst = 50;

PluginHostOptions pluginOptions(const VerifierOptions& options, std::string key, VerifierMetrics* metrics) {
  return {options.plugins, options.pluginFolders,        options.pluginProgram, options.pluginSecrets,
          std::move(key),  options.allowPrivateNetworks, options.log,           metrics};
}

/// Those of the fields that are named.
PeerFields only(const PeerFields& fields, const std::vector<std::string>& names) {
  PeerFields kept;
  for (const auto& field : fields) {
    if (std::find(names.begin(), names.end(), field.first) != names.end()) kept.push_back(field);
  }
  return kept;
}

/// What chatd itself says to a client, as a verdict.
Verdict refusal(const Error& error) {
  Verdict verdict;
  verdict.kind = Verdict::Kind::Deny;
  verdict.errorCode = error.wire();
  verdict.detail = error.detail();
  return verdict;
}

void appendPart(std::string& out, std::string_view part) {
  fmt::format_to(std::back_inserter(out), "{}:", part.size());
  out.append(part);
}

}  // namespace

class VerifierChain::Impl {
 public:
  Impl(Credentials& credentials, Directory& directory, OutboundHttp& http, const Clock& clock, std::string serverKey,
       const VerifierOptions& options)
      : options_(options),
        credentials_(credentials),
        directory_(directory),
        clock_(clock),
        serverKey_(std::move(serverKey)),
        cacheKey_(hmacSha256(serverKey_, "chatd verdict cache")),
        apps_(directory, clock, kMaxApps, kAppTtl),
        cache_(options.cached),
        revocations_(kRevokedUsers),
        failures_(options.failuresPerSecond * 60, options.failuresBurst, kAddresses),
        logLines_(kLogLinesPerMinute, kLogBurst, 1),
        admission_(options.admitted),
        flights_(options.perApp, kWaitersPerFlight),
        metrics_(options.metrics != nullptr ? std::make_unique<VerifierMetrics>(*options.metrics) : nullptr),
        plugins_(pluginOptions(options, hmacSha256(serverKey_, "chatd plugin quarantine"), metrics_.get()), http, clock),
        pool_(options.threads) {}

  void verify(VerifyRequest request, Done done);
  [[nodiscard]] bool current(const Identity& identity) const {
    return revocations_.holds(identity.user.id, identity.generation);
  }
  [[nodiscard]] std::shared_ptr<const PeerNames> peerNames() const { return named_.get(); }
  void learn(const App& app) {
    for (const VerifierSpec& spec : app.verifiers) named_.add(peerNamesOf(spec));
  }
  void learnedAll() { named_.complete(); }
  void revoked(UserId user) { revocations_.revoke(user); }
  void appChanged(AppId app) {
    apps_.forget(app);
    plugins_.forget(app);
    cache_.eraseApp(app);
  }
  Result<void> check(const SecretScope& app, const std::vector<VerifierSpec>& verifiers);
  Result<void> reconfigure(const App& before, const std::vector<VerifierSpec>& verifiers);
  Result<std::vector<VerifierStep>> trace(const App& app, const std::string& token);
  void setSecrets(PluginSecrets secrets) {
    plugins_.setSecrets(std::move(secrets), [this](AppId app) {
      turnOf(app).fetch_add(1);
      cache_.eraseApp(app);
    });
  }
  PluginHost& plugins() { return plugins_; }
  /// The answer to a credential that failed: `error`, or RateLimited once the address has used up its failures. Only
  /// failures are limited: behind one address there may be a whole office, or a proxy with everybody, and one of them must
  /// not lock out the rest.
  [[nodiscard]] Error overBudget(const std::string& ip, Error error) {
    if (!mayTry(ip)) return std::move(Error(Code::RateLimited).after(std::chrono::seconds(1)));
    failed(ip);
    return error;
  }
  [[nodiscard]] bool mayTry(const std::string& ip) {
    return ip.empty() || failures_.available(addressKey(ip), clock_.steady());
  }
  void failed(const std::string& ip) {
    if (!ip.empty()) failures_.charge(addressKey(ip), clock_.steady());
  }
  void stop();

 private:
  enum class Step { Next, Ended };

  // Thread of everything below: pool, except land().
  void begin(const VerificationPtr& v);
  Result<std::vector<RegisteredToken>> registered(const Verification& v);
  Result<RegisteredToken> choose(const std::vector<RegisteredToken>& found) const;
  void acceptRegistered(const VerificationPtr& v, const RegisteredToken& token);
  void walk(const VerificationPtr& v);
  Step apply(const VerificationPtr& v, const std::string& key, const VerdictCache::Found& found);
  void allow(const VerificationPtr& v, const std::string& key, const VerdictCache::Found& found);
  void refuse(const VerificationPtr& v, Error error);
  [[nodiscard]] static std::shared_ptr<const Terms> termsOf(const Verification& v, const App& app, GrantsPtr grants,
                                                            bool askAgain);
  Result<User> userOf(const App& app, const Verdict& verdict);
  [[nodiscard]] Result<void> standing(const User& user) const;
  void fly(const VerificationPtr& v, const std::string& key);
  void land(const AppPtr& app, std::size_t index, const std::string& key, std::uint64_t generation, Verdict verdict);
  /// Everybody of this flight goes on with what was found.
  void disembark(const std::string& key, const VerdictCache::Found& found);
  void remember(const App& app, std::size_t index, const std::string& key, const VerdictCache::Found& found);
  [[nodiscard]] std::string keyOf(const App& app, std::size_t index, const VerifyRequest& request,
                                  const PeerFields& fields) const;
  /// What the verifier whose turn it is names, and the request has.
  [[nodiscard]] PeerFields fieldsOf(const Verification& v) const;
  /// Counts the changes of an app's secrets; a few apps share one.
  [[nodiscard]] std::atomic<std::uint64_t>& turnOf(AppId app) const {
    return turns_[static_cast<std::size_t>(raw(app)) % turns_.size()];
  }
  void warn(const std::string& line);
  /// Why nobody gets in with this, although a verifier or the list of registered tokens allows it; nothing: he does.
  [[nodiscard]] Result<std::optional<Verdict>> barred(const App& app, const Verdict& allowed);
  Verdict askNow(const App& app, std::size_t index, const std::string& token);

  const VerifierOptions options_;
  Credentials& credentials_;
  Directory& directory_;
  const Clock& clock_;
  const std::string serverKey_;
  const std::string cacheKey_;
  AppCache apps_;
  NamedFields named_;
  VerdictCache cache_;
  mutable std::array<std::atomic<std::uint64_t>, 1024> turns_{};
  Revocations revocations_;
  BucketTable failures_;
  BucketTable logLines_;
  Admission admission_;  // before flights_: a verification that is dropped leaves it
  Flights<Verification> flights_;
  std::atomic<bool> stopping_{false};
  const std::unique_ptr<VerifierMetrics> metrics_;  ///< null: nobody wants to know
  PluginHost plugins_;
  FairPool pool_;  // last: its threads use all of the above
};

void VerifierChain::Impl::verify(VerifyRequest request, Done done) {
  if (stopping_) return done(Error(Code::VerifierUnavailable));
  // Without a token there may be one in what a verifier of the named app reads.
  if (request.token.empty() && (!request.app || !request.fields)) return done(Error(Code::Unauthorized));
  if (request.token.size() > kMaxToken) return done(overBudget(request.clientIp, Code::Unauthorized));
  const std::uint64_t lane = std::hash<std::string_view>{}(request.app ? *request.app : std::string_view{});
  if (!admission_.enter(lane)) return done(Error(Code::Busy).after(std::chrono::seconds(1)));
  auto v = std::make_shared<Verification>(std::move(request), std::move(done), admission_, lane);
  // Refused only after stop(): then dropping it answers.
  static_cast<void>(pool_.submit(lane, [this, v] { begin(v); }));
}

void VerifierChain::Impl::begin(const VerificationPtr& v) {
  if (stopping_) return v->finish(Error(Code::VerifierUnavailable));
  // Before anything is read: what is revoked from now on is newer than our answer.
  v->generation = revocations_.now();
  if (v->request.app) {
    auto app = apps_.get(*v->request.app);
    if (!app.ok()) {
      // An app that does not exist and one that does not know the token look the same from outside.
      return app.error().code() == Code::NotFound ? refuse(v, Code::Unauthorized) : v->finish(std::move(app).error());
    }
    v->app = std::move(*app);
    // Another daemon on this database may have changed it.
    if (!v->app->allPeerNames.empty()) named_.add(v->app->allPeerNames);
    if (!v->app->settings.enabled) return v->finish(Error(Code::AppDisabled));
  }
  if (v->request.token.empty()) return walk(v);
  auto found = registered(*v);
  if (!found.ok()) return v->finish(std::move(found).error());
  if (!found->empty()) {
    auto token = choose(*found);
    return token.ok() ? acceptRegistered(v, *token) : refuse(v, std::move(token).error());
  }
  if (v->app == nullptr) return refuse(v, Code::Unauthorized);
  walk(v);
}

/// Of the named app, or of all if none is named.
Result<std::vector<RegisteredToken>> VerifierChain::Impl::registered(const Verification& v) {
  CHATD_TRY(found, credentials_.tokens(hmacSha256(serverKey_, v.request.token)));
  if (v.app != nullptr) std::erase_if(found, [&](const RegisteredToken& t) { return t.app != v.app->id; });
  return std::move(found);
}

Result<RegisteredToken> VerifierChain::Impl::choose(const std::vector<RegisteredToken>& found) const {
  const Timestamp now = clock_.wall();
  std::set<AppId> holders;
  const RegisteredToken* newest = nullptr;
  for (const RegisteredToken& t : found) {
    if (t.expiresAt && *t.expiresAt <= now) continue;
    holders.insert(t.app);
    if (newest == nullptr || t.id > newest->id) newest = &t;
  }
  if (newest == nullptr) return Error(Code::TokenExpired);
  if (holders.size() > 1) return Error(Code::AppRequired);
  return *newest;
}

void VerifierChain::Impl::acceptRegistered(const VerificationPtr& v, const RegisteredToken& token) {
  auto app = v->app != nullptr ? Result<AppPtr>(v->app) : apps_.get(token.app);
  if (!app.ok()) {
    return app.error().code() == Code::NotFound ? refuse(v, Code::Unauthorized) : v->finish(std::move(app).error());
  }
  if (!(*app)->settings.enabled) return v->finish(Error(Code::AppDisabled));
  auto user = directory_.user(token.user);
  if (!user.ok()) {
    return user.error().code() == Code::UserNotFound ? refuse(v, Code::Unauthorized) : v->finish(std::move(user).error());
  }
  if (auto good = standing(*user); !good.ok()) return v->finish(std::move(good).error());
  auto terms = termsOf(*v, **app, nullptr, false);
  v->finish(Identity{**app, std::move(*user), token.expiresAt, token.id, v->generation, std::move(terms)});
}

// One step of the chain after the other, as long as the cache knows what the verifiers say.
void VerifierChain::Impl::walk(const VerificationPtr& v) {
  for (;;) {
    if (v->index >= v->app->verifiers.size()) {
      // Who has shown nothing has guessed nothing.
      const bool shown = v->asked || !v->request.token.empty();
      return shown ? refuse(v, Code::Unauthorized) : v->finish(Error(Code::Unauthorized));
    }
    v->fields = fieldsOf(*v);
    if (v->request.token.empty() && v->fields.empty()) {
      ++v->index;
      continue;
    }
    v->asked = true;
    const std::string key = keyOf(*v->app, v->index, v->request, v->fields);
    const auto cached = v->request.again ? std::nullopt : cache_.find(key, clock_.steady());
    if (!cached) return fly(v, key);
    if (metrics_) metrics_->cached(v->app->id, v->app->verifiers[v->index].plugin);
    if (apply(v, key, *cached) == Step::Ended) return;
  }
}

VerifierChain::Impl::Step VerifierChain::Impl::apply(const VerificationPtr& v, const std::string& key,
                                                     const VerdictCache::Found& found) {
  const Verdict& verdict = *found.verdict;
  switch (verdict.kind) {
    case Verdict::Kind::Defer:
      ++v->index;
      return Step::Next;
    case Verdict::Kind::Deny:
      if (verdict.errorCode == row(Code::TokenExpired).wire) {
        refuse(v, Code::TokenExpired);
      } else if (verdict.errorCode == row(Code::TokenRevoked).wire) {
        refuse(v, Code::TokenRevoked);
      } else {
        refuse(v, Code::Unauthorized);
      }
      return Step::Ended;
    case Verdict::Kind::Unavailable:
      v->finish(Error(Code::VerifierUnavailable).after(std::chrono::seconds(1)));
      return Step::Ended;
    case Verdict::Kind::Allow:
      allow(v, key, found);
      return Step::Ended;
  }
  return Step::Ended;
}

void VerifierChain::Impl::allow(const VerificationPtr& v, const std::string& key, const VerdictCache::Found& found) {
  const Verdict& verdict = *found.verdict;
  if (verdict.expiresAt && *verdict.expiresAt <= clock_.wall()) return refuse(v, Code::TokenExpired);
  auto user = userOf(*v->app, verdict);
  if (!user.ok()) {
    // NotFound: the app was deleted meanwhile.
    return user.error().code() == Code::NotFound ? refuse(v, Code::Unauthorized) : v->finish(std::move(user).error());
  }
  if (auto good = standing(*user); !good.ok()) return v->finish(std::move(good).error());
  if (!revocations_.holds(user->id, found.generation)) {
    // The verdict is older than a revocation of this very user: ask anew. Another flight may be as old, hence twice.
    cache_.erase(key);
    if (++v->repeats > 2) return v->finish(Error(Code::Busy).after(std::chrono::seconds(1)));
    v->generation = revocations_.now();
    return fly(v, key);
  }
  Identity identity{*v->app, std::move(*user), verdict.expiresAt, std::nullopt, v->generation, nullptr};
  identity.terms = termsOf(*v, *v->app, verdict.grants, true);
  v->finish(std::move(identity));
}

// A session may be asked about again although its app does not say so yet: an admin can set it any time.
std::shared_ptr<const Terms> VerifierChain::Impl::termsOf(const Verification& v, const App& app, GrantsPtr grants,
                                                          bool askAgain) {
  Terms terms{std::move(grants)};
  if (v.request.session && v.request.fields && v.app) {
    PeerFields named = only(*v.request.fields, v.app->allPeerNames);
    if (!named.empty()) terms.fields = std::make_shared<const PeerFields>(std::move(named));
  }
  if (v.request.session && askAgain) {
    VerifyRequest again = v.request;
    again.app = std::to_string(raw(app.id));
    again.again = true;
    again.fields = terms.fields;
    terms.again = std::make_shared<const VerifyRequest>(std::move(again));
  }
  if (!terms.grants && !terms.again && !terms.fields) return nullptr;
  return std::make_shared<const Terms>(std::move(terms));
}

void VerifierChain::Impl::refuse(const VerificationPtr& v, Error error) {
  // AppRequired asks for more, a live session is no guess; the others are failed credentials.
  if (error.code() == Code::AppRequired || v->request.again) return v->finish(std::move(error));
  v->finish(overBudget(v->request.clientIp, std::move(error)));
}

Result<User> VerifierChain::Impl::userOf(const App& app, const Verdict& verdict) {
  if (app.settings.autoCreateUsers) {
    UserPatch names;
    if (verdict.firstName) names.firstName = verdict.firstName;
    if (verdict.middleName) names.middleName = verdict.middleName;
    if (verdict.lastName) names.lastName = verdict.lastName;
    return directory_.ensureUser(app.id, verdict.userId, names);
  }
  auto user = directory_.userByAppId(app.id, verdict.userId);
  if (!user.ok() && user.error().code() == Code::UserNotFound) return Error(Code::UnknownUser);
  return user;
}

Result<void> VerifierChain::Impl::standing(const User& user) const {
  if (user.deletedAt) return Error(Code::UserDeleted);
  if (user.ban && (!user.ban->until || *user.ban->until > clock_.wall())) return Error(Code::Banned);
  return {};
}

PeerFields VerifierChain::Impl::fieldsOf(const Verification& v) const {
  const auto& names = v.app->peerNames[v.index];
  if (names.empty() || !v.request.fields) return {};
  if ((plugins_.flags(v.app->verifiers[v.index].plugin) & CHATD_PF_USES_PEER) == 0) return {};
  return only(*v.request.fields, names);
}

// The revision is in the key, so that a verdict of an older configuration is never found by a newer one; and the turn of the
// secrets, so that one that was under way when they changed is not, either.
std::string VerifierChain::Impl::keyOf(const App& app, std::size_t index, const VerifyRequest& request,
                                       const PeerFields& fields) const {
  std::string text;
  appendPart(text, std::to_string(raw(app.id)));
  appendPart(text, std::to_string(index));
  appendPart(text, std::to_string(app.revision));
  appendPart(text, std::to_string(turnOf(app.id).load()));
  appendPart(text, request.token);
  if ((plugins_.flags(app.verifiers[index].plugin) & CHATD_PF_USES_PEER) != 0) {
    appendPart(text, request.clientIp);
    appendPart(text, request.origin);
    for (const auto& [name, value] : fields) {
      appendPart(text, name);
      appendPart(text, value);
    }
  }
  return hmacSha256(cacheKey_, text);
}

void VerifierChain::Impl::fly(const VerificationPtr& v, const std::string& key) {
  using Board = Flights<Verification>::Board;
  const Board board = flights_.board(key, v->app->id, v, v->request.again);
  if (board == Board::Joined) return;
  if (board == Board::Full) return v->finish(Error(Code::Busy).after(std::chrono::seconds(1)));
  // A flight may have landed since walk() looked.
  if (!v->request.again && v->repeats == 0) {
    if (const auto cached = cache_.find(key, clock_.steady())) {
      if (metrics_) metrics_->cached(v->app->id, v->app->verifiers[v->index].plugin);
      return disembark(key, *cached);
    }
  }
  // From here on land() must come, once.
  const auto land = [this, app = v->app, index = v->index, key, generation = revocations_.now(),
                     began = std::chrono::steady_clock::now()](Verdict verdict) {
    if (metrics_) {
      const auto took = std::chrono::steady_clock::now() - began;
      metrics_->asked(app->id, app->verifiers[index].plugin, verdict.kind, took);
    }
    this->land(app, index, key, generation, std::move(verdict));
  };
  Question question{v->request.token, v->request.clientIp, v->request.origin, v->fields};
  const auto timeout = v->app->verifiers[v->index].timeout;
  plugins_.instance(
      *v->app, v->index, [this, land, timeout, lane = v->lane, question = std::move(question)](auto made) mutable {
        if (!made.ok()) return land(Verdict::unavailable(made.error().detail()));
        auto ask = [this, land, timeout, instance = std::move(*made), question = std::move(question)]() mutable {
          plugins_.ask(instance, std::move(question), timeout, land);
        };
        if (!pool_.submit(lane, std::move(ask))) land(Verdict::unavailable("the daemon is stopping"));
      });
}

// Thread: any. The waiters go on as tasks of their own: what called us may be a plugin, and user rows are SQL.
void VerifierChain::Impl::land(const AppPtr& app, std::size_t index, const std::string& key, std::uint64_t generation,
                               Verdict verdict) {
  // Up to 16 KiB that nobody reads again.
  verdict.claims.clear();
  verdict.claims.shrink_to_fit();
  const VerdictCache::Found found{std::make_shared<const Verdict>(std::move(verdict)), generation};
  if (found.verdict->kind == Verdict::Kind::Unavailable) {
    warn(fmt::format("app {}: verifier {} ({}) is unavailable: {}", raw(app->id), index, app->verifiers[index].plugin,
                     found.verdict->detail));
  }
  // Before they leave: who boards after them finds it.
  remember(*app, index, key, found);
  disembark(key, found);
}

void VerifierChain::Impl::disembark(const std::string& key, const VerdictCache::Found& found) {
  for (const VerificationPtr& v : flights_.land(key)) {
    static_cast<void>(pool_.submit(v->lane, [this, v, key, found] {
      if (apply(v, key, found) == Step::Next) walk(v);
    }));
  }
}

void VerifierChain::Impl::remember(const App& app, std::size_t index, const std::string& key,
                                   const VerdictCache::Found& found) {
  const Verdict& verdict = *found.verdict;
  if (verdict.kind == Verdict::Kind::Unavailable) return;
  auto ttl = std::chrono::duration_cast<std::chrono::microseconds>(app.verifiers[index].cacheTtl);
  const auto atMost = [&ttl](std::chrono::microseconds other) { ttl = std::min(ttl, other); };
  if (verdict.cacheTtl) atMost(*verdict.cacheTtl);
  if (verdict.expiresAt) atMost(*verdict.expiresAt - clock_.wall());
  if (verdict.kind != Verdict::Kind::Allow) atMost(kRefusalTtl);
  if (ttl.count() <= 0) return;
  // Up to a tenth less: tokens verified together must not all be asked about again together.
  ttl -= std::chrono::microseconds(static_cast<std::int64_t>(randomNumber() % 1000) * ttl.count() / 10'000);
  cache_.put(key, app.id, found, clock_.steady() + ttl);
}

void VerifierChain::Impl::warn(const std::string& line) {
  if (options_.log && logLines_.tryTake("", clock_.steady())) options_.log(AuthLogLevel::Warn, line);
}

Result<void> VerifierChain::Impl::check(const SecretScope& app, const std::vector<VerifierSpec>& verifiers) {
  using std::chrono::milliseconds;
  if (verifiers.size() > kMaxVerifiers) return Error::field("verifiers", fmt::format("has more than {}", kMaxVerifiers));
  for (std::size_t i = 0; i < verifiers.size(); ++i) {
    const VerifierSpec& spec = verifiers[i];
    const auto at = [i](const char* field) { return fmt::format("verifiers[{}].{}", i, field); };
    if (spec.timeout < milliseconds(1) || spec.timeout > milliseconds(60'000)) {
      return Error::field(at("timeoutMs"), "must be 1 to 60000");
    }
    if (spec.cacheTtl < milliseconds(0) || spec.cacheTtl > milliseconds(86'400'000)) {
      return Error::field(at("cacheTtlMs"), "must be 0 to 86400000");
    }
    if (!spec.isolation.empty() && spec.isolation != "inline" && spec.isolation != "process") {
      return Error::field(at("isolation"), "must be inline or process");
    }
    if (spec.isolation == "process" && plugins_.bundled(spec.plugin)) {
      return Error::field(at("isolation"), "bundled plugins run inline");
    }
    if (spec.plugin == "static" && !options_.allowStatic) {
      return Error::field(at("plugin"), "static is for development: it needs --dev or plugins.allow_static");
    }
    auto good = plugins_.check(app, spec);
    // Before it is stored, so that the first request that it is asked about has what it names.
    if (good.ok()) named_.add(peerNamesOf(spec));
    if (good.ok()) continue;
    if (good.error().code() == Code::NotFound) return Error::field(at("plugin"), good.error().detail());
    if (good.error().code() != Code::Invalid) return std::move(good).error();
    return Error::field(at("config"), good.error().detail());
  }
  return {};
}

Result<void> VerifierChain::Impl::reconfigure(const App& before, const std::vector<VerifierSpec>& verifiers) {
  bool some = false;
  for (std::size_t i = 0; i < std::min(before.verifiers.size(), verifiers.size()); ++i) {
    const VerifierSpec& was = before.verifiers[i];
    const VerifierSpec& now = verifiers[i];
    if (was.plugin != now.plugin || was.isolation != now.isolation || was.config == now.config) continue;
    auto taken = plugins_.reconfigure(before, i, now);
    if (taken.ok()) {
      some = some || *taken;
      continue;
    }
    // Those before it have what will not be stored: they are made anew.
    if (some) plugins_.forget(before.id);
    if (taken.error().code() != Code::Invalid) return std::move(taken).error();
    return Error::field(fmt::format("verifiers[{}].config", i), taken.error().detail());
  }
  return {};
}

Result<std::optional<Verdict>> VerifierChain::Impl::barred(const App& app, const Verdict& allowed) {
  if (!app.settings.enabled) return std::optional(refusal(Error(Code::AppDisabled)));
  if (allowed.expiresAt && *allowed.expiresAt <= clock_.wall()) return std::optional(refusal(Error(Code::TokenExpired)));
  const auto user = directory_.userByAppId(app.id, allowed.userId);
  if (!user.ok() && user.error().code() != Code::UserNotFound) return user.error();
  if (!user.ok() && !app.settings.autoCreateUsers) return std::optional(refusal(Error(Code::UnknownUser)));
  const auto good = user.ok() ? standing(*user) : Result<void>();
  return good.ok() ? std::nullopt : std::optional(refusal(good.error()));
}

// Asks one verifier and waits for what it says.
Verdict VerifierChain::Impl::askNow(const App& app, std::size_t index, const std::string& token) {
  auto made = std::make_shared<std::promise<Result<PluginHost::InstancePtr>>>();
  auto instance = made->get_future();
  plugins_.instance(app, index, [made](auto result) { made->set_value(std::move(result)); });
  // What create() may take at most, and a little more than ask() takes.
  if (instance.wait_for(std::chrono::seconds(6)) != std::future_status::ready) {
    return Verdict::unavailable("the verifier could not be made in time");
  }
  auto ready = instance.get();
  if (!ready.ok()) return Verdict::unavailable(ready.error().detail());
  auto told = std::make_shared<std::promise<Verdict>>();
  auto verdict = told->get_future();
  const auto timeout = app.verifiers[index].timeout;
  plugins_.ask(*ready, Question{token, {}, {}}, timeout, [told](Verdict v) { told->set_value(std::move(v)); });
  if (verdict.wait_for(timeout + std::chrono::seconds(6)) != std::future_status::ready) {
    return Verdict::unavailable("the verifier did not answer");
  }
  return verdict.get();
}

Result<std::vector<VerifierStep>> VerifierChain::Impl::trace(const App& app, const std::string& token) {
  if (stopping_) return Error(Code::Restarting);
  if (token.empty() || token.size() > kMaxToken)
    return Error::field("token", fmt::format("must have 1 to {} bytes", kMaxToken));
  const VerifyRequest request{token, std::nullopt, {}, {}};
  std::vector<VerifierStep> steps;
  CHATD_TRY(registered, credentials_.tokens(hmacSha256(serverKey_, token)));
  std::erase_if(registered, [&](const RegisteredToken& t) { return t.app != app.id; });
  if (!registered.empty()) {
    VerifierStep step;
    step.plugin = "registered";
    const auto found = choose(registered);
    if (found.ok()) {
      CHATD_TRY(user, directory_.user(found->user));
      step.verdict.kind = Verdict::Kind::Allow;
      step.verdict.userId = user.appUserId;
      step.verdict.expiresAt = found->expiresAt;
    } else {
      step.verdict = refusal(found.error());
    }
    steps.push_back(std::move(step));
  }
  for (std::size_t i = 0; registered.empty() && i < app.verifiers.size(); ++i) {
    VerifierStep step;
    step.plugin = app.verifiers[i].plugin;
    const Steady began = std::chrono::steady_clock::now();
    const auto cached = cache_.find(keyOf(app, i, request, {}), clock_.steady());
    step.cached = cached.has_value();
    step.verdict = cached ? *cached->verdict : askNow(app, i, token);
    step.took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    steps.push_back(std::move(step));
    if (steps.back().verdict.kind != Verdict::Kind::Defer) break;
  }
  if (steps.empty() || steps.back().verdict.kind != Verdict::Kind::Allow) return steps;
  CHATD_TRY(bar, barred(app, steps.back().verdict));
  if (bar) steps.push_back({"chatd", std::move(*bar), {}, false});
  return steps;
}

void VerifierChain::Impl::stop() {
  if (stopping_.exchange(true)) return;
  // First the steps, so that nobody asks a plugin any more; then the plugins, whose last answers find a stopped pool.
  pool_.stop();
  plugins_.stop();
}

VerifierChain::VerifierChain(Credentials& credentials, Directory& directory, OutboundHttp& http, const Clock& clock,
                             std::string serverKey, const VerifierOptions& options)
    : impl_(std::make_unique<Impl>(credentials, directory, http, clock, std::move(serverKey), options)) {}

VerifierChain::~VerifierChain() { stop(); }

void VerifierChain::verify(VerifyRequest request, Done done) { impl_->verify(std::move(request), std::move(done)); }
bool VerifierChain::current(const Identity& identity) const { return impl_->current(identity); }
std::shared_ptr<const PeerNames> VerifierChain::peerNames() const { return impl_->peerNames(); }
void VerifierChain::learn(const App& app) { impl_->learn(app); }
void VerifierChain::learnedAll() { impl_->learnedAll(); }
void VerifierChain::revoked(UserId user) { impl_->revoked(user); }
void VerifierChain::appChanged(AppId app) { impl_->appChanged(app); }
Result<void> VerifierChain::check(const SecretScope& app, const std::vector<VerifierSpec>& verifiers) {
  return impl_->check(app, verifiers);
}
Result<void> VerifierChain::reconfigure(const App& before, const std::vector<VerifierSpec>& verifiers) {
  return impl_->reconfigure(before, verifiers);
}
Result<std::vector<VerifierStep>> VerifierChain::trace(const App& app, const std::string& token) {
  return impl_->trace(app, token);
}
void VerifierChain::setSecrets(PluginSecrets secrets) { impl_->setSecrets(std::move(secrets)); }
PluginHost& VerifierChain::plugins() { return impl_->plugins(); }
bool VerifierChain::mayTry(const std::string& clientIp) { return impl_->mayTry(clientIp); }
void VerifierChain::failed(const std::string& clientIp) { impl_->failed(clientIp); }
void VerifierChain::stop() { impl_->stop(); }

}  // namespace chatd

#include "app/daemon.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "app/front.h"
#include "app/listening.h"
#include "app/loop_executor.h"
#include "app/plugin_checks.h"
#include "app/reload_requests.h"
#include "app/server_key.h"
#include "auth/authenticator.h"
#include "auth/digest.h"
#include "auth/verifier_chain.h"
#include "chat/chat_service.h"
#include "observe/health.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/systemd.h"
#include "outbound/outbound_http.h"
#include "realtime/realtime.h"
#include "store/store.h"
#include "web/static_pages.h"

namespace chatd {

namespace {

net::HttpLimits httpLimits(const Options& o) {
  net::HttpLimits limits;
  limits.bodyBytes = o.limits.bodyBytes;
  limits.headerTime = o.http.headerTimeout;
  limits.bodyTime = o.http.bodyTimeout;
  limits.idleTime = o.http.idleTimeout;
  limits.trustedProxies = trustedProxies(o);
  return limits;
}

net::ServerOptions serverOptions(const Options& o) {
  net::ServerOptions server;
  server.loops = o.threads.loops;
  server.maxConnections = o.limits.connections;
  server.outboxBytes = o.limits.outboxBytes;
  server.http = httpLimits(o);
  return server;
}

/// `exclusive`: nobody else writes the database, so what is in memory is true.
ChatLimits chatLimits(const Options& o, bool exclusive) {
  ChatLimits limits;
  limits.messageBytes = o.limits.messageBytes;
  limits.messagesPerSecond = o.limits.messagesPerSecond;
  limits.messagesBurst = o.limits.messagesBurst;
  limits.roomSessions = o.limits.roomData;
  limits.historyBytes = exclusive ? o.limits.historyBytes : 0;
  return limits;
}

RealtimeOptions realtimeOptions(const Options& o) {
  RealtimeOptions realtime;
  realtime.maxPayload = o.engine.maxPayload;
  realtime.sessionsPerUser = o.limits.sessionsPerUser;
  realtime.outboxBytes = o.limits.outboxBytes;
  realtime.replay = o.limits.replay;
  realtime.messageBytes = o.limits.messageBytes;
  realtime.messagesPerSecond = o.limits.messagesPerSecond;
  realtime.messagesBurst = o.limits.messagesBurst;
  realtime.pingInterval = o.engine.pingInterval;
  realtime.pingTimeout = o.engine.pingTimeout;
  realtime.deflate = o.engine.deflate;
  realtime.origins = o.cors.origins;
  return realtime;
}

engine::EngineOptions engineOptions(const Options& o) {
  engine::EngineOptions engine;
  engine.pingInterval = o.engine.pingInterval;
  engine.pingTimeout = o.engine.pingTimeout;
  engine.maxPayload = o.engine.maxPayload;
  engine.outboxBytes = o.limits.outboxBytes;
  engine.maxSessions = 2 * o.limits.connections;
  engine.revision3 = o.engine.revision3;
  engine.deflate = o.engine.deflate;
  engine.origins = o.cors.origins;
  return engine;
}

StoreOptions storeOptions(const Options& o, const std::string& serverKey, std::function<void()> onRecovery) {
  StoreOptions store;
  store.url = o.store.url;
  store.dataDirectory = o.dataDir;
  store.timeout = o.store.timeout;
  store.readers = o.threads.workers;
  store.backupFolder = o.backup.dir;
  store.version = CHATD_VERSION;
  store.serverKey = serverKey;
  store.onFault = [](const std::string& what) { log().error("store", what); };
  store.onRecovery = [recovered = std::move(onRecovery)](const std::string& what) {
    log().info("store", what);
    recovered();
  };
  return store;
}

/// In the build tree beside bin/chatd, installed in libexec/chatd beside its bin; empty: nowhere.
std::string pluginHostProgram() {
  std::error_code error;
  const auto bin = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& path : {bin / "chatd-plugin-host", bin.parent_path() / "libexec" / "chatd" / "chatd-plugin-host"}) {
    if (std::filesystem::exists(path, error)) return path.string();
  }
  return {};
}

VerifierOptions verifierOptions(const Options& o, Metrics& metrics) {
  VerifierOptions verifier;
  verifier.metrics = &metrics;
  verifier.allowPrivateNetworks = o.dev;
  verifier.allowStatic = o.dev || o.plugins.allowStatic;
  verifier.pluginFolders = o.plugins.paths;
  verifier.pluginProgram = pluginHostProgram();
  verifier.pluginSecrets = PluginSecrets(o.plugins.secrets);
  verifier.log = [](AuthLogLevel level, const std::string& what) {
    switch (level) {
      case AuthLogLevel::Debug:
        return log().debug("auth", what);
      case AuthLogLevel::Info:
        return log().info("auth", what);
      case AuthLogLevel::Warn:
        return log().warning("auth", what);
      case AuthLogLevel::Error:
        return log().error("auth", what);
    }
  };
  return verifier;
}

LogOptions logOptions(const Options& o) {
  LogOptions log;
  log.level = o.log.level;
  log.format = o.log.format;
  log.appLinesPerSecond = o.log.appLinesPerSecond;
  log.journal = stderrIsJournal();
  return log;
}

/// bin/chatd finds its pages in share/chatd/web beside bin, in the build tree and wherever it is installed.
std::filesystem::path pagesDirectory() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return self.parent_path().parent_path() / "share" / "chatd" / "web";
}

Result<void> makeDataDirectory(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  std::filesystem::create_directories(path, error);
  if (error) return Error(Code::Internal, fmt::format("data_dir {}: cannot be created: {}", path, error.message()));
  ::chmod(path.c_str(), 0750);
  return {};
}

}  // namespace

// Members in the order of making; they are destroyed in the other.
struct Daemon::Parts {
  Parts(const Options& options, std::string key, web::StaticPages staticPages)
      : pages(std::move(staticPages)),
        store(storeOptions(options, key, [this] { loadQuotasSoon(); }), clock),
        outbound(OutboundOptions{}),
        verifier(store.credentials(), store.directory(), outbound, clock, key, verifierOptions(options, metrics)),
        authenticator(store.credentials(), store.directory(), verifier, clock, key),
        workers(options.threads.workers, 20'000),
        server(serverOptions(options), front),
        executor(server, workers),
        realtime(executor, verifier, clock, realtimeOptions(options)),
        chat(executor, store.log(), store.directory(), realtime, clock, chatLimits(options, store.exclusive())),
        rest(RestServices{executor, authenticator, verifier, store.directory(), store.credentials(), store.log(), chat,
                          realtime, store.backups(), clock},
             restOptions(options)),
        engine(loops, engineOptions(options), [this](const net::HttpRequest& request) { return realtime.open(request); }) {
    realtime.setChat(chat);
    realtime.setSigner([key](std::string_view bytes) { return hmacSha256(key, bytes); });
    front.serve(engine, webSocket, rest);
    health.add("store", [this]() -> std::optional<std::string> {
      if (store.healthy()) return std::nullopt;
      return store.fault();
    });
    registerMetrics();
  }

  RestOptions restOptions(const Options& options);
  ServerControl serverControl();
  void drain(bool on);
  /// What apps may use, and what their verifiers name; REST keeps it up to date from then on.
  Result<void> loadQuotas();
  /// Reads them on a worker: the database may have been away when the daemon started. Thread: any.
  void loadQuotasSoon();
  void registerMetrics();

  SystemClock clock;
  const Timestamp startedAt = clock.wall();
  ReloadRequests reloads;
  Health health;
  Metrics metrics;
  Histogram& restSeconds =
      metrics.histogram("chatd_rest_seconds", "Time from a REST request to its answer.", secondsBuckets());
  CounterFamily& restAnswers = metrics.counters("chatd_rest_answers_total", "Answers of the REST API.", "status");
  web::StaticPages pages;
  Store store;
  OutboundHttp outbound;
  VerifierChain verifier;
  Authenticator authenticator;
  net::WorkerPool workers;
  Front front;
  net::Server server;
  LoopExecutor executor;
  Realtime realtime;
  ChatService chat;
  RestApi rest;
  Listening listening;
  WsEntrance webSocket{realtime, [this](const Error& error) { return rest.refusal(error); }};
  engine::ServerLoops loops{server};
  engine::EngineServer engine;
};

RestOptions Daemon::Parts::restOptions(const Options& options) {
  RestOptions out;
  out.bodyBytes = options.limits.bodyBytes;
  out.corsOrigins = options.cors.origins;
  out.metricsToken = options.metricsToken.reveal();
  out.demo = options.demo;
  out.version = CHATD_VERSION;
  out.page = [this](std::string_view path, std::string_view ifNoneMatch) -> std::optional<StaticAnswer> {
    auto answer = pages.answer(path, ifNoneMatch);
    if (!answer) return std::nullopt;
    return StaticAnswer{answer->status, std::move(answer->headers), answer->body};
  };
  out.metrics = [this] { return metrics.render(); };
  out.observe = [this](const RestObservation& o) {
    restSeconds.observe(std::chrono::duration<double>(o.took).count());
    restAnswers.with(std::to_string(o.status)).add();
    log().debug("rest", "answered",
                {{"method", o.method},
                 {"route", o.route},
                 {"status", o.status},
                 {"micros", o.took.count()},
                 {"requestId", o.requestId}});
  };
  out.notReady = [this] {
    std::vector<std::string> reasons;
    for (const auto& finding : health.report().findings) {
      if (finding.reason) reasons.push_back(finding.name + ": " + *finding.reason);
    }
    return reasons;
  };
  out.control = serverControl();
  return out;
}

ServerControl Daemon::Parts::serverControl() {
  ServerControl control;
  control.report = [this] {
    const auto counts = store.counts();
    return ServerReport{.startedAt = startedAt,
                        .pid = ::getpid(),
                        .logLevel = toText(log().level()),
                        .draining = realtime.draining(),
                        .sessions = realtime.count(),
                        .transports = realtime.transports(),
                        .deliveries = realtime.deliveries(),
                        .commits = counts.batches,
                        .writes = counts.rows,
                        .secretFaults = verifier.plugins().secretFaults()};
  };
  control.reload = [this] { return reloads.ask(); };
  control.setLogLevel = [](std::string_view level) {
    for (const LogLevel one : {LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error}) {
      if (toText(one) == level) log().setLevel(one);
    }
    log().info("app", "log level set", {{"level", level}});
  };
  control.drain = [this](bool on) { drain(on); };
  return control;
}

void Daemon::Parts::drain(bool on) {
  log().info("app", on ? "draining" : "serving again");
  if (on) {
    health.refuse("the daemon is draining");
    realtime.drain();
  } else {
    realtime.resume();
    health.allow();
  }
}

Result<void> Daemon::Parts::loadQuotas() {
  PageQuery query;
  query.limit = 100;
  do {
    CHATD_TRY(page, store.directory().apps(query, std::nullopt));
    for (const App& app : page.items) {
      chat.setQuotas(app.id, app.settings.quotas);
      verifier.learn(app);
    }
    query.cursor = page.next;
  } while (query.cursor);
  verifier.learnedAll();
  return {};
}

void Daemon::Parts::loadQuotasSoon() {
  const Offer offer = workers.submit(AppId{}, [this] {
    if (loadQuotas().ok()) return;
    log().warning("app", "quotas of apps were not read; trying again in a second");
    (void)executor.post(0, Mail::Completion,
                        [this] { executor.after(0, std::chrono::seconds(1), [this] { loadQuotasSoon(); }); });
  });
  if (offer == Offer::Full) log().warning("app", "quotas of apps were not read: the workers are busy");
}

void Daemon::Parts::registerMetrics() {
  metrics.gaugeFrom("chatd_sessions", "Live sessions.", [this] { return static_cast<double>(realtime.count()); });
  metrics.gaugeFrom("chatd_transports", "Open realtime transports, sessions or not yet.",
                    [this] { return static_cast<double>(realtime.transports()); });
  metrics.counterFrom("chatd_deliveries_total", "Letters of rooms handed to sessions.",
                      [this] { return realtime.deliveries(); });
  metrics.counterFrom("chatd_store_batches_total", "Transactions committed by the commit threads.",
                      [this] { return store.counts().batches; });
  metrics.counterFrom("chatd_store_rows_total", "Messages, changes and other writes committed.",
                      [this] { return store.counts().rows; });
  metrics.counterFrom("chatd_store_read_statements_total", "SQL statements run for readers.",
                      [this] { return store.counts().readStatements; });
  metrics.counterFrom("chatd_history_hits_total", "Reads of history that memory answered.",
                      [this] { return chat.historyCounts().hits; });
  metrics.counterFrom("chatd_history_misses_total", "Reads of history that went to the database.",
                      [this] { return chat.historyCounts().misses; });
  metrics.gaugeFrom("chatd_history_bytes", "Recent messages in memory.",
                    [this] { return static_cast<double>(chat.historyCounts().bytes); });
  const auto overLoops = [this](net::LoopCounter net::LoopStats::*counter) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < server.loopCount(); ++i) sum += (server.loop(i).stats().*counter).get();
    return sum;
  };
  metrics.counterFrom("chatd_tls_handshakes_total", "TLS handshakes done.",
                      [overLoops] { return overLoops(&net::LoopStats::tlsHandshakes); });
  metrics.counterFrom("chatd_tls_handshakes_failed_total", "TLS handshakes refused, broken or out of time.",
                      [overLoops] { return overLoops(&net::LoopStats::tlsHandshakesFailed); });
  for (std::size_t i = 0; i < server.loopCount(); ++i) {
    metrics.gaugeFrom("chatd_connections", "Open connections of a loop.",
                      [this, i] { return static_cast<double>(server.loop(i).connections()); },
                      {{"loop", std::to_string(i)}});
  }
}

Daemon::Daemon(const Options& options) : options_(options) {}
Daemon::~Daemon() = default;

Result<void> Daemon::start() {
  log().configure(logOptions(options_));
  log().startWriter();
  CHATD_CHECK(makeDataDirectory(options_.dataDir));
  // A key is not made beside half of a restore, which brings its own and would have to be told whose this one is.
  CHATD_CHECK(Store::servable(storeOptions(options_, {}, {}), SystemClock()));
  CHATD_TRY(key, loadServerKey(options_.dataDir));
  std::vector<std::string> folders{"swagger"};
  if (options_.demo) folders.emplace_back("demo");
  CHATD_TRY(pages, web::StaticPages::load(pagesDirectory(), folders));
  parts_ = std::make_unique<Parts>(options_, key, std::move(pages));
  CHATD_CHECK(parts_->store.open());

  // A database that is away: they are read when it is there. One that has no connection to spare for reading may have soon.
  if (parts_->store.healthy()) {
    if (auto loaded = parts_->loadQuotas(); !loaded.ok()) {
      if (loaded.error().code() != Code::StoreUnavailable && loaded.error().code() != Code::Busy) return loaded;
      log().warning("app", "quotas of apps were not read; trying again");
      parts_->loadQuotasSoon();
    }
  }

  CHATD_CHECK(parts_->listening.open(options_, parts_->server));
  parts_->server.start();
  return {};
}

const std::string& Daemon::url() const { return parts_->listening.url(); }

void Daemon::reloading() { parts_->reloads.begin(); }

void Daemon::reload(const LoadedOptions& loaded) {
  if (!loaded.options) {
    Error error(Code::Invalid, "The configuration is not good; nothing was changed.");
    for (const ConfigFault& fault : loaded.faults) {
      log().error("config", "not reloaded", {{"fault", fault.text()}});
      error.addField(fault.key.empty() ? fault.where : fault.key, fault.text());
    }
    parts_->reloads.finish(std::move(error));
    return;
  }
  const ReloadPlan plan = planReload(options_, *loaded.options);
  options_ = afterReload(options_, *loaded.options);
  log().configure(logOptions(options_));
  parts_->listening.reloadCertificates();
  parts_->server.setLimits(httpLimits(options_), options_.limits.outboxBytes);
  parts_->chat.setLimits(chatLimits(options_, parts_->store.exclusive()));
  parts_->realtime.setOptions(realtimeOptions(options_));
  parts_->engine.setOptions(engineOptions(options_));
  parts_->rest.setOptions(parts_->restOptions(options_));
  parts_->verifier.setSecrets(PluginSecrets(options_.plugins.secrets));
  for (const std::string& key : plan.applied) log().info("config", "applied", {{"key", key}});
  for (const std::string& key : plan.needRestart) log().warning("config", "takes effect after a restart", {{"key", key}});
  log().info("config", "reloaded");
  ReloadReport report{plan.applied, plan.needRestart, {}};
  for (const ConfigFault& warning : judgePlugins(loaded).warnings) report.warnings.push_back(warning.text());
  parts_->reloads.finish(std::move(report));
}

void Daemon::stop() {
  if (!parts_) return;
  Parts& p = *parts_;
  log().info("app", "stopping");
  p.health.refuse("the daemon is going down");
  p.server.stopAccepting();
  p.realtime.drain();
  const Steady until = p.clock.steady() + options_.drain.time;
  while (p.realtime.transports() > 0 && p.clock.steady() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // What was admitted is committed while the loops still carry the answers. Workers last that long too: they may wait for a
  // commit.
  p.outbound.stop();
  p.verifier.stop();
  p.workers.stop();
  p.store.stop();
  p.server.stop();
  log().info("app", "stopped");
  log().stopWriter();
}

}  // namespace chatd

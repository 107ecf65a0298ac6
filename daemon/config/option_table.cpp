#include "config/option_table.h"

#include <algorithm>
#include <concepts>
#include <type_traits>

#include "config/option_value.h"

namespace chatd {

namespace {

constexpr std::int64_t operator""_KiB(unsigned long long n) { return static_cast<std::int64_t>(n) * 1024; }
constexpr std::int64_t operator""_MiB(unsigned long long n) { return static_cast<std::int64_t>(n) * 1024 * 1024; }

/// at<&Options::limits, &Options::Limits::replay>(o) is o.limits.replay.
template <auto... Path>
constexpr decltype(auto) at(auto& options) {
  return (options.*....*Path);
}

template <auto... Path>
OptionKind integer(std::int64_t least, std::int64_t most) {
  return IntegerKind{[](Options& o, std::int64_t v) {
                       auto& member = at<Path...>(o);
                       using Member = std::remove_reference_t<decltype(member)>;
                       if constexpr (std::integral<Member>) {
                         member = static_cast<Member>(v);
                       } else {
                         member = Member(v);  // a duration: the unit of the key is its own
                       }
                     },
                     [](const Options& o) {
                       const auto& member = at<Path...>(o);
                       if constexpr (std::integral<std::remove_cvref_t<decltype(member)>>) {
                         return static_cast<std::int64_t>(member);
                       } else {
                         return static_cast<std::int64_t>(member.count());
                       }
                     },
                     least, most};
}

template <auto... Path>
OptionKind boolean() {
  return BooleanKind{[](Options& o, bool v) { at<Path...>(o) = v; }, [](const Options& o) { return bool{at<Path...>(o)}; }};
}

template <auto... Path>
OptionKind choice(std::vector<std::string_view> names) {
  return ChoiceKind{[](Options& o, std::size_t v) {
                      auto& member = at<Path...>(o);
                      member = static_cast<std::remove_reference_t<decltype(member)>>(v);
                    },
                    [](const Options& o) { return static_cast<std::size_t>(at<Path...>(o)); }, std::move(names)};
}

template <auto... Path>
OptionKind text(TextCheck check) {
  return TextKind{[](Options& o, std::string v) {
                    auto& member = at<Path...>(o);
                    member = std::remove_reference_t<decltype(member)>(std::move(v));
                  },
                  [](const Options& o) {
                    const auto& member = at<Path...>(o);
                    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, Secret>) {
                      return member.reveal();
                    } else {
                      return member;
                    }
                  },
                  check};
}

template <auto... Path>
OptionKind list(TextCheck check) {
  return TextListKind{[](Options& o, std::vector<std::string> v) { at<Path...>(o) = std::move(v); },
                      [](const Options& o) -> const std::vector<std::string>& { return at<Path...>(o); }, check};
}

template <auto... Path>
OptionKind listeners() {
  return ListenKind{[](Options& o, std::vector<Listener> v) { at<Path...>(o) = std::move(v); },
                    [](const Options& o) -> const std::vector<Listener>& { return at<Path...>(o); }};
}

constexpr bool kSecret = true;
constexpr bool kOpen = false;
constexpr std::string_view kSame = "";

std::vector<OptionRow> makeTable() {
  using O = Options;
  // path, default, default under --dev, kind and range, unit, reload, secret, meaning
  return {
      {"listen", "[{address: 127.0.0.1, port: 8080}]", kSame, listeners<&O::listen>(), "", Reload::Restart, kOpen,
       "Where clients connect: a list of {address, port}, port 0 for any free one, or {address: unix:/PATH, mode: 0660}. "
       "`tls: {certificate: FILE, key: FILE}` (PEM, the chain in one file; the key closed to others) makes it https; the "
       "files are read again on a reload. `proxy_protocol: true`: every connection begins with a PROXY header, version 1 or "
       "2, and is one of trusted_proxies."},
      {"trusted_proxies", "[]", kSame, list<&O::trustedProxies>(checkProxy), "", Reload::Live, kOpen,
       "Addresses and CIDR ranges of proxies that are believed when they say whom they speak for; `unix:` for whoever "
       "connects to a Unix socket of `listen`. Empty: nobody."},
      {"proxy_header", "x-forwarded", kSame, choice<&O::proxyHeader>({"x-forwarded", "forwarded"}), "", Reload::Live, kOpen,
       "What those proxies say it in: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239). The other one is not "
       "read, "
       "as it may come from the client."},
      {"admin_socket", "/run/chatd/admin.sock", kSame, text<&O::adminSocket>(checkSocketPath), "", Reload::Restart, kOpen,
       "Unix socket for administration (chatctl), mode 0660. Empty: none. Under --dev: admin.sock in the data directory."},
      {"data_dir", "/var/lib/chatd", "./chatd-data", text<&O::dataDir>(checkPath), "", Reload::Restart, kOpen,
       "Directory of the database and the server key. One running daemon each."},
      {"metrics_token", "''", kSame, text<&O::metricsToken>(checkToken), "", Reload::Live, kSecret,
       "Bearer token that may read /metrics. Empty: only processes admitted on the admin socket may."},
      {"demo", "false", "true", boolean<&O::demo>(), "", Reload::Restart, kOpen, "Serve the demonstration page at /demo/."},

      {"store.url", "sqlite:chatd.db", kSame, text<&O::store, &O::Store::url>(checkStoreUrl), "", Reload::Restart, kSecret,
       "The database: sqlite:FILE, relative to data_dir unless it begins with '/', for one daemon; or "
       "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, PostgreSQL 13 or newer; daemons "
       "that share one do not tell each other's clients what happens. Several hosts: HOST:PORT,HOST:PORT with "
       "target_session_attrs=read-write. Other characters than letters and "
       "digits are written as %XX."},
      {"store.timeout_ms", "5000", kSame, integer<&O::store, &O::Store::timeout>(100, 60'000), "ms", Reload::Restart, kOpen,
       "The longest that a caller waits for the database. A write whose outcome cannot be found out in that time is "
       "answered "
       "with outcome_unknown."},

      {"backup.dir", "''", kSame, text<&O::backup, &O::Backup::dir>(checkFolder), "", Reload::Restart, kOpen,
       "Folder of the backups that the daemon makes. Empty: backups in data_dir. Better on another disk."},

      {"redis.url", "''", kSame, text<&O::redis, &O::Redis::url>(checkRedisUrl), "", Reload::Restart, kSecret,
       "For several nodes, which are not in this version: must be empty."},

      {"plugins.paths", "[/usr/lib/chatd/plugins]", kSame, list<&O::plugins, &O::Plugins::paths>(checkPluginFolder), "",
       Reload::Restart, kOpen,
       "Folders in which plugins are looked for, in this order: absolute paths, which must be there if they are named."},
      {"plugins.allow_static", "false", kSame, boolean<&O::plugins, &O::Plugins::allowStatic>(), "", Reload::Restart, kOpen,
       "Let operators configure the verifier static, a list of tokens. Always allowed under --dev."},
      {"plugins.secrets", "[]", kSame, list<&O::plugins, &O::Plugins::secrets>(checkPluginSecret), "", Reload::Live, kOpen,
       "Secrets that verifiers may ask for by name, at most 64: APP/NAME=file:PATH or APP/NAME=env:VARIABLE, where APP is "
       "an "
       "app's id or name, or * for every app. Read when a verifier is made and at each reload, which gives changed ones to "
       "the verifiers that have them; a file "
       "must not be open to others."},

      {"cors.origins", "[]", kSame, list<&O::cors, &O::Cors::origins>(checkOrigin), "", Reload::Live, kOpen,
       "Origins of web pages that may connect, such as https://app.example.org. Empty: pages of this server alone. Programs "
       "that send no Origin are not concerned."},

      {"log.level", "info", kSame, choice<&O::log, &O::LogSection::level>({"debug", "info", "warning", "error"}), "",
       Reload::Live, kOpen, "The least level that is logged."},
      {"log.format", "text", kSame, choice<&O::log, &O::LogSection::format>({"text", "json"}), "", Reload::Live, kOpen,
       "One line an event, on standard error: text is key=value pairs, json is an object."},
      {"log.app_lines_per_second", "100", kSame, integer<&O::log, &O::LogSection::appLinesPerSecond>(0, 1'000'000),
       "lines/s", Reload::Live, kOpen, "Log lines about one app; more are counted and the count is logged. 0: no limit."},

      {"limits.body_bytes", "1000000", kSame, integer<&O::limits, &O::Limits::bodyBytes>(1_KiB, 64_MiB), "bytes",
       Reload::Live, kOpen, "Largest body of a REST request; more is answered with 413."},
      {"limits.message_bytes", "16384", kSame, integer<&O::limits, &O::Limits::messageBytes>(1, 1_MiB), "bytes",
       Reload::Live, kOpen, "Longest text of a message, in bytes of UTF-8. At most body_bytes and engine.max_payload."},
      {"limits.messages_per_second", "10", kSame, integer<&O::limits, &O::Limits::messagesPerSecond>(0, 1'000'000),
       "messages/s", Reload::Live, kOpen, "Messages that one user may send, lastingly. 0: no limit."},
      {"limits.messages_burst", "50", kSame, integer<&O::limits, &O::Limits::messagesBurst>(1, 1'000'000), "messages",
       Reload::Live, kOpen, "Messages that one user may send at once after a pause."},
      {"limits.sessions_per_user", "20", kSame, integer<&O::limits, &O::Limits::sessionsPerUser>(1, 10'000), "sessions",
       Reload::Live, kOpen, "Live connections of one user; one more is refused."},
      {"limits.outbox_bytes", "1048576", kSame, integer<&O::limits, &O::Limits::outboxBytes>(4_KiB, 64_MiB), "bytes",
       Reload::Live, kOpen, "Unsent bytes of one session; beyond it the session is closed with 4008 and recovers later."},
      {"limits.replay", "1000", kSame, integer<&O::limits, &O::Limits::replay>(0, 100'000), "messages", Reload::Live, kOpen,
       "Missed messages that a returning session is given; when it missed more it reads the history instead."},
      {"limits.room_data", "200", kSame, integer<&O::limits, &O::Limits::roomData>(1, 10'000), "entries", Reload::Live,
       kOpen, "Sessions listed in a roomData event; of more only the number is told."},
      {"limits.connections", "18000", kSame, integer<&O::limits, &O::Limits::connections>(16, 1'000'000), "connections",
       Reload::Restart, kOpen,
       "Open connections of all apps. Keep it below the limit of open files (LimitNOFILE= of the unit)."},

      {"limits.history_bytes", "67108864", kSame, integer<&O::limits, &O::Limits::historyBytes>(0, 16384_MiB), "bytes",
       Reload::Restart, kOpen,
       "Memory for recent messages, so that history asks the database less. With SQLite only. 0: none."},

      {"engine.ping_interval_ms", "25000", kSame, integer<&O::engine, &O::Engine::pingInterval>(100, 600'000), "ms",
       Reload::Restart, kOpen, "Time between pings of a session."},
      {"engine.ping_timeout_ms", "20000", kSame, integer<&O::engine, &O::Engine::pingTimeout>(100, 600'000), "ms",
       Reload::Restart, kOpen, "Time for the answer to a ping, after which the session is closed."},
      {"engine.max_payload", "1000000", kSame, integer<&O::engine, &O::Engine::maxPayload>(1_KiB, 64_MiB), "bytes",
       Reload::Restart, kOpen, "Largest frame or payload of a session; more closes it with 1009."},
      {"engine.eio3", "true", kSame, boolean<&O::engine, &O::Engine::revision3>(), "", Reload::Live, kOpen,
       "Serve clients of Engine.IO 3 (Socket.IO 2 and older), which say EIO=3."},
      {"engine.deflate", "false", kSame, boolean<&O::engine, &O::Engine::deflate>(), "", Reload::Live, kOpen,
       "Compress WebSocket messages of 512 bytes and more (permessage-deflate) for clients that offer it. It saves "
       "bandwidth and costs processor time; no memory is kept for a connection."},

      {"http.header_timeout_ms", "10000", kSame, integer<&O::http, &O::Http::headerTimeout>(100, 600'000), "ms",
       Reload::Live, kOpen, "Time for the whole head of a request."},
      {"http.body_timeout_ms", "30000", kSame, integer<&O::http, &O::Http::bodyTimeout>(100, 600'000), "ms", Reload::Live,
       kOpen, "Time for the whole body of a request."},
      {"http.idle_timeout_ms", "75000", kSame, integer<&O::http, &O::Http::idleTimeout>(100, 3'600'000), "ms", Reload::Live,
       kOpen, "Time that a connection may be idle between two requests."},

      {"drain.seconds", "10", kSame, integer<&O::drain, &O::Drain::time>(0, 3600), "s", Reload::Live, kOpen,
       "Time for what is under way when the daemon stops, before connections are cut."},

      {"threads.loops", "0", kSame, integer<&O::threads, &O::Threads::loops>(0, 64), "threads", Reload::Restart, kOpen,
       "Event loops. 0: one a core."},
      {"threads.workers", "8", kSame, integer<&O::threads, &O::Threads::workers>(1, 256), "threads", Reload::Restart, kOpen,
       "Threads for requests that wait for the database."},
  };
}

}  // namespace

const std::vector<OptionRow>& optionTable() {
  static const std::vector<OptionRow> table = makeTable();
  return table;
}

const OptionRow* findOption(std::string_view path) {
  const auto& table = optionTable();
  const auto it = std::find_if(table.begin(), table.end(), [path](const OptionRow& row) { return row.path == path; });
  return it == table.end() ? nullptr : &*it;
}

std::string environmentName(std::string_view path) {
  std::string name = "CHATD_";
  for (const char c : path) {
    if (c == '.') {
      name += "__";
    } else {
      name.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
  }
  return name;
}

}  // namespace chatd

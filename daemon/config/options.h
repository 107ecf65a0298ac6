// Options: everything that an admin can set, typed. Filled from the table in option_table.cpp, which also holds the
// defaults: a default-constructed Options has them all. Thread: any (a value; immutable once loaded).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/log.h"
#include "observe/secret.h"

namespace chatd {

struct Listener {
  struct Tls {
    std::string certificate;  ///< file: a chain in PEM, the server's own first
    std::string key;          ///< file
    bool operator==(const Tls&) const = default;
  };
  std::string address = {};   ///< IPv4 or IPv6 literal without brackets, or a host name; empty with unixPath
  std::uint16_t port = 0;     ///< 0: any free one
  std::string unixPath = {};  ///< a Unix socket for clients, written "unix:/path"
  std::uint32_t unixMode = 0660;
  std::optional<Tls> tls = {};
  bool proxyProtocol = false;  ///< peers are proxies that send a PROXY header first
  bool operator==(const Listener&) const = default;
};

struct Options {
  /// Every value as in the table's defaults.
  Options();

  std::vector<Listener> listen;
  std::vector<std::string> trustedProxies;  ///< addresses, CIDR ranges, "unix:"
  enum class ProxyHeader : std::uint8_t { XForwarded, Forwarded } proxyHeader;
  std::string adminSocket;  ///< path; empty: none
  std::string dataDir;

  struct Store {
    std::string url;                    ///< "sqlite:FILE", FILE relative to dataDir
    std::chrono::milliseconds timeout;  ///< after it an append is called unknown
  } store;

  struct Backup {
    std::string dir;  ///< empty: "backups" in dataDir
  } backup;

  struct Redis {
    std::string url;  ///< always empty in this version
  } redis;

  struct Plugins {
    std::vector<std::string> paths;
    bool allowStatic;
    std::vector<std::string> secrets;  ///< "SCOPE/NAME=file:PATH" or "SCOPE/NAME=env:VARIABLE"
  } plugins;

  struct Cors {
    std::vector<std::string> origins;  ///< "https://host[:port]"; empty: same origin only
  } cors;

  Secret metricsToken;  ///< empty: /metrics is for peers of the admin socket alone
  bool demo;

  struct LogSection {
    LogLevel level;
    LogFormat format;
    std::uint32_t appLinesPerSecond;
  } log;

  struct Limits {
    std::size_t bodyBytes;
    std::size_t messageBytes;
    std::int64_t messagesPerSecond;  ///< 0: none
    std::int64_t messagesBurst;
    std::size_t sessionsPerUser;
    std::size_t outboxBytes;
    std::size_t replay;
    std::size_t roomData;
    std::size_t connections;
    std::size_t historyBytes;  ///< 0: none is kept in memory
  } limits;

  struct Engine {
    std::chrono::milliseconds pingInterval;
    std::chrono::milliseconds pingTimeout;
    std::size_t maxPayload;
    bool revision3;
    bool deflate;
  } engine;

  struct Http {
    std::chrono::milliseconds headerTimeout;
    std::chrono::milliseconds bodyTimeout;
    std::chrono::milliseconds idleTimeout;
  } http;

  struct Drain {
    std::chrono::seconds time;
  } drain;

  struct Threads {
    std::size_t loops;  ///< 0: one per core
    std::size_t workers;
  } threads;

  // Not in the table: from the command line.
  bool dev = false;  ///< --dev: verification may reach private networks

  /// The database file that store.url names, resolved against dataDir. Empty: it names a server.
  [[nodiscard]] std::string databaseFile() const;
};

}  // namespace chatd

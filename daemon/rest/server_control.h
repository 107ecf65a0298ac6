// ServerControl: what operators may ask of the daemon itself. Given to the API by the composition root, because only it
// knows the configuration, the log and the sockets. Thread: workers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/plugin_secrets.h"
#include "base/clock.h"
#include "base/result.h"

namespace chatd {

struct ServerReport {
  Timestamp startedAt{};
  std::int64_t pid = 0;
  std::string_view logLevel;  ///< debug, info, warning, error
  bool draining = false;
  std::uint64_t sessions = 0;
  std::uint64_t transports = 0;  ///< open realtime transports, sessions or not yet
  std::uint64_t deliveries = 0;  ///< letters of rooms handed to sessions since the start
  std::uint64_t commits = 0;     ///< transactions of the commit threads since the start
  std::uint64_t writes = 0;      ///< rows that these committed
  std::vector<SecretFault> secretFaults;
};

struct ReloadReport {
  std::vector<std::string> applied;      ///< keys that changed and hold now
  std::vector<std::string> needRestart;  ///< keys that changed and hold after a restart
  std::vector<std::string> warnings;  ///< what is not well although the configuration is good: secrets that cannot be read
};

/// All or none are set.
struct ServerControl {
  std::function<ServerReport()> report;
  /// Reads the configuration again, as SIGHUP does. Blocks until it is done. Errors: Invalid with a field a fault, Busy.
  std::function<Result<ReloadReport>()> reload;
  /// debug, info, warning or error; holds until the next reload or restart.
  std::function<void(std::string_view level)> setLogLevel;
  /// true: not ready, nobody new, sessions are asked to come back elsewhere; REST goes on. false: takes it back.
  std::function<void(bool on)> drain;
};

}  // namespace chatd

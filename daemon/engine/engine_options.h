// EngineOptions: what an Engine.IO server allows. A session keeps those that it began with. Thread: any (a value).
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace chatd::engine {

struct EngineOptions {
  std::chrono::milliseconds pingInterval{25'000};
  std::chrono::milliseconds pingTimeout{20'000};
  std::chrono::milliseconds upgradeTime{10'000};  ///< for an upgrade, from its request to its end
  std::size_t maxPayload = 1'000'000;             ///< bytes of one message, or of one POST
  std::size_t outboxBytes = 1 << 20;              ///< bytes that a session may have unsent
  std::size_t maxSessions = 36'000;               ///< those on polling hold no connection, so they need a bound of their own
  bool revision3 = true;                          ///< clients of Engine.IO 3 are served
  std::vector<std::string> origins{};             ///< allowed besides the same origin; "*": any
  bool deflate = false;                           ///< permessage-deflate is taken where a client offers it
};

}  // namespace chatd::engine

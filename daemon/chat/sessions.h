// Port: the live sessions. Implemented by realtime/. Thread: any; never blocks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "chat/model.h"

namespace chatd {

struct SessionSummary {
  std::string id;  ///< as the client knows it (Socket.IO socket id)
  AppId app{};
  UserId user{};
  std::string transport;  ///< "websocket", "polling", "ws"
  std::string clientIp;
  Timestamp connectedAt{};
  std::optional<Timestamp> expiresAt;
};

class Sessions {
 public:
  virtual ~Sessions() = default;
  [[nodiscard]] virtual std::vector<SessionSummary> ofUser(UserId user) = 0;
  [[nodiscard]] virtual std::size_t count() = 0;
  /// Ends every session of the user: event `error` with the code, then DISCONNECT. How many.
  virtual std::size_t endUser(UserId user, Code why) = 0;
  virtual std::size_t endApp(AppId app, Code why) = 0;
  /// The app has another `settings.reverify`: it counts for its live sessions, too. Who is to be asked about earlier now is
  /// so within the new interval, spread over it.
  virtual void reverify(const App& app) = 0;
};

}  // namespace chatd

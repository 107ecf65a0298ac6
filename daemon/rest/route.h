// Route: one row of the table from which the router, the access check and the OpenAPI document come.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "rest/schema.h"

namespace chatd::rest {

class Call;
struct Context;
using CallPtr = std::shared_ptr<Call>;

/// Who may call; a set of kinds of callers.
using Access = std::uint8_t;
namespace who {
inline constexpr Access Peer = 1;      ///< a process on the admin socket
inline constexpr Access Operator = 2;  ///< account with the role operator
inline constexpr Access Owner = 4;     ///< account with the role owner
inline constexpr Access AppKey = 8;
inline constexpr Access User = 16;
inline constexpr Access Anyone = 32;   ///< no credential is looked at
inline constexpr Access Metrics = 64;  ///< the admin socket, or the metrics token
inline constexpr Access Operators = Peer | Operator;
inline constexpr Access Accounts = Operators | Owner;
inline constexpr Access Admins = Accounts | AppKey;
inline constexpr Access Bearers = Admins | User;
}  // namespace who

/// A good answer of a route.
struct Answer {
  int status = 200;
  const Schema* body = nullptr;  ///< nothing: no body, or not JSON
  bool list = false;             ///< `{"items":[body…],"nextCursor"}`
  std::string_view doc = {};
  std::string_view media = "application/json";
};

/// Where the handler runs.
enum class Where : std::uint8_t {
  Loop,    ///< on the connection's loop: it does not block
  Worker,  ///< on a worker: it reads the store
};

struct Route {
  std::string_view method = {};
  std::string_view path;  ///< "/app/{appId}/keys"; a last segment "{file*}" takes the rest of the path, maybe nothing
  std::string_view operation = {};
  std::string_view tag = {};
  Access access = who::Anyone;
  Where where = Where::Worker;
  const Schema* query = nullptr;  ///< nothing: no query parameters
  const Schema* body = nullptr;   ///< nothing: no body
  std::vector<Answer> answers = {};
  std::vector<Code> errors = {};  ///< of the handler; those that every route of its kind may give are added in the document
  std::string_view doc = {};
  bool keepsAnswers = true;  ///< a POST that takes Idempotency-Key
  /// With `dryRun=true`: what the handler would refuse beyond access and schema, and whether it would change anything. May
  /// be empty. Thread: as the handler.
  Result<bool> (*check)(const Context&, Call&) = nullptr;
  /// Answers the call. Thread: as `where` says.
  void (*handler)(const Context&, CallPtr) = nullptr;
};

/// True if the route takes `dryRun=true` as a query parameter: it changes something, for somebody who is known.
[[nodiscard]] inline bool takesDryRun(const Route& route) {
  return route.method != "GET" && (route.access & who::Bearers) != 0 && route.operation != "logout";
}

/// The name of the call's caller kinds, for messages: "operators, owners, app keys".
[[nodiscard]] std::string whoText(Access access);

// The rows, a file a resource.
[[nodiscard]] const std::vector<Route>& authRoutes();
[[nodiscard]] const std::vector<Route>& appRoutes();
[[nodiscard]] const std::vector<Route>& userRoutes();
[[nodiscard]] const std::vector<Route>& userAccessRoutes();
[[nodiscard]] const std::vector<Route>& roomRoutes();
[[nodiscard]] const std::vector<Route>& messageRoutes();
[[nodiscard]] const std::vector<Route>& backupRoutes();
[[nodiscard]] const std::vector<Route>& serverRoutes();
[[nodiscard]] const std::vector<Route>& pluginRoutes();
[[nodiscard]] const std::vector<Route>& metaRoutes();
/// All of them, in the order of the document. Thread: any.
[[nodiscard]] const std::vector<Route>& routeTable();

}  // namespace chatd::rest

// AdminClient: the daemon's REST as commands want it: JSON answers or a Failure with exit code and hint, retries that
// cannot do anything twice, pages followed, names resolved. Owned by run(). Thread: the one of run().
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cli/failure.h"
#include "cli/settings.h"
#include "cli/transport.h"

namespace chatd::cli {

/// An answer below 400. `document` is null if the body is empty.
struct Answer {
  int status = 0;
  std::string body;  ///< as it came
  JsonDocument document;
};

using Query = std::vector<std::pair<std::string, std::string>>;

/// A call. Everything but `Once::Yes` may be repeated: GET, PUT, DELETE and PATCH set a state, POST carries one
/// Idempotency-Key for all its tries.
struct Call {
  enum class Once : bool { No, Yes };
  std::string method;
  std::string path;  ///< percent-encoded
  Query query;       ///< not encoded
  std::optional<std::string> body;
  bool createOnly = false;  ///< If-None-Match: *
  Once once = Once::No;
  bool setsState = false;  ///< a POST that can be repeated by its nature (upsert, clientMsgId) and needs no Idempotency-Key
};

inline constexpr std::uint64_t kAllItems = std::numeric_limits<std::uint64_t>::max();

/// A list of which all pages are wanted.
struct ListCall {
  std::string path;
  Query query;                      ///< of every page
  std::uint64_t limit = kAllItems;  ///< at most so many items
  Query firstPage = {};             ///< of the first page alone; the cursor stands for it afterwards
  bool paged = true;                ///< false: the server gives it whole and takes no `limit`
};

class AdminClient {
 public:
  /// `log` gets a line a request if the settings are verbose, whole bodies with --debug. Both must outlive the client.
  AdminClient(const Settings& settings, std::ostream& log) : settings_(settings), log_(log) {}

  /// Errors: by status (exitOfStatus), Exit::Unreachable, Exit::Other if the answer is no JSON.
  [[nodiscard]] Outcome<Answer> call(const Call& call);
  /// As it came, errors of HTTP included; fails only without an answer. With --dry-run everything but GET asks the server
  /// only to check: `dryRun=true`, which a server that does not know it refuses.
  [[nodiscard]] Outcome<HttpAnswer> raw(const Call& call);

  [[nodiscard]] Outcome<Answer> get(std::string path, Query query = {}) {
    return call({"GET", std::move(path), std::move(query), {}});
  }

  /// Follows the pages of a list; `each` gets a page's items and may fail, which ends it. Returns the `nextCursor` where it
  /// stopped; nothing: the list is complete.
  [[nodiscard]] Outcome<std::optional<std::string>> pages(const ListCall& list,
                                                          const std::function<Outcome<void>(const JsonValue& items)>& each);

  /// The `appId` of -a: digits are the id, a name is asked for once. Nothing: -a is not given and the credential names it.
  /// Errors: Exit::Usage if -a is needed and missing, Exit::NotFound.
  [[nodiscard]] Outcome<std::optional<std::int64_t>> appId();

  /// The same as the query of a list or a lookup: `appId`, or nothing.
  [[nodiscard]] Outcome<Query> appQuery();

  /// A NotFound with a guess at the name that was meant: the closest `field` on the first page of `list`. Any other failure
  /// as it is; so is this one if the list cannot be read.
  [[nodiscard]] Failure withGuess(Failure failure, const ListCall& list, std::string_view field, const std::string& typed);

  /// Something answers that is not chatd: Exit::Other, code "not_chatd". `why` we think so.
  [[nodiscard]] Failure notChatd(const std::string& why) const;

  /// The Failure of an answer of 400 and above.
  [[nodiscard]] Failure failureOf(const HttpAnswer& answer) const;

 private:
  void log(const HttpRequest& request, const Outcome<HttpAnswer>& outcome, std::chrono::milliseconds took) const;

  const Settings& settings_;
  std::ostream& log_;
  std::optional<std::int64_t> appId_;  // of settings_.app, once it was asked for
};

[[nodiscard]] bool isDigits(std::string_view text);
/// A member that must be an integer. Errors: Exit::Other (the server broke the contract).
[[nodiscard]] Outcome<std::int64_t> integerField(const JsonValue& object, std::string_view key);
/// A text as it is, anything else as JSON: ids come as either.
[[nodiscard]] std::string textOf(const JsonValue& value);
/// A string member; nothing if it is not there, null or another type.
[[nodiscard]] std::optional<std::string> stringField(const JsonValue& object, std::string_view key);

}  // namespace chatd::cli

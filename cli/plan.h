// From what is declared and what the server has to the calls that make them equal. Reads the server, writes nothing.
// Thread: the one of run().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/declared.h"

namespace chatd::cli {

enum class Change { Create, Update, Delete };
[[nodiscard]] std::string_view wordOf(Change change);  ///< "created", "changed", "deleted"

/// One thing that is to change, by one call.
struct Step {
  Change change = Change::Create;
  std::string kind;                ///< app, user, room, member
  std::string name;                ///< "shop", "42", "support", "support/42" (a member)
  std::vector<std::string> lines;  ///< what differs, for people: `firstName: "Ada" -> "Eva"`
  /// Makes the call. It may look up what an earlier step has made.
  std::function<Outcome<Call>(AdminClient& client, std::int64_t appId)> call;
  bool later = false;  ///< hangs on what an earlier step makes: by a dry run it cannot be judged
};

struct AppPlan {
  std::string name;
  std::optional<std::int64_t> appId;  ///< nothing: the first step makes the app
  std::vector<Step> steps;            ///< in the order in which they can be done
  std::size_t unchanged = 0;          ///< things that are as declared
};

/// `prune`: users, rooms and members that are not declared go, where the file has the list at all. Apps never do.
/// Errors: as AdminClient::call; Exit::Conflict for a room of another type.
[[nodiscard]] Outcome<AppPlan> planApp(Invocation& run, const DeclaredApp& declared, bool prune);

/// What `delete -f` does: the declared apps that are there, with everything in them.
[[nodiscard]] Outcome<AppPlan> planDelete(Invocation& run, const DeclaredApp& declared);

}  // namespace chatd::cli

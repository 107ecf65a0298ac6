// Rooms by name or id, for the nouns that need one.
#pragma once

#include <string>

#include "cli/command.h"

namespace chatd::cli {

/// GET /room/{id or name} within -a's app. Errors: Exit::NotFound, and as AdminClient::call.
[[nodiscard]] Outcome<Answer> lookUpRoom(Invocation& run, const std::string& room);
/// The same, for a room that should be there: a NotFound has a guess at the name.
[[nodiscard]] Outcome<Answer> findRoom(Invocation& run, const std::string& room);

}  // namespace chatd::cli

// Rooms by name or id, for the nouns that need one.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace chatd::cli {

/// GET /room/{id or name} within -a's app. Errors: Exit::NotFound, and as AdminClient::call.
[[nodiscard]] Outcome<Answer> lookUpRoom(Invocation& run, const std::string& room);
/// The same, for a room that should be there: a NotFound has a guess at the name.
[[nodiscard]] Outcome<Answer> findRoom(Invocation& run, const std::string& room);

/// The appUserIds of a room's members, as text whatever their JSON type; of an answer without members none.
[[nodiscard]] std::set<std::string> memberIds(const JsonValue& room);
/// Two users have one direct room, and POST /room answers with it whatever name was asked for. `asked`: "declared".
[[nodiscard]] Failure otherDirectRoom(const std::string& pair, const std::string& has, const std::string& wanted,
                                      std::string_view asked);
/// Judges the answer of POST /room, or of its dry run. Errors: otherDirectRoom() if it is not the room that was wanted.
[[nodiscard]] Outcome<void> madeAs(const JsonValue& answer, const std::string& wanted, std::string_view asked);

}  // namespace chatd::cli

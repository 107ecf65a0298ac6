// Users by the app's own id, for the nouns that need one, and the verbs about what a user may do.
#pragma once

#include <string>

#include "cli/command.h"

namespace chatd::cli {

/// The one user of this appUserId within -a's app. Errors: Exit::NotFound with a guess, and as AdminClient::call.
[[nodiscard]] Outcome<JsonDocument> findUser(Invocation& run, const std::string& appUserId);

/// How a banned user looks.
[[nodiscard]] const View& bannedUsers();
Handler userSessions(CLI::App& command);
Handler userKick(CLI::App& command);
Handler userRevoke(CLI::App& command);
Handler userBan(CLI::App& command);
Handler userUnban(CLI::App& command);

}  // namespace chatd::cli

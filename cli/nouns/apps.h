// Apps by name or id, for the nouns that need one, and the verbs of their keys.
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"

namespace chatd::cli {

/// GET /app/{name or id}. Errors: Exit::NotFound with a guess, and as AdminClient::call.
[[nodiscard]] Outcome<Answer> findApp(Invocation& run, const std::string& app);

/// The app that a verb of `app` is about: its word, else -a. Errors: Exit::Usage without either.
[[nodiscard]] Outcome<std::string> appWord(Invocation& run, const std::optional<std::string>& word);

/// True if the app has all of `body` (of PATCH /app) already. Secrets that are shown as *** are compared by the server.
[[nodiscard]] Outcome<bool> appIsAs(Invocation& run, const JsonValue& app, const std::string& body);

/// How a new key looks: -q and -o name print the secret, which is what it was made for.
[[nodiscard]] const View& newKeys();
Handler appKeyList(CLI::App& command);
Handler appKeyCreate(CLI::App& command);
Handler appKeyRotate(CLI::App& command);
Handler appKeyRevoke(CLI::App& command);
/// In plugin.cpp.
Handler appVerifyTest(CLI::App& command);

}  // namespace chatd::cli

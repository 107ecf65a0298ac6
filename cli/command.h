// The shape of the command tree: nouns are files, verbs are rows. A verb binds its words once (configure) and gives back
// what it does; the parser, help, the man page and did-you-mean all read the same tree. Thread: the one of run().
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client.h"
#include "cli/failure.h"
#include "cli/io.h"
#include "cli/printer.h"
#include "cli/settings.h"

namespace chatd::cli {

/// What a verb works with.
struct Invocation {
  Settings& settings;
  AdminClient& client;
  Printer& printer;
  Io& io;
};

using Handler = std::function<Outcome<void>(Invocation&)>;

struct Verb {
  const char* words;    ///< "list", or "member add" for a group below the noun
  const char* summary;  ///< one line
  Handler (*configure)(CLI::App& command);
  /// What a verb that changes something prints: so a wrong --fields is refused before it. Null: the answer itself tells.
  const View* written = nullptr;
  bool findsFaults = false;  ///< goes on without the file of contexts where that is broken
};

struct Noun {
  const char* word;     ///< empty: its verbs stand at the top (login, status)
  const char* summary;  ///< one line
  std::vector<Verb> verbs;
};

/// All nouns in the order of the help.
[[nodiscard]] const std::vector<const Noun*>& nouns();

// --- words of a verb -----------------------------------------------------------------------------------------------------
// Bound by hand and not by CLI11's conversions, which read "[a,b]" as two words and "{}" as none.

/// An option or a required word (`NAME` without dashes) with one value.
CLI::Option* bindWord(CLI::App& command, const std::string& names, std::string& to, const std::string& help);
CLI::Option* bindWord(CLI::App& command, const std::string& names, std::optional<std::string>& to, const std::string& help);
/// One or more words at the end.
CLI::Option* bindWords(CLI::App& command, const std::string& name, std::vector<std::string>& to, const std::string& help);
/// A check for option(): a number from 1 on, with words of ours for what is none.
[[nodiscard]] CLI::Validator numberFrom1();
/// `--limit N`: how many items at most; without it all.
CLI::Option* bindLimit(CLI::App& command, std::uint64_t& to);

/// Shields words from CLI11: `[x]`, and all after `--`, which become plain words and `--` goes away. bindWord() undoes it.
[[nodiscard]] std::vector<std::string> shield(const std::vector<std::string>& words);
[[nodiscard]] std::string unshield(const std::string& word);

// --- what several verbs do
// -------------------------------------------------------------------------------------------------

/// Before something is destroyed: --yes, or a "yes" at the terminal (and not --no-input). Errors: Exit::Usage without
/// either, Exit::Other on a no.
[[nodiscard]] Outcome<void> confirm(Invocation& run, const std::string& question);
/// The same where the name must be typed, or given by --confirm beside --yes.
[[nodiscard]] Outcome<void> confirmByName(Invocation& run, const std::string& what, const std::string& name);
/// Prints the answer of a call that makes secrets (`apiKey`, `login.password`), which are shown this once. Those that the
/// format or --fields has no place for go to stderr, also with -q: a secret is never lost.
/// `what` they are of, "app shop".
[[nodiscard]] Outcome<void> printSecrets(Invocation& run, const View& view, const Answer& answer, const std::string& what);
/// Only what goes to stderr, after the rest was printed.
void tellSecrets(Invocation& run, const View& view, const JsonValue& object, const std::string& what);
/// A line for people on stderr, unless -q; it says so under --dry-run.
void note(Invocation& run, const std::string& text);
/// Tells whoever sits at a terminal that it is waited for, before the standard input is read.
void sayReading(Invocation& run);
/// Standard input as a whole, at most 16 MiB. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::string> readInput(Invocation& run);
/// `@FILE` is the file's content, `@-` standard input, anything else itself. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::string> inlineOrFile(Invocation& run, const std::string& word);
/// "1,2" as its parts; an empty part is refused. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::vector<std::string>> commaList(const std::string& text, const std::string& what);
/// `90`, `15m`, `24h`, `7d`: more than 0, at most ten years. `what` names it in errors. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::chrono::seconds> parseDuration(const std::string& text, const std::string& what);
/// A word that must be JSON, or @FILE with it, in compact form. `what` names it in errors. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::string> jsonWord(Invocation& run, const std::string& word, std::string_view what);

}  // namespace chatd::cli

// The command tree: built from nouns(), parsed by CLI11, read by help, the man page and did-you-mean. Owned by run().
// Thread: the one of run().
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/failure.h"
#include "cli/settings.h"

namespace chatd::cli {

class CommandTree {
 public:
  CommandTree();
  CommandTree(const CommandTree&) = delete;
  CommandTree& operator=(const CommandTree&) = delete;

  /// `words` without the program's name. Errors: Exit::Usage with what was meant, if that can be guessed.
  /// Help and version asked for by a flag throw CLI::CallForHelp and CLI::CallForVersion, as CLI11 has it.
  [[nodiscard]] Outcome<void> parse(const std::vector<std::string>& words);

  [[nodiscard]] const GlobalFlags& flags() const { return flags_; }
  /// The verb that was parsed, and what it does. `handler` is null for `help`, `__man`, `__reference`.
  [[nodiscard]] CLI::App& chosen();
  [[nodiscard]] const Handler* handler();
  /// Of the verb that was parsed, as Verb has them.
  [[nodiscard]] const View* written();
  [[nodiscard]] bool findsFaults();
  [[nodiscard]] CLI::App& root() { return root_; }
  /// The words of `help`: a topic or a command.
  [[nodiscard]] const std::vector<std::string>& helpWords() const { return helpWords_; }
  /// -o as it was written, also if the rest of the line could not be parsed.
  [[nodiscard]] std::string writtenFormat() const;

 private:
  void addGlobalFlags();
  void addVerb(CLI::App& noun, const Verb& verb, const char* group);
  [[nodiscard]] Failure explain(const CLI::ParseError& error);

  CLI::App root_;
  GlobalFlags flags_;
  std::vector<std::string> helpWords_;
  struct Parsed {
    Handler handler;
    const View* written = nullptr;
    bool findsFaults = false;
  };
  [[nodiscard]] const Parsed* parsed();

  std::map<const CLI::App*, Parsed> verbs_;
};

/// The command of these words below `from`, or nullptr.
[[nodiscard]] CLI::App* commandOf(CLI::App& from, const std::vector<std::string>& words);
/// The help of a command, with all the words that lead to it.
[[nodiscard]] std::string helpOf(const CLI::App& command);
/// The visible commands directly below, in order.
[[nodiscard]] std::vector<const CLI::App*> commandsBelow(const CLI::App& command);

}  // namespace chatd::cli

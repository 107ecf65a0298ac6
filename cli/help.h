// Texts about chatctl itself: topics of `chatctl help` and the man page, both from the command tree. Pure. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/tree.h"

namespace chatd::cli {

struct Topic {
  std::string_view word;
  std::string_view title;
  std::string text;  ///< lines of at most 80 columns
};
/// exit-codes, formats, environment, files.
[[nodiscard]] const std::vector<Topic>& topics();

/// An option as help, man page and reference write it: `-a, --app APP`, `NAME`, `[NAME]`, `NAME...`.
[[nodiscard]] std::string optionWords(const CLI::Option& option);

/// What `chatctl help WORDS` prints. Errors: Exit::Usage if there is no such topic or command.
[[nodiscard]] Outcome<std::string> helpText(CommandTree& tree);

/// The reference of the commands in Markdown, from the tree; the same input gives the same bytes.
[[nodiscard]] std::string reference(const CLI::App& root);

/// chatctl(1) in roff, from the tree; the same input gives the same bytes.
[[nodiscard]] std::string manPage(const CLI::App& root);

}  // namespace chatd::cli

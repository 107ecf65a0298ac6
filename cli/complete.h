// Completion: what could stand where the cursor is. Walks the command tree; names of apps, rooms, users and keys come from
// the server, within two seconds and silently. Thread: the one of run().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/io.h"
#include "cli/tree.h"

namespace chatd::cli {

struct Candidate {
  std::string word, help;
};
struct Completion {
  std::vector<Candidate> candidates;  ///< those that begin with the last word
  bool files = false;                 ///< a file's name may stand there
};

/// `words`: those of the command line without the program's name; the last is what is being typed, maybe empty.
[[nodiscard]] Completion complete(CommandTree& tree, const std::vector<std::string>& words, const Io& io);

/// A command line as bash has it (COMP_LINE up to COMP_POINT) in words, quotes and backslashes taken away, the program's
/// name left out; the last word is what is being typed.
[[nodiscard]] std::vector<std::string> splitLine(std::string_view line);

/// `__complete` of the scripts: a line a candidate, "word<TAB>help", and ":files" if files are wanted. Candidates that hold
/// control characters are left out, because no shell could take them as they are, and names with a leading dash where they
/// would be flags.
[[nodiscard]] int printCompletion(CommandTree& tree, const std::vector<std::string>& words, Io& io);

/// The script for `shell`: bash, zsh or fish. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::string> completionScript(const std::string& shell);

}  // namespace chatd::cli

// What a command may touch of the process: its streams, its environment, the person at the terminal. Real in main.cpp,
// strings in tests. Owned by whoever calls run(). Thread: the one of run().
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace chatd::cli {

struct Io {
  std::istream& in;
  std::ostream& out;  ///< data only
  std::ostream& err;  ///< all else
  bool inIsTerminal = false;

  /// An environment variable; nothing if it is unset or empty.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  /// Asks the person one line. `secret`: the answer is not echoed. Nothing: there is no terminal, or end of input.
  std::function<std::optional<std::string>(const std::string& prompt, bool secret)> ask;
  /// Makes this process the program chatd-store with these arguments. Comes back only if it cannot: the reason.
  std::function<std::string(const std::vector<std::string>& arguments)> becomeStoreTool = {};

  bool outIsTerminal = false;
  bool errIsTerminal = false;
  std::size_t columns = 0;  ///< of the terminal that `out` is; 0: not known

  /// Long work that wants to end well asks for it: from then on the first Ctrl-C only makes interrupted() true, a second
  /// one ends the process. Empty: Ctrl-C is not ours.
  std::function<void()> deferInterrupt = {};
  std::function<bool()> interrupted = {};
};

}  // namespace chatd::cli

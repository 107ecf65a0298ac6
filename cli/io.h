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

/// How a program that was run for us has ended.
struct BesideRun {
  int code = -1;    ///< its exit code, or 128 and its signal; -1: it could not be started
  std::string out;  ///< its standard output
  std::string why;  ///< why it could not be started
};

struct Io {
  std::istream& in;
  std::ostream& out;  ///< data only
  std::ostream& err;  ///< all else
  bool inIsTerminal = false;

  /// An environment variable; nothing if it is unset or empty.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  /// Asks the person one line. `secret`: the answer is not echoed. Nothing: there is no terminal, or end of input.
  std::function<std::optional<std::string>(const std::string& prompt, bool secret)> ask;
  /// Runs the program of this name that is installed beside chatctl, to its end. `onErrorLine` gets the lines of its
  /// standard error as they come. Empty: there is no such thing here.
  std::function<BesideRun(const std::string& program, const std::vector<std::string>& arguments,
                          const std::function<void(const std::string& line)>& onErrorLine)>
      runBeside = {};

  bool outIsTerminal = false;
  bool errIsTerminal = false;
  std::size_t columns = 0;  ///< of the terminal that `out` is; 0: not known

  /// Long work that wants to end well asks for it: from then on the first Ctrl-C only makes interrupted() true, a second
  /// one ends the process. Empty: Ctrl-C is not ours.
  std::function<void()> deferInterrupt = {};
  std::function<bool()> interrupted = {};
};

}  // namespace chatd::cli

// chatctl: gives run() the real streams, environment and terminal, and ends the process as a shell expects.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "cli/beside.h"
#include "cli/failure.h"
#include "cli/run.h"
#include "cli/terminal.h"

int main(int argc, char** argv) {
  using namespace chatd::cli;
  holdStandardStreams();
  installSignals();
  std::ios::sync_with_stdio(false);
  DescriptorBuffer buffer(STDOUT_FILENO);
  std::ostream out(&buffer);
  Io io{std::cin, out, std::cerr, ::isatty(STDIN_FILENO) != 0, {}, askOnTerminal};
  io.outIsTerminal = ::isatty(STDOUT_FILENO) != 0;
  io.errIsTerminal = ::isatty(STDERR_FILENO) != 0;
  io.columns = terminalColumns();
  io.deferInterrupt = deferInterrupt;
  io.interrupted = wasInterrupted;
  io.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
  io.runBeside = [](const std::string& program, const std::vector<std::string>& arguments,
                    const std::function<void(const std::string&)>& onErrorLine) {
    return runBeside(program, arguments, onErrorLine, wasInterrupted);
  };
  // A full disk is told here, after run() has said all it could; a reader that left is no failure of ours.
  const int code = run({argv + 1, argv + argc}, io);
  if (buffer.fault() == EPIPE) dieOfClosedPipe();
  if (buffer.fault() == 0) return code;
  std::cerr << "chatctl: cannot write to the standard output: " << std::strerror(buffer.fault()) << '\n';
  return static_cast<int>(Exit::Other);
}

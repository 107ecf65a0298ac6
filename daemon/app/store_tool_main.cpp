// chatd-store: main.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "app/store_tool.h"

namespace {

std::atomic<bool> interrupted{false};

void interrupt(int) { interrupted.store(true); }

}  // namespace

int main(int argc, char** argv) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // What the parent chose to ignore (nohup) stays ignored.
    if (std::signal(number, interrupt) == SIG_IGN) std::signal(number, SIG_IGN);
  }
  chatd::StoreTool tool{.out = std::cout,
                        .err = std::cerr,
                        .terminal = ::isatty(STDERR_FILENO) == 1,
                        .interrupted = [] { return interrupted.load(); },
                        .environment =
                            [](const std::string& name) {
                              const char* value = std::getenv(name.c_str());
                              return std::string(value == nullptr ? "" : value);
                            }};
  return tool.run(std::vector<std::string>(argv + 1, argv + argc));
}

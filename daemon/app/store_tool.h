// The program chatd-store: what is done to a store while no daemon works on it: checking a backup, restoring one, moving
// everything to another database. chatctl calls it. Thread: main.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace chatd {

struct StoreTool {
  std::ostream& out;                  ///< one JSON object: what came of it
  std::ostream& err;                  ///< progress and faults
  bool terminal = false;              ///< `err` is one: the progress is a bar that is drawn over
  std::function<bool()> interrupted;  ///< asked often; true: stop
  std::function<std::string(const std::string& name)> environment;  ///< empty: not set

  /// `arguments`: without the program's name. The exit code, as chatctl's: 0, 2 usage, 3 not found, 6 conflict, 7
  /// not a backup, 8 unreachable, 10 differences found, 130 interrupted, 1 anything else.
  int run(const std::vector<std::string>& arguments);
};

}  // namespace chatd

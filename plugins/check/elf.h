// What a shared library shows to the loader: its exported symbols, and whether it wants an executable stack.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace chatd::plugin_check {

struct LibraryFacts {
  std::vector<std::string> exports;  ///< defined, global or weak, by name
  bool executableStack = false;      ///< asked for, or not said, which is the same
};

/// Of an ELF file of this machine's kind, at most 256 MiB. Errors: Invalid: it is none, or not whole.
[[nodiscard]] Result<LibraryFacts> readLibrary(const std::string& path);

}  // namespace chatd::plugin_check

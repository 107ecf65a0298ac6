#include "cli/private_file.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "cli/visible.h"

namespace chatd::cli {

Outcome<std::string> fileToReplace(const std::string& path) {
  std::error_code fault;
  const auto there = std::filesystem::status(path, fault);
  if (there.type() == std::filesystem::file_type::not_found) return path;
  if (there.type() != std::filesystem::file_type::regular)
    return usage(fmt::format("{} is no regular file", visible(path)),
                 "Name a file; a pipe or a device takes the standard output.");
  const auto target = std::filesystem::canonical(path, fault);
  return fault ? path : target.string();
}

void writePrivately(const std::string& path, const std::string& text) {
  const std::string neighbour = path + ".new";
  {
    std::ofstream out(neighbour, std::ios::binary | std::ios::trunc);
    ::chmod(neighbour.c_str(), S_IRUSR | S_IWUSR);  // before there is something to read
    out << text;
  }
  std::error_code ignored;
  std::filesystem::rename(neighbour, path, ignored);
}

}  // namespace chatd::cli

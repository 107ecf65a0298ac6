#include "cli/private_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace chatd::cli {

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

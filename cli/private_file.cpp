#include "cli/private_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "cli/client.h"
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

Outcome<FileLock> FileLock::take(const std::string& path, bool create) {
  for (;;) {
    FileLock lock;
    lock.descriptor_ = ::open(path.c_str(), O_CLOEXEC | (create ? O_RDWR | O_CREAT : O_RDONLY), S_IRUSR | S_IWUSR);
    if (lock.descriptor_ < 0) return usage(fmt::format("cannot open {}: {}", visible(path), std::strerror(errno)));
    if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      return Failure{Exit::Conflict,
                     "busy",
                     fmt::format("another chatctl is at work on {}", visible(path)),
                     "Wait for its end, or name another file.",
                     {}};
    }
    struct stat held {};
    struct stat there {};
    const bool same = ::fstat(lock.descriptor_, &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
                      held.st_ino == there.st_ino && held.st_dev == there.st_dev;
    // Else who held it has renamed it meanwhile: the lock is on a file that is done.
    if (same || !create) return lock;
  }
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<JsonDocument> readPlace(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) return std::nullopt;
  auto place = parseJson(std::string(std::istreambuf_iterator<char>(in), {}));
  return place.ok() && place->IsObject() ? std::move(*place) : JsonDocument();
}

std::int64_t placeNumber(const JsonValue& place, std::string_view key) {
  const auto value = integerField(place, key);
  return value.ok() ? value.value() : 0;
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

#include "common/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace chatd::plugins {

namespace {

constexpr std::size_t kStep = 64 * 1024;

std::optional<std::string> readAll(int fd, std::size_t most) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (status.st_size > static_cast<off_t>(most)) return std::nullopt;
  std::string out;
  // It may grow while it is read, and what /proc shows as a file has no size.
  for (std::size_t filled = 0;;) {
    out.resize(filled + std::min(kStep, most + 1 - filled));
    const ssize_t got = ::read(fd, out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    filled += static_cast<std::size_t>(got);
    out.resize(filled);
    if (got == 0) return out;
    if (filled > most) return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> readSmallFile(const std::string& path, std::size_t most) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) return std::nullopt;
  // O_NONBLOCK: opening a FIFO would wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  auto text = readAll(fd, most);
  ::close(fd);
  return text;
}

}  // namespace chatd::plugins

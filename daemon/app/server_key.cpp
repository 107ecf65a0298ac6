#include "app/server_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/random.h"

namespace chatd {

namespace {

constexpr std::size_t kBytes = 32;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Error fault(const std::filesystem::path& path, std::string_view what) {
  return Error(Code::Internal, fmt::format("{}: {}", path.string(), what));
}

/// Whole or not at all: written beside, made durable, then moved into place without replacing another's.
Result<void> create(const std::filesystem::path& path, const std::string& key) {
  const std::string temporary = path.string() + ".new";
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return fault(path, fmt::format("cannot be written: {}", std::strerror(errno)));
    if (::write(file.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size()) || ::fsync(file.get()) != 0) {
      return fault(path, fmt::format("cannot be written: {}", std::strerror(errno)));
    }
  }
  const bool linked = ::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const int reason = errno;
  ::unlink(temporary.c_str());
  if (!linked) return fault(path, fmt::format("cannot be written: {}", std::strerror(reason)));
  const Descriptor directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
  return {};
}

}  // namespace

Result<std::string> loadServerKey(const std::filesystem::path& dataDirectory) {
  const std::filesystem::path path = std::filesystem::absolute(dataDirectory) / "server.key";
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file.get() < 0) {
      if (errno != ENOENT || attempt > 0) return fault(path, fmt::format("cannot be read: {}", std::strerror(errno)));
      CHATD_CHECK(create(path, randomBytes(kBytes)));
      continue;
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fault(path, std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return fault(path, "is not a regular file");
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
      return fault(path,
                   "is readable by others; run chmod 600 on it, and register the tokens anew if somebody may have read it");
    }
    std::string key(kBytes + 1, '\0');
    const ssize_t got = ::read(file.get(), key.data(), key.size());
    if (got != static_cast<ssize_t>(kBytes)) {
      return fault(path, "is not 32 bytes long; restore it from the backup, or remove it and register the tokens anew");
    }
    key.resize(kBytes);
    return key;
  }
  return fault(path, "cannot be read");
}

Result<void> storeServerKey(const std::filesystem::path& dataDirectory, const std::string& key) {
  const std::filesystem::path path = std::filesystem::absolute(dataDirectory) / "server.key";
  if (key.size() != kBytes) return Error(Code::Invalid, "The server key in the backup is not 32 bytes long.");
  CHATD_CHECK(create(path, key));
  // create() lets stand what is there.
  CHATD_TRY(kept, loadServerKey(dataDirectory));
  if (kept == key) return {};
  return Error(Code::Conflict, fmt::format("{} is there already, and another: move it away, or restore into an empty data "
                                           "directory.",
                                           path.string()));
}

}  // namespace chatd

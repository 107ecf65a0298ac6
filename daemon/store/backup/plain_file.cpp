#include "store/backup/plain_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace chatd::store {

namespace {

constexpr std::size_t kBuffer = 1u << 20;
// A row of the longest message with everything escaped stays far below; a longer line is damage.
constexpr std::size_t kLongestLine = 64u << 20;

[[noreturn]] void fail(const std::filesystem::path& path) {
  throw std::system_error(errno, std::generic_category(), path.string());
}

void syncPath(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) fail(path);
  const bool synced = ::fsync(fd) == 0;
  const int why = errno;
  ::close(fd);
  errno = why;
  if (!synced) fail(path);
}

}  // namespace

void keepFile(const std::filesystem::path& part, const std::filesystem::path& name) {
  syncPath(part, O_RDONLY);
  // link() and not rename(), which would replace what is there.
  if (::link(part.c_str(), name.c_str()) != 0) fail(name);
  if (::unlink(part.c_str()) != 0) fail(part);
  syncPath(name.parent_path().empty() ? "." : name.parent_path(), O_RDONLY | O_DIRECTORY);
}

NewFile::NewFile(const std::filesystem::path& path)
    : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (fd_ < 0) fail(path_);
  buffer_.reserve(kBuffer);
}

NewFile::~NewFile() { ::close(fd_); }

void NewFile::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBuffer) flush();
}

void NewFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  buffer_.clear();
}

LineReader::LineReader(const std::filesystem::path& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0) fail(path_);
}

LineReader::~LineReader() { ::close(fd_); }

bool LineReader::next(std::string& line) {
  std::size_t from = at_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', from);
    if (end != std::string::npos) {
      line.assign(buffer_, at_, end - at_);
      offset_ += static_cast<std::int64_t>(end + 1 - at_);
      at_ = end + 1;
      return true;
    }
    if (buffer_.size() - at_ > kLongestLine) {
      errno = EOVERFLOW;
      fail(path_);
    }
    from = buffer_.size() - at_;
    if (!fill()) return false;
  }
}

bool LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kBuffer);
  ssize_t n = 0;
  do {
    n = ::read(fd_, buffer_.data() + had, kBuffer);
  } while (n < 0 && errno == EINTR);
  if (n < 0) fail(path_);
  buffer_.resize(had + static_cast<std::size_t>(n));
  return n > 0;
}

void LineReader::seek(std::int64_t offset) {
  if (::lseek(fd_, offset, SEEK_SET) < 0) fail(path_);
  buffer_.clear();
  at_ = 0;
  offset_ = offset;
}

}  // namespace chatd::store

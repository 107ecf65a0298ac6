// NewFile: a file that is whole and on the disk, or not there under its name. LineReader: a file's lines. Thread: the
// caller's. Both throw std::system_error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace chatd::store {

/// Makes the file durable, then gives it its name; never over another. `part` lies in the same folder.
void keepFile(const std::filesystem::path& part, const std::filesystem::path& name);

class NewFile {
 public:
  /// Mode 0600 whatever the umask is; must not exist.
  explicit NewFile(const std::filesystem::path& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  void write(std::string_view bytes);
  void flush();

 private:
  const std::filesystem::path path_;
  int fd_;
  std::string buffer_;
};

class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  /// The next line without its end; false: there is none. A last line without an end is none: the file was cut.
  bool next(std::string& line);
  /// Where the next line begins, and to go there.
  [[nodiscard]] std::int64_t offset() const { return offset_; }
  void seek(std::int64_t offset);

 private:
  bool fill();

  const std::filesystem::path path_;
  int fd_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace chatd::store

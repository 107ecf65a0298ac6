// DriverError: a failure of SQLite on a call that does not go through Poco. Stops at GroupCommitter and Readers.
#pragma once

#include <stdexcept>
#include <string>

namespace chatd::store {

class DriverError : public std::runtime_error {
 public:
  DriverError(int code, const std::string& text) : std::runtime_error(text), code_(code) {}
  /// SQLite's extended result code.
  [[nodiscard]] int code() const { return code_; }

 private:
  int code_;
};

}  // namespace chatd::store

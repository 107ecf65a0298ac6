// The process side of Io: standard streams on descriptors, questions on /dev/tty, signals. Used by main() alone.
#pragma once

#include <cstddef>
#include <optional>
#include <streambuf>
#include <string>
#include <vector>

namespace chatd::cli {

/// A buffered writer on a descriptor that remembers why it failed: std::cout does not tell a closed pipe from a full disk.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor);
  /// errno of the first failed write; 0 while all went well.
  [[nodiscard]] int fault() const { return fault_; }

 protected:
  int_type overflow(int_type c) override;
  int sync() override;

 private:
  bool drain();

  int descriptor_;
  int fault_ = 0;
  std::vector<char> buffer_;
};

/// One line from /dev/tty, without echo if `secret`. Nothing if there is no terminal or the input ends. At most 4096 bytes.
[[nodiscard]] std::optional<std::string> askOnTerminal(const std::string& prompt, bool secret);

/// A standard stream that is closed would be the next file or socket that is opened, and get what is written to it. They are
/// opened on /dev/null, the output so that writing to it fails. Before anything else is opened.
void holdStandardStreams();

/// SIGINT ends with 130, SIGTERM and SIGHUP by themselves, all with the terminal's echo put back. SIGPIPE becomes EPIPE:
/// a daemon that hangs up while we send must not kill us.
void installSignals();

/// Columns of the terminal on the standard output; 0 if it is none.
[[nodiscard]] std::size_t terminalColumns();

/// From now on the first of these signals only makes wasInterrupted() true; a second one ends as before.
void deferInterrupt();
[[nodiscard]] bool wasInterrupted();

/// Ends as a program whose reader went away should: killed by SIGPIPE, silently.
[[noreturn]] void dieOfClosedPipe();

}  // namespace chatd::cli

// PluginProcess: one chatd-plugin-host, its socket and what waits to be sent to it. Takes nothing that it says for granted:
// datagrams are bounded and put together by hostwire::Assembler, and a process that does not read has a bound too.
// Owned by PluginSupervisor. Thread: the supervisor's, which must be the one that starts processes and must live as long as
// they do: the kernel ends them with the thread that started them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/plugin_library.h"
#include "host/wire.h"

namespace chatd {

class PluginProcess {
 public:
  /// Starts `program` with the file. Errors: Internal with the reason.
  static Result<std::unique_ptr<PluginProcess>> start(const std::string& program, const PluginFile& file);
  /// Kills it if it still runs, and waits for its end.
  ~PluginProcess();
  PluginProcess(const PluginProcess&) = delete;
  PluginProcess& operator=(const PluginProcess&) = delete;

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] int pidFd() const { return pidFd_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// False: so much waits already that it was not taken; the process does not read.
  [[nodiscard]] bool send(hostwire::Type type, std::uint64_t id, const std::string& payload);
  /// Writes what waits, as far as the socket takes it.
  void flush();
  [[nodiscard]] bool wantsToWrite() const { return !outbox_.empty(); }

  enum class Heard : std::uint8_t { Some, Closed, Nonsense };
  /// Reads at most 64 datagrams and hands the messages over. Closed: the other side is gone. Nonsense: what came is no
  /// message; there is no way to go on.
  [[nodiscard]] Heard receive(const std::function<void(hostwire::Message&&)>& take);

  /// Ends it, if it still runs, and says how it ended: "was killed by signal 11 (Segmentation fault)".
  [[nodiscard]] std::string end();

 private:
  PluginProcess(pid_t pid, int pidFd, int socket) : pid_(pid), pidFd_(pidFd), socket_(socket) {}

  const pid_t pid_;
  const int pidFd_;
  const int socket_;
  bool ended_ = false;
  std::deque<std::string> outbox_;  ///< datagrams
  std::size_t outboxBytes_ = 0;
  hostwire::Assembler assembler_;
  std::vector<char> buffer_;
};

}  // namespace chatd

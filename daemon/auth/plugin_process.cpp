#include "auth/plugin_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace chatd {

namespace {

constexpr std::size_t kMaxOutbox = 8 * 1024 * 1024;
constexpr int kDatagramsARead = 64;
// Where the process expects its socket and the plugin's file.
constexpr int kSocket = 3;
constexpr int kLibrary = 4;

Error failed(const char* what, int number) {
  return {Code::Internal, fmt::format("{}: {}", what, std::generic_category().message(number))};
}

struct Descriptor {
  explicit Descriptor(int number = -1) : fd(number) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd;
};

class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

/// Starts it with three standard descriptors on /dev/null, its socket, the file, and nothing else: no descriptor, signal
/// mask or environment of the daemon's. `socket` and `library` must be above kLibrary.
int spawn(const std::string& program, int socket, int library, pid_t& pid) {
  SpawnPlan plan;
  ::posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&plan.actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&plan.actions, 1, 2);
  ::posix_spawn_file_actions_adddup2(&plan.actions, socket, kSocket);
  ::posix_spawn_file_actions_adddup2(&plan.actions, library, kLibrary);
  ::posix_spawn_file_actions_addclosefrom_np(&plan.actions, kLibrary + 1);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&plan.attributes, &none);
  ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
  ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "chatd-plugin-host";
  std::string parent = std::to_string(::getpid());
  std::string locale = "LC_ALL=C.UTF-8";
  std::array<char*, 3> argv = {name.data(), parent.data(), nullptr};
  std::array<char*, 2> environment = {locale.data(), nullptr};
  return ::posix_spawn(&pid, program.c_str(), &plan.actions, &plan.attributes, argv.data(), environment.data());
}

}  // namespace

Result<std::unique_ptr<PluginProcess>> PluginProcess::start(const std::string& program, const PluginFile& file) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) return failed("socketpair", errno);
  Descriptor ours(pair[0]);
  const Descriptor theirs(pair[1]);
  ::fcntl(ours.fd, F_SETFL, O_NONBLOCK);
  // Copies out of the way of the numbers that they become.
  const Descriptor socket(::fcntl(theirs.fd, F_DUPFD_CLOEXEC, kLibrary + 1));
  const Descriptor library(::fcntl(file.fd(), F_DUPFD_CLOEXEC, kLibrary + 1));
  if (socket.fd < 0 || library.fd < 0) return failed("dup", errno);
  pid_t pid = 0;
  if (const int fault = spawn(program, socket.fd, library.fd, pid); fault != 0) {
    return failed(("starting " + program).c_str(), fault);
  }
  const int pidFd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidFd < 0) {
    const int fault = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return failed("pidfd_open", fault);
  }
  return std::unique_ptr<PluginProcess>(new PluginProcess(pid, pidFd, std::exchange(ours.fd, -1)));
}

PluginProcess::~PluginProcess() {
  if (!ended_) static_cast<void>(end());
  ::close(pidFd_);
  ::close(socket_);
}

bool PluginProcess::send(hostwire::Type type, std::uint64_t id, const std::string& payload) {
  if (outboxBytes_ + payload.size() > kMaxOutbox) return false;
  for (std::string& datagram : hostwire::datagrams(type, id, payload)) {
    outboxBytes_ += datagram.size();
    outbox_.push_back(std::move(datagram));
  }
  flush();
  return true;
}

void PluginProcess::flush() {
  while (!outbox_.empty()) {
    const std::string& next = outbox_.front();
    const ssize_t sent = ::send(socket_, next.data(), next.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return;
    // Sent; or the other side is gone, which reading finds out.
    outboxBytes_ -= next.size();
    outbox_.pop_front();
  }
}

PluginProcess::Heard PluginProcess::receive(const std::function<void(hostwire::Message&&)>& take) {
  if (buffer_.empty()) buffer_.resize(hostwire::kMaxDatagram + 1);
  for (int i = 0; i < kDatagramsARead; ++i) {
    const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? Heard::Some : Heard::Closed;
    if (got == 0) return Heard::Closed;
    hostwire::Message message;
    switch (assembler_.take({buffer_.data(), static_cast<std::size_t>(got)}, message)) {
      case hostwire::Assembler::State::Broken:
        return Heard::Nonsense;
      case hostwire::Assembler::State::More:
        break;
      case hostwire::Assembler::State::Whole:
        take(std::move(message));
        break;
    }
  }
  return Heard::Some;
}

std::string PluginProcess::end() {
  if (ended_) return "has ended";
  ended_ = true;
  siginfo_t info{};
  // Has it ended by itself? Then that is how; else we end it.
  const auto wait = [&](int options) { return ::waitid(P_PIDFD, static_cast<id_t>(pidFd_), &info, WEXITED | options); };
  if (wait(WNOHANG) == 0 && info.si_pid == 0) {
    ::kill(pid_, SIGKILL);
    while (wait(0) != 0 && errno == EINTR) {
    }
  }
  if (info.si_code == CLD_EXITED) return fmt::format("ended with exit code {}", info.si_status);
  const char* name = ::strsignal(info.si_status);
  return fmt::format("was killed by signal {} ({})", info.si_status, name != nullptr ? name : "?");
}

}  // namespace chatd

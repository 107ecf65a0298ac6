// chatctl as a process: how it ends when it is interrupted, when its reader leaves, when the disk is full; and that a
// password typed at a terminal is not shown.
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

#include "unit/cli/fake_daemon.h"

namespace chatd::test {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{60};

std::vector<char*> argumentsOf(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

/// Starts chatctl with this standard output and error; returns the pid.
pid_t start(std::vector<std::string> words, int out, const std::string& home) {
  words.insert(words.begin(), CHATCTL_BINARY);
  const auto arguments = argumentsOf(words);
  const pid_t child = ::fork();
  if (child != 0) return child;
  // Whoever runs the tests in the background may have Ctrl-C ignored, and chatctl respects that.
  ::signal(SIGINT, SIG_DFL);
  ::setenv("XDG_CONFIG_HOME", home.c_str(), 1);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
  ::execv(CHATCTL_BINARY, arguments.data());
  ::_exit(127);
}

int waitFor(pid_t child) {
  int status = 0;
  BOOST_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
  return status;
}

/// Reads the terminal until `wanted` has come; all that came.
std::string readUntil(int terminal, const std::string& wanted) {
  std::string text;
  std::array<char, 512> block{};
  pollfd watched{terminal, POLLIN, 0};
  for (const auto deadline = Clock::now() + kPatience; Clock::now() < deadline && text.find(wanted) == std::string::npos;) {
    if (::poll(&watched, 1, 100) <= 0) continue;
    const ssize_t n = ::read(terminal, block.data(), block.size());
    if (n <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  return text;
}

bool echoes(int terminal) {
  termios state{};
  return ::tcgetattr(terminal, &state) == 0 && (state.c_lflag & ECHO) != 0;
}

/// chatctl login on a terminal of its own.
struct LoginOnTerminal {
  FakeDaemon daemon;
  int terminal = -1;
  pid_t child = -1;

  LoginOnTerminal() {
    const std::string home = daemon.folder() + "/config";
    std::vector<std::string> words = {CHATCTL_BINARY, "login", "--server", daemon.tcp(), "--login", "root"};
    const auto arguments = argumentsOf(words);
    child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
      ::signal(SIGINT, SIG_DFL);
      ::setenv("XDG_CONFIG_HOME", home.c_str(), 1);
      ::execv(CHATCTL_BINARY, arguments.data());
      ::_exit(127);
    }
  }
  ~LoginOnTerminal() { ::close(terminal); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cli_process)

BOOST_AUTO_TEST_CASE(an_interrupt_ends_with_130) {
  FakeDaemon daemon;
  daemon.failNext(Fault::Silence);
  const pid_t child = start({"app", "list", "--server", daemon.tcp()}, STDERR_FILENO, daemon.folder());
  BOOST_REQUIRE(daemon.waitForRequest(kPatience));
  ::kill(child, SIGINT);
  const int status = waitFor(child);
  BOOST_CHECK(WIFEXITED(status));
  BOOST_CHECK_EQUAL(WEXITSTATUS(status), 130);
}

BOOST_AUTO_TEST_CASE(a_reader_that_left_ends_it_silently_and_a_full_disk_does_not) {
  std::array<int, 2> pipe{};
  BOOST_REQUIRE_EQUAL(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ::close(pipe[0]);
  const int left = waitFor(start({"--help"}, pipe[1], "/nonexistent"));
  BOOST_CHECK(WIFSIGNALED(left));
  BOOST_CHECK_EQUAL(WTERMSIG(left), SIGPIPE);
  ::close(pipe[1]);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  const int status = waitFor(start({"--help"}, full, "/nonexistent"));
  BOOST_CHECK(WIFEXITED(status));
  BOOST_CHECK_EQUAL(WEXITSTATUS(status), 1);
  ::close(full);
}

BOOST_AUTO_TEST_CASE(a_typed_password_is_not_shown_and_arrives) {
  LoginOnTerminal login;
  login.daemon.answerNext({200, R"({"token":"ca_1","expiresAt":"2026-01-02T00:00:00.000Z"})"});
  std::string shown = readUntil(login.terminal, "Password: ");
  BOOST_CHECK(!echoes(login.terminal));
  const std::string typed = "hunter2\n";
  BOOST_REQUIRE_EQUAL(::write(login.terminal, typed.data(), typed.size()), static_cast<ssize_t>(typed.size()));
  shown += readUntil(login.terminal, "logged in");
  BOOST_CHECK_EQUAL(shown.find("hunter2"), std::string::npos);
  BOOST_CHECK_EQUAL(WEXITSTATUS(waitFor(login.child)), 0);
  BOOST_CHECK_EQUAL(login.daemon.seen().at(0).body, R"({"login":"root","password":"hunter2"})");
}

BOOST_AUTO_TEST_CASE(an_interrupt_at_the_password_puts_the_echo_back) {
  LoginOnTerminal login;
  BOOST_REQUIRE(readUntil(login.terminal, "Password: ").find("Password: ") != std::string::npos);
  BOOST_CHECK(!echoes(login.terminal));
  const char controlC = 3;
  BOOST_REQUIRE_EQUAL(::write(login.terminal, &controlC, 1), 1);
  const int status = waitFor(login.child);
  BOOST_CHECK(WIFEXITED(status));
  BOOST_CHECK_EQUAL(WEXITSTATUS(status), 130);
  BOOST_CHECK(echoes(login.terminal));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chatd::test

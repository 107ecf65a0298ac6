#include "cli/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace chatd::cli {

namespace {

constexpr std::size_t kBuffer = 16384;
constexpr std::size_t kMaxLine = 4096;
constexpr int kSignalled = 128;  // what a shell adds to the number of a signal

// Written before and cleared after a secret is asked; read by the signal handler, so plain data and a flag.
termios savedTerminal;
volatile std::sig_atomic_t savedDescriptor = -1;
volatile std::sig_atomic_t interruptDeferred = 0;
volatile std::sig_atomic_t interruptSeen = 0;

void restoreEcho() {
  if (savedDescriptor >= 0) ::tcsetattr(savedDescriptor, TCSANOW, &savedTerminal);
}

void onSignal(int number) {
  if (interruptDeferred != 0 && interruptSeen == 0) {
    interruptSeen = 1;
    return;
  }
  restoreEcho();
  if (number == SIGINT) ::_exit(kSignalled + SIGINT);
  std::signal(number, SIG_DFL);
  ::raise(number);
}

void hideEcho(int descriptor) {
  if (::tcgetattr(descriptor, &savedTerminal) != 0) return;
  savedDescriptor = descriptor;
  termios silent = savedTerminal;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(descriptor, TCSAFLUSH, &silent);
}

bool writeAll(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(descriptor, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<std::string> readLine(int descriptor) {
  std::string line;
  char c = 0;
  while (line.size() < kMaxLine) {
    const ssize_t n = ::read(descriptor, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    if (c == '\n') return line;
    line.push_back(c);
  }
  return std::nullopt;
}

}  // namespace

DescriptorBuffer::DescriptorBuffer(int descriptor) : descriptor_(descriptor), buffer_(kBuffer) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

bool DescriptorBuffer::drain() {
  if (fault_ != 0) return false;
  if (!writeAll(descriptor_, pbase(), static_cast<std::size_t>(pptr() - pbase()))) {
    fault_ = errno;
    return false;
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return true;
}

DescriptorBuffer::int_type DescriptorBuffer::overflow(int_type c) {
  if (!drain()) return traits_type::eof();
  if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

int DescriptorBuffer::sync() { return drain() ? 0 : -1; }

std::optional<std::string> askOnTerminal(const std::string& prompt, bool secret) {
  const int tty = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (tty < 0) return std::nullopt;
  if (secret) hideEcho(tty);
  std::optional<std::string> line;
  if (writeAll(tty, prompt.data(), prompt.size())) line = readLine(tty);
  if (secret) {
    restoreEcho();
    savedDescriptor = -1;
    writeAll(tty, "\n", 1);
  }
  ::close(tty);
  return line;
}

std::size_t terminalColumns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void deferInterrupt() { interruptDeferred = 1; }
bool wasInterrupted() { return interruptSeen != 0; }

void holdStandardStreams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one.
    static_cast<void>(::open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY));
  }
}

void installSignals() {
  struct sigaction action {};
  action.sa_handler = onSignal;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited {};
    // What the parent chose to ignore (nohup, a background job) stays ignored.
    if (::sigaction(number, nullptr, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
      ::sigaction(number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

void dieOfClosedPipe() {
  std::signal(SIGPIPE, SIG_DFL);
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::sigprocmask(SIG_UNBLOCK, &pipe, nullptr);  // Poco blocks it before main()
  ::raise(SIGPIPE);
  ::_exit(kSignalled + SIGPIPE);  // not reached; the compiler cannot know
}

}  // namespace chatd::cli

#include "cli/beside.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

namespace chatd::cli {

namespace {

constexpr int kSignalled = 128;
constexpr int kLookMs = 100;  // between two looks at `interrupted`
constexpr std::size_t kMostOutput = 16UL << 20U;
constexpr std::size_t kMostLine = 64UL << 10U;

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
  }
  [[nodiscard]] bool open() { return ::pipe2(ends.data(), O_CLOEXEC) == 0; }
  [[nodiscard]] int reader() const { return ends[0]; }
  [[nodiscard]] int writer() const { return ends[1]; }
  void closeWriter() {
    ::close(ends[1]);
    ends[1] = -1;
  }
};

/// In the child: becomes the program, or tells through `fault` why it cannot.
[[noreturn]] void become(std::vector<char*>& words, int out, int err, int fault, pid_t parent) {
  // The program works on a store: without us nobody would know whether it still does.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kSignalled + SIGKILL);  // we are gone already
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execv(words.front(), words.data());
  const int number = errno;
  // A pipe takes four bytes whole; who reads nothing takes it for a start.
  if (::write(fault, &number, sizeof number) != static_cast<ssize_t>(sizeof number)) ::_exit(kSignalled - 1);
  ::_exit(kSignalled - 1);
}

/// Takes whole lines out of `text`.
void giveLines(std::string& text, const std::function<void(const std::string&)>& onLine) {
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
    onLine(text.substr(0, end));
    text.erase(0, end + 1);
  }
  if (text.size() > kMostLine) text.clear();
}

/// What there is to read; false at the end.
bool readSome(int descriptor, std::string& to) {
  std::array<char, 16384> block{};
  const ssize_t n = ::read(descriptor, block.data(), block.size());
  if (n < 0) return errno == EINTR;
  to.append(block.data(), static_cast<std::size_t>(n));
  return n > 0;
}

int codeOf(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status); }

}  // namespace

BesideRun runBeside(const std::string& program, const std::vector<std::string>& arguments,
                    const std::function<void(const std::string& line)>& onErrorLine,
                    const std::function<bool()>& interrupted) {
  std::error_code ignored;
  std::string path = (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / program).string();
  std::vector<std::string> all{path};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  words.reserve(all.size() + 1);
  for (std::string& word : all) words.push_back(word.data());
  words.push_back(nullptr);

  const auto failed = [&path](int number) { return BesideRun{-1, {}, path + ": " + std::strerror(number)}; };
  Pipe out;
  Pipe err;
  Pipe fault;
  if (!out.open() || !err.open() || !fault.open()) return failed(errno);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return failed(errno);
  if (child == 0) become(words, out.writer(), err.writer(), fault.writer(), parent);
  for (Pipe* pipe : {&out, &err, &fault}) pipe->closeWriter();
  int number = 0;
  if (::read(fault.reader(), &number, sizeof number) == static_cast<ssize_t>(sizeof number)) {
    ::waitpid(child, nullptr, 0);
    return failed(number);
  }

  BesideRun ran;
  std::string said;
  bool told = false;
  std::array<pollfd, 2> watched{{{out.reader(), POLLIN, 0}, {err.reader(), POLLIN, 0}}};
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    ::poll(watched.data(), watched.size(), kLookMs);
    if (!told && interrupted && interrupted()) told = ::kill(child, SIGINT) == 0;
    if (watched[0].fd >= 0 && watched[0].revents != 0 && !readSome(watched[0].fd, ran.out)) watched[0].fd = -1;
    if (watched[1].fd >= 0 && watched[1].revents != 0 && !readSome(watched[1].fd, said)) watched[1].fd = -1;
    giveLines(said, onErrorLine);
    if (ran.out.size() > kMostOutput) ::kill(child, SIGKILL);
  }
  if (!said.empty()) onErrorLine(said);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  ran.code = codeOf(status);
  return ran;
}

}  // namespace chatd::cli

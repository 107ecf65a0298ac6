#include "support/postgres_server.h"

#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace chatd::test {

namespace {

constexpr const char* kInstalled = "/usr/lib/postgresql";
constexpr auto kPatience = std::chrono::seconds(60);

// Runs a program as who may run PostgreSQL; its pid. It goes with the thread that started it.
pid_t launch(const std::vector<std::string>& words, const std::filesystem::path& log) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const passwd* user = ::getuid() == 0 ? ::getpwnam("postgres") : nullptr;
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int out = ::open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(125);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  ::execv(argv[0], argv.data());
  ::_exit(126);
}

std::vector<pid_t> childrenOf(pid_t parent) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream status(entry.path() / "status");
    for (std::string word; status >> word;) {
      if (word != "PPid:") continue;
      pid_t of = 0;
      if (status >> of && of == parent) found.push_back(static_cast<pid_t>(std::stol(name)));
      break;
    }
  }
  return found;
}

}  // namespace

std::optional<std::filesystem::path> PostgresServer::programs() {
  int newest = 0;
  if (!std::filesystem::is_directory(kInstalled)) return std::nullopt;
  for (const auto& entry : std::filesystem::directory_iterator(kInstalled)) {
    if (std::filesystem::exists(entry.path() / "bin/initdb"))
      newest = std::max(newest, std::atoi(entry.path().filename().c_str()));
  }
  if (newest == 0) return std::nullopt;
  return std::filesystem::path(kInstalled) / std::to_string(newest) / "bin";
}

PostgresServer& PostgresServer::shared() {
  static PostgresServer server;
  return server;
}

PostgresServer::PostgresServer(const std::vector<std::string>& settings) : settings_(settings) {
  const auto bin = programs();
  if (!bin) throw std::runtime_error("PostgreSQL is not installed: apt-get install postgresql");
  std::string name = (std::filesystem::temp_directory_path() / "chatd-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  if (const passwd* user = ::getuid() == 0 ? ::getpwnam("postgres") : nullptr) {
    if (::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) throw std::runtime_error("cannot give the folder away");
  }
  const pid_t made = launch(
      {*bin / "initdb", "-D", folder_ / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"},
      folder_ / "log");
  int status = 0;
  if (::waitpid(made, &status, 0) != made || status != 0) {
    std::ifstream log(folder_ / "log");
    throw std::runtime_error("initdb failed: " + std::string(std::istreambuf_iterator<char>(log), {}));
  }
  // The user `guarded` needs a password, the others none.
  std::ofstream(folder_ / "data/pg_hba.conf") << "local all guarded scram-sha-256\nlocal all all trust\n";
  start();
}

PostgresServer::~PostgresServer() {
  signalAll(SIGCONT);
  ::kill(pid_, SIGINT);
  ::waitpid(pid_, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void PostgresServer::start() {
  std::vector<std::string> words = {*programs() / "postgres",
                                    "-D",
                                    folder_ / "data",
                                    "-k",
                                    folder_,
                                    "-c",
                                    "listen_addresses=",
                                    "-c",
                                    "fsync=off",
                                    "-c",
                                    "max_connections=60",
                                    "-c",
                                    "shared_buffers=32MB"};
  for (const std::string& setting : settings_) {
    words.push_back("-c");
    words.push_back(setting);
  }
  pid_ = launch(words, folder_ / "log");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (PQping(url("postgres").c_str()) != PQPING_OK) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_ || std::chrono::steady_clock::now() > deadline) {
      std::ifstream log(folder_ / "log");
      throw std::runtime_error("postgres does not start: " + std::string(std::istreambuf_iterator<char>(log), {}));
    }
    std::this_thread::yield();
  }
}

std::string PostgresServer::createDatabase() {
  std::string name = "test" + std::to_string(++databases_);
  run("postgres", "CREATE DATABASE " + name);
  return name;
}

std::string PostgresServer::url(const std::string& database, const std::string& userInfo) const {
  return "postgresql://" + userInfo + "@/" + database + "?host=" + folder_.string();
}

void PostgresServer::signalAll(int signal) const {
  ::kill(pid_, signal);
  for (const pid_t child : childrenOf(pid_)) ::kill(child, signal);
}

std::string PostgresServer::run(const std::string& database, const std::string& sql) const {
  return PostgresSession(url(database)).run(sql);
}

PostgresSession::PostgresSession(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
  if (PQstatus(connection_) != CONNECTION_OK) {
    const std::string why = PQerrorMessage(connection_);
    PQfinish(connection_);
    throw std::runtime_error(why);
  }
  PQsetNoticeProcessor(
      connection_, [](void*, const char*) {}, nullptr);
}

std::string PostgresSession::run(const std::string& sql) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection_, sql.c_str()), &PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(connection_));
  return PQntuples(result.get()) > 0 && PQnfields(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace chatd::test

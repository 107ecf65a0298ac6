// A PostgreSQL of a test's own: a fresh cluster in a temporary folder, listening on a Unix socket in it, stopped with the
// object or with the process that made it. It refuses root, so as root it runs as the user `postgres`.
// fsync is off: what is killed here are processes, never the machine.
#pragma once

#include <libpq-fe.h>
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chatd::test {

class PostgresServer {
 public:
  /// The one of this process, started when first asked for. Throws std::runtime_error if it does not start.
  static PostgresServer& shared();
  /// The newest installed server's folder of programs, if there is one.
  static std::optional<std::filesystem::path> programs();

  explicit PostgresServer(const std::vector<std::string>& settings = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// A new, empty database; its name.
  std::string createDatabase();
  [[nodiscard]] std::string url(const std::string& database, const std::string& userInfo = "postgres") const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// The server and every process of it: SIGSTOP, SIGCONT.
  void signalAll(int signal) const;
  /// Runs SQL on a connection of its own; the first value, if there is one. Throws std::runtime_error.
  std::string run(const std::string& database, const std::string& sql) const;

 private:
  void start();

  std::filesystem::path folder_;
  std::vector<std::string> settings_;
  pid_t pid_ = -1;
  int databases_ = 0;
};

/// A plain connection, to do what another program would do to the database.
class PostgresSession {
 public:
  explicit PostgresSession(const std::string& url);
  ~PostgresSession() { PQfinish(connection_); }
  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;
  /// The first value, if there is one. Throws std::runtime_error.
  std::string run(const std::string& sql);
  [[nodiscard]] PGconn* handle() { return connection_; }

 private:
  PGconn* connection_;
};

}  // namespace chatd::test

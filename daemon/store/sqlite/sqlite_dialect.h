// SqliteDialect: SQLite in WAL mode with synchronous=FULL; one connection writes and checkpoints (3.40.1 can corrupt a
// database when two connections checkpoint), the others only read. Owned by Store. Thread: as Dialect says.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>

#include "base/clock.h"
#include "store/dialect.h"
#include "store/recent_sends.h"
#include "store/sqlite/sqlite_copy_sql.h"

namespace chatd::store {

class SqliteDialect final : public Dialect {
 public:
  /// `path` empty: a database in memory, gone with the connection.
  SqliteDialect(std::filesystem::path path, std::chrono::milliseconds timeout, const Clock& clock);
  ~SqliteDialect() override;

  [[nodiscard]] std::string shown() const override { return "sqlite:" + path_.string(); }
  Result<void> claim() override;
  void release() override;
  [[nodiscard]] Result<void> whole() override;
  [[nodiscard]] std::unique_ptr<Connection> connectWriter(Time until) override;
  [[nodiscard]] std::unique_ptr<BatchWriter> batchWriter(Connection& connection) override;
  [[nodiscard]] std::unique_ptr<Connection> connectReader(Time until) override;
  [[nodiscard]] bool exclusive() const override { return true; }
  [[nodiscard]] bool readersShareWriter() const override { return path_.empty(); }
  [[nodiscard]] bool batchesCommitThemselves() const override { return false; }
  void begin(Connection& connection) override;
  void commit(Connection& connection) override;
  void rollback(Connection& connection) override;
  [[nodiscard]] std::string mark() const override { return {}; }
  [[nodiscard]] std::optional<bool> committed(Connection&, const std::string&) override { return false; }
  [[nodiscard]] const std::vector<Migration>& migrations() const override { return sqliteMigrations(); }
  [[nodiscard]] bool lockSchema(Connection&) override { return true; }  // begin() has the database's one write lock
  void runScript(Connection& connection, const std::string& sql) override;
  bool copyToFile(Connection& reader, const std::filesystem::path& file, const std::function<bool(int)>& progress) override;
  [[nodiscard]] const CopySql& copySql() const override { return copySql_; }
  [[nodiscard]] std::string wordsOf(const std::exception& e) const override;
  [[nodiscard]] Fault judge(Connection& connection, const std::exception& e, bool committing) const override;
  bool tend(Connection& connection, bool idle) override;

 private:
  [[nodiscard]] std::unique_ptr<Connection> connect() const;

  const std::filesystem::path path_;
  const std::chrono::milliseconds timeout_;
  const Clock& clock_;
  const SqliteCopySql copySql_;
  RecentSends sends_;  // commit thread
  int lock_ = -1;      // descriptor of the locked folder
  int walPages_ = 0;   // in the log since the last checkpoint; commit thread
};

}  // namespace chatd::store

// PostgresqlDialect: PostgreSQL 13 and newer. One connection writes for each dialect of a daemon, the others read; several
// daemons may share the database. Owned by Store. Thread: as Dialect says.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "store/dialect.h"
#include "store/postgresql/pg_connect.h"
#include "store/postgresql/pg_copy_sql.h"
#include "store/postgresql/postgresql_batch.h"

namespace chatd::store {

class PostgresqlDialect final : public Dialect {
 public:
  /// `timeout`: the longest that a caller waits for the database; a call may take half of it, so that there is time for a
  /// second one.
  PostgresqlDialect(PgUrl url, std::chrono::milliseconds timeout, const Clock& clock);

  [[nodiscard]] std::string shown() const override { return shown_; }
  Result<void> claim() override { return {}; }
  void release() override {}
  [[nodiscard]] Result<void> unserved(Connection& connection) override;
  [[nodiscard]] std::unique_ptr<Dialect> another(std::size_t number) const override;
  [[nodiscard]] std::unique_ptr<Connection> connectWriter(Time until) override;
  [[nodiscard]] std::unique_ptr<BatchWriter> batchWriter(Connection& connection) override;
  [[nodiscard]] std::unique_ptr<Connection> connectReader(Time until) override;
  [[nodiscard]] bool exclusive() const override { return false; }
  [[nodiscard]] bool readersShareWriter() const override { return false; }
  [[nodiscard]] bool batchesCommitThemselves() const override { return true; }
  void begin(Connection& connection) override;
  void commit(Connection& connection) override;
  void rollback(Connection& connection) override;
  [[nodiscard]] std::string mark() const override { return transaction_; }
  [[nodiscard]] std::optional<bool> committed(Connection& connection, const std::string& mark) override;
  [[nodiscard]] const std::vector<Migration>& migrations() const override { return postgresqlMigrations(); }
  [[nodiscard]] bool lockSchema(Connection& connection) override;
  void runScript(Connection& connection, const std::string& sql) override;
  [[nodiscard]] const CopySql& copySql() const override { return copySql_; }
  [[nodiscard]] bool mayPass(const std::exception& e) const override;
  [[nodiscard]] std::string wordsOf(const std::exception& e) const override;
  [[nodiscard]] Fault judge(Connection& connection, const std::exception& e, bool committing) const override;
  bool tend(Connection&, bool) override { return false; }

 private:
  PostgresqlDialect(const PostgresqlDialect& first, std::size_t number);

  const std::string shown_;
  const std::chrono::milliseconds timeout_;
  const Clock& clock_;
  const PgCopySql copySql_;
  const std::shared_ptr<PgConnector> connector_;  // of all the daemon's connections
  const std::string daemon_;                      // names the daemon among those that share the database
  const std::string name_;                        // of the connection that writes: its daemon and its number
  // Commit thread; before it runs, the thread that opens.
  PgWriter writer_;
  std::string transaction_;
};

}  // namespace chatd::store

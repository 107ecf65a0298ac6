// PgRunner: a connection's kept statements on libpq: prepared once by the server, parameters and results as text.
// Owned by the Connection, used on its thread; throws PgError.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <unordered_map>

#include "store/statement_runner.h"

namespace chatd::store {

class PgRunner final : public StatementRunner {
 public:
  /// `connection` outlives it.
  explicit PgRunner(PGconn* connection) : connection_(connection) {}

  void run(const void* key, const char* sql, std::span<const Value> params, const Cell& cell) override;
  void forget(const void* key) override;
  void execute(const char* sql) override;

 private:
  const std::string& prepared(const void* key, const char* sql, std::size_t params);

  PGconn* connection_;
  std::unordered_map<const void*, std::string> names_;
  std::size_t prepared_ = 0;  // since the connection was made: no name comes twice
};

}  // namespace chatd::store

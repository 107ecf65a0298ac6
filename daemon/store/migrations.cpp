#include "store/migrations.h"

#include <fmt/format.h>

#include "store/connection.h"
#include "store/dialect.h"

namespace chatd::store {

namespace {

constexpr Sql<In<>> kCreateVersion{"CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)"};
constexpr Sql<In<>, Out<Int>> kVersion{"SELECT COALESCE(MAX(version), 0) FROM schema_version"};
constexpr Sql<In<Int>> kAddVersion{"INSERT INTO schema_version (version) VALUES ($1)"};

}  // namespace

Result<void> migrate(Connection& connection, Dialect& dialect) {
  const auto& all = dialect.migrations();
  // Everything in one transaction: it holds the lock from the look at the version to the last step, so that of two
  // processes one migrates and the other finds it done, and a step that fails leaves the old schema whole.
  dialect.begin(connection);
  connection.run(kCreateVersion);
  const Int have = connection.run(kVersion).at<0>(0);
  if (have > static_cast<Int>(all.size())) {
    dialect.rollback(connection);
    return Error(Code::Conflict,
                 fmt::format("The database has schema {}, made by a newer chatd; this one knows up to {}. Run the newer "
                             "chatd, or restore a backup from before the upgrade.",
                             have, all.size()));
  }
  for (const Migration& step : all) {
    if (step.number <= have) continue;
    dialect.runScript(connection, step.sql);
    connection.run(kAddVersion, step.number);
  }
  dialect.commit(connection);
  return {};
}

}  // namespace chatd::store

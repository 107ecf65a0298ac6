#include "store/migrations.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "store/connection.h"
#include "store/dialect.h"

namespace chatd::store {

namespace {

constexpr Sql<In<>> kCreateVersion{"CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)"};
constexpr Sql<In<>, Out<Int>> kVersion{"SELECT COALESCE(MAX(version), 0) FROM schema_version"};
constexpr Sql<In<Int>> kAddVersion{"INSERT INTO schema_version (version) VALUES ($1)"};

using namespace std::chrono_literals;

// Another process migrates: how long it is waited for, and how often it is asked.
constexpr auto kPatience = 10min;
constexpr auto kAskEvery = 100ms;

}  // namespace

Result<void> migrate(Connection& connection, Dialect& dialect) {
  const auto& all = dialect.migrations();
  // Everything in one transaction: it holds the lock from the look at the version to the last step, so that of two
  // processes one migrates and the other finds it done, and a step that fails leaves the old schema whole.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  dialect.begin(connection);
  while (!dialect.lockSchema(connection)) {
    dialect.rollback(connection);
    if (std::chrono::steady_clock::now() > until) {
      return Error(Code::StoreUnavailable, "Another chatd has been changing the schema of the database for ten minutes.");
    }
    std::this_thread::sleep_for(kAskEvery);
    dialect.begin(connection);
  }
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

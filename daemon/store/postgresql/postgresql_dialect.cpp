#include "store/postgresql/postgresql_dialect.h"

#include <fmt/format.h>

#include <thread>

#include "base/text.h"
#include "store/connection.h"
#include "store/postgresql/pg_error.h"

namespace chatd::store {

namespace {

constexpr Sql<In<>> kBegin{"BEGIN"};
constexpr Sql<In<>> kCommit{"COMMIT"};
constexpr Sql<In<Text, Int>, Out<Text>> kFence{"SELECT chatd_begin($1::uuid, $2::bigint)"};
constexpr Sql<In<Text>, Out<OptText>> kStatus{"SELECT pg_xact_status($1::xid8)"};
constexpr Sql<In<Text, Int>, Out<Int, Int>> kOpenWriter{
    "SELECT o_generation, o_last_id FROM chatd_open_writer($1::uuid, $2::bigint)"};
// What our own connection before has open keeps us out: the server has not noticed yet that its client is gone.
constexpr Sql<In<Text>, Out<Int>> kEndOld{
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()"};
// A daemon has its writing connections, which bear its name (name_), from its start to its end.
constexpr Sql<In<>, Out<Int>> kDaemons{
    "SELECT count(DISTINCT split_part(application_name, '/', 2)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE 'chatd/%'"};
constexpr Sql<In<Text>, Out<Text>> kName{"SELECT set_config('application_name', $1, false)"};
// One migrates, the others wait. The number is arbitrary, and ours.
constexpr Sql<In<>, Out<Int>> kLockSchema{"SELECT pg_try_advisory_xact_lock(4846391570432851)::int"};

// The order of an append rests on READ COMMITTED: each statement sees what was committed before it began. The limits of the
// server end what a client has given up; the client's own limit is CallWatch.
constexpr const char* kWriterSettings =
    "SET default_transaction_isolation = 'read committed'; SET jit = off; SET lock_timeout = '{0}ms'; "
    "SET statement_timeout = '{1}ms'; SET idle_in_transaction_session_timeout = '{1}ms'; "
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
constexpr const char* kReaderSettings =
    "SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on; SET jit = off; "
    "SET statement_timeout = '{0}ms'; SET idle_in_transaction_session_timeout = '{0}ms'; SET application_name = 'chatd'";
constexpr const char* kUnlimited = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";

constexpr std::chrono::milliseconds kLeaving{1500};
constexpr std::chrono::milliseconds kLookAgain{50};
// Of a job, for a row that somebody else holds.
constexpr std::chrono::milliseconds kLockTimeout{100};

std::string uuidOf(const SendId& id) { return toHex({reinterpret_cast<const char*>(id.data()), id.size()}); }

std::string nameOf(const std::string& daemon, std::size_t number) { return fmt::format("chatd/{}/{}", daemon, number); }

// Empty: it is not the server that spoke.
std::string stateOf(const std::exception& e) {
  const auto* ours = dynamic_cast<const PgError*>(&e);
  return ours != nullptr ? ours->state() : std::string();
}

FaultKind kindOf(const std::string& state) {
  const std::string_view kind = std::string_view(state).substr(0, 2);
  if (kind == "22" || kind == "23" || kind == "54") return FaultKind::Constraint;
  if (state == "40001" || state == "40P01" || state == "55P03") return FaultKind::Contended;
  // Another connection may find a server that takes it: this one was shut out, demoted, or is a pooler's.
  if (state == "CH001" || state == "25006" || state == "26000" || state == "25P03" || kind == "08") return FaultKind::Stale;
  return FaultKind::NothingStored;
}

}  // namespace

PostgresqlDialect::PostgresqlDialect(PgUrl url, std::chrono::milliseconds timeout, const Clock& clock)
    : shown_(url.shown),
      timeout_(timeout),
      clock_(clock),
      connector_(std::make_shared<PgConnector>(std::move(url), timeout / 2)),
      daemon_(uuidOf(randomSendId())),
      name_(nameOf(daemon_, 0)) {}

PostgresqlDialect::PostgresqlDialect(const PostgresqlDialect& first, std::size_t number)
    : shown_(first.shown_),
      timeout_(first.timeout_),
      clock_(first.clock_),
      connector_(first.connector_),
      daemon_(first.daemon_),
      name_(nameOf(daemon_, number)) {}

std::unique_ptr<Dialect> PostgresqlDialect::another(std::size_t number) const {
  return std::unique_ptr<Dialect>(new PostgresqlDialect(*this, number));
}

std::unique_ptr<Connection> PostgresqlDialect::connectWriter(Time until) {
  auto connection = connector_->connect(until);
  connection->execute(fmt::format(kWriterSettings, kLockTimeout.count(), timeout_.count()).c_str());
  return connection;
}

Result<void> PostgresqlDialect::unserved(Connection& connection) {
  Int daemons = 0;
  // One that was stopped just now may not have left the server's list yet.
  const auto until = std::chrono::steady_clock::now() + kLeaving;
  for (;;) {
    daemons = connection.run(kDaemons).at<0>(0);
    if (daemons == 0) return {};
    if (std::chrono::steady_clock::now() > until) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  return Error(Code::Conflict,
               fmt::format("{} {} the database {}. Stop {} first.", daemons,
                           daemons == 1 ? "daemon serves" : "daemons serve", shown_, daemons == 1 ? "it" : "them"));
}

std::unique_ptr<BatchWriter> PostgresqlDialect::batchWriter(Connection& connection) {
  try {
    const auto& row = connection.run(kOpenWriter, uuidOf(writer_.id), micros(clock_.wall()));
    writer_.generation = row.at<0>(0);
    writer_.lastId = std::max(writer_.lastId, row.at<1>(0));
  } catch (const PgError& e) {
    if (kindOf(e.state()) == FaultKind::Contended) connection.run(kEndOld, name_);
    throw;
  }
  connection.run(kName, name_);
  return std::make_unique<PostgresqlBatch>(pgHandle(connection), *connection.limit(), clock_, writer_);
}

std::unique_ptr<Connection> PostgresqlDialect::connectReader(Time until) {
  auto connection = connector_->connect(until);
  connection->execute(fmt::format(kReaderSettings, timeout_.count()).c_str());
  return connection;
}

void PostgresqlDialect::begin(Connection& connection) {
  transaction_.clear();
  connection.run(kBegin);
  // Before the schema is there, there are no writers to be shut out.
  if (connection.hasBatchWriter()) transaction_ = connection.run(kFence, uuidOf(writer_.id), writer_.generation).at<0>(0);
}

void PostgresqlDialect::commit(Connection& connection) { connection.run(kCommit); }

void PostgresqlDialect::rollback(Connection& connection) {
  switch (PQtransactionStatus(pgHandle(connection))) {
    case PQTRANS_IDLE:
      return;
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
      return connection.execute("ROLLBACK");
    default:
      throw PgError("", "the connection is lost");
  }
}

std::optional<bool> PostgresqlDialect::committed(Connection& connection, const std::string& mark) {
  const auto& rows = connection.run(kStatus, mark);
  if (rows.at<0>(0).isNull()) return std::nullopt;
  const std::string& status = rows.at<0>(0).value();
  if (status == "in progress") return std::nullopt;
  return status == "committed";
}

bool PostgresqlDialect::lockSchema(Connection& connection) { return connection.run(kLockSchema).at<0>(0) == 1; }

void PostgresqlDialect::runScript(Connection& connection, const std::string& sql) {
  connection.execute(kUnlimited);
  CallWatch::unlimited(*connection.limit(), true);
  try {
    connection.execute(sql.c_str());
  } catch (...) {
    CallWatch::unlimited(*connection.limit(), false);
    throw;
  }
  CallWatch::unlimited(*connection.limit(), false);
}

// Nobody answered, it is starting or full, or it is a standby for the moment. A password or a database that it does not know
// is for the administrator, who had better hear of it at once.
bool PostgresqlDialect::mayPass(const std::exception& e) const {
  const std::string state = stateOf(e);
  return state.empty() || state.starts_with("08") || state.starts_with("57P") || state.starts_with("53") || state == "25006";
}

std::string PostgresqlDialect::wordsOf(const std::exception& e) const {
  const auto* poco = dynamic_cast<const Poco::Exception*>(&e);
  const std::string state = stateOf(e);
  return fmt::format("PostgreSQL: {}{}{}", poco != nullptr ? poco->displayText() : std::string(e.what()),
                     state.empty() ? "" : " ", state);
}

Fault PostgresqlDialect::judge(Connection& connection, const std::exception& e, bool committing) const {
  const std::string state = stateOf(e);
  std::string text = wordsOf(e);
  if (PQstatus(pgHandle(connection)) == CONNECTION_BAD || state.starts_with("57P")) {
    return {committing ? FaultKind::Unknown : FaultKind::Stale, std::move(text)};
  }
  const FaultKind kind = kindOf(state);
  // Its words may hold what was in the row.
  if (kind == FaultKind::Constraint) text = "PostgreSQL: a value or a row was refused: " + state;
  return {kind, std::move(text)};
}

}  // namespace chatd::store

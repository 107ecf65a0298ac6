#include "store/copy/database_copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/dialect.h"

namespace chatd::store {

namespace {

struct Place {
  std::string lastKey;  // empty: nothing was copied yet
  Int copied = 0;
  bool done = false;
};
using Places = std::map<std::string, Place, std::less<>>;

constexpr Sql<In<>, Out<Text, Text, Text, Int, Int>> kPlaces{
    "SELECT table_name, source, last_key, copied, done FROM store_copy"};
constexpr Sql<In<Text, Text>> kAddPlace{
    "INSERT INTO store_copy (table_name, source, last_key, copied, done) VALUES ($1, $2, '', 0, 0)"};
constexpr Sql<In<Text, Int, Text>> kSetPlace{
    "UPDATE store_copy SET last_key = $1, copied = copied + $2 WHERE table_name = $3"};
constexpr Sql<In<Text>> kSetDone{"UPDATE store_copy SET done = 1 WHERE table_name = $1"};
// Of the tables, the messages are nearly all; counting rows would read all of them.
constexpr Sql<In<>, Out<Int>> kMessages{
    "SELECT CAST(COALESCE(SUM(last_seq - first_seq + 1), 0) AS BIGINT) FROM room_counter"};
constexpr Sql<In<>> kForgetPlaces{"DELETE FROM store_copy"};
// The first part of an epoch is its room's own; a suffix of a restore before goes.
constexpr Sql<In<Text>> kRenewEpochs{"UPDATE room_counter SET epoch = SUBSTR(epoch, 1, 16) || $1"};

class Transaction {
 public:
  Transaction(Dialect& dialect, Connection& connection) : dialect_(dialect), connection_(connection) {
    dialect_.begin(connection_);
  }
  ~Transaction() {
    if (done_) return;
    try {
      dialect_.rollback(connection_);
    } catch (const std::exception&) {
      // The exception under way says more, and the connection goes with it.
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    dialect_.commit(connection_);
    done_ = true;
  }

 private:
  Dialect& dialect_;
  Connection& connection_;
  bool done_ = false;
};

bool hasRows(Connection& connection, const Table& table) {
  const std::string text = fmt::format("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT 1) AS one", table.name);
  const Sql<In<>, Out<Int>> sql{text.c_str()};
  const bool found = connection.run(sql).at<0>(0) > 0;
  connection.forget(&sql);
  return found;
}

/// Errors: Conflict.
Result<Places> claimTarget(Connection& target, Dialect& dialect, const std::string& source) {
  Transaction transaction(dialect, target);
  Places places;
  const auto& rows = target.run(kPlaces);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.at<1>(i) != source) {
      return Error(Code::Conflict, fmt::format("The target is half of a copy from {}. Finish that, or give an empty target.",
                                               rows.at<1>(i)));
    }
    places[rows.at<0>(i)] = {rows.at<2>(i), rows.at<3>(i), rows.at<4>(i) != 0};
  }
  if (!places.empty()) return places;
  for (const Table& table : storeTables()) {
    if (hasRows(target, table)) {
      return Error(Code::Conflict,
                   fmt::format("The target is not empty: it has rows in {}. Give an empty target.", table.name));
    }
  }
  for (const Table& table : storeTables()) {
    target.run(kAddPlace, std::string(table.name), source);
    places[std::string(table.name)] = {};
  }
  transaction.commit();
  return places;
}

void copyTable(RowSource& source, Connection& target, Dialect& dialect, const Table& table, const Place& place,
               const RowsDone& done) {
  const std::string name(table.name);
  TableFill fill(target, dialect.copySql(), table);
  source.read(table, place.lastKey, [&](const std::vector<std::string>& rows, const std::string& lastKey) {
    Transaction transaction(dialect, target);
    fill.write(rows);
    // In the transaction of the rows: whatever happens, the two agree.
    target.run(kSetPlace, lastKey, static_cast<Int>(rows.size()), name);
    transaction.commit();
    if (!done(static_cast<std::int64_t>(rows.size()))) throw Cancelled();
  });
  Transaction transaction(dialect, target);
  target.run(kSetDone, name);
  transaction.commit();
}

Result<Sums> compare(RowSource& source, Connection& target, const CopySql& sql, const RowsDone& done) {
  const Sums expected = source.sums(done);
  Sums found = sumsOf(target, sql, done);
  const std::string different = differences(expected, found);
  if (!different.empty()) {
    return Error(Code::Invalid,
                 fmt::format("The copy is not the source: {}. The source was written meanwhile, or one of the "
                             "two is damaged. Begin again with an empty target.",
                             different));
  }
  return found;
}

void finish(RowSource& source, Connection& target, Dialect& dialect, const std::string& epochSuffix) {
  Transaction transaction(dialect, target);
  for (const auto& [name, value] : source.counters()) {
    if (value > 0) setCounter(target, dialect.copySql(), name, value);
  }
  if (!epochSuffix.empty()) renewEpochs(target, epochSuffix);
  if (const auto script = dialect.copySql().finish(); !script.empty()) dialect.runScript(target, script);
  target.run(kForgetPlaces);
  transaction.commit();
}

}  // namespace

std::int64_t DatabaseSource::total() { return std::max<Int>(1, connection_.run(kMessages).at<0>(0)); }

void DatabaseSource::read(const Table& table, const std::string& after, const Page& page) {
  TableScan scan(connection_, sql_, table, after);
  for (;;) {
    const auto& rows = scan.next();
    if (rows.empty()) return;
    page(rows, scan.lastKey());
  }
}

Result<Sums> copyStore(RowSource& source, Connection& target, Dialect& dialect, const CopyOrder& order) {
  CHATD_CHECK(dialect.unserved(target));
  CHATD_TRY(places, claimTarget(target, dialect, order.source));
  CopyProgress progress;
  progress.total = source.total();
  const RowsDone done = [&](std::int64_t rows) {
    progress.rows += rows;
    return order.progress(progress);
  };
  for (const auto& [name, place] : places) progress.rows += place.copied;
  for (const Table& table : storeTables()) {
    const Place& place = places[std::string(table.name)];
    if (!place.done) copyTable(source, target, dialect, table, place, done);
  }
  progress = {CopyProgress::Phase::Comparing, 0, 2 * progress.total};
  CHATD_TRY(sums, compare(source, target, dialect.copySql(), done));
  finish(source, target, dialect, order.epochSuffix);
  return sums;
}

void renewEpochs(Connection& connection, const std::string& suffix) { connection.run(kRenewEpochs, suffix); }

std::optional<std::string> unfinishedCopy(Connection& connection) {
  const auto& rows = connection.run(kPlaces);
  return rows.empty() ? std::nullopt : std::optional(rows.at<1>(0));
}

}  // namespace chatd::store

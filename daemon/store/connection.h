// Connection: one database session with its kept statements, and SQL as typed constants: what goes in and comes out is part
// of the constant's type. Parameters are $1, $2 … in order of first use, which both dialects read the same way.
// Owned by a ConnectionPool; used by one thread at a time. Everything here throws what the driver throws: the exceptions
// stop at GroupCommitter and at ConnectionPool's readers.
#pragma once

#include <Poco/Data/Session.h>
#include <Poco/Data/Statement.h>
#include <Poco/Nullable.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "store/batch_writer.h"
#include "store/call_limit.h"
#include "store/statement_runner.h"

namespace chatd::store {

using Int = std::int64_t;
using Text = std::string;
using OptInt = Poco::Nullable<std::int64_t>;
using OptText = Poco::Nullable<std::string>;

template <class... T>
struct In {};
template <class... T>
struct Out {};

/// One statement. Define it once, as a constant: its address is what the kept form is found by.
template <class Params, class Columns = Out<>>
struct Sql {
  const char* text;
};

/// The rows of one run, by column. Valid until the same statement runs again on the same connection.
template <class... C>
class Rows {
 public:
  [[nodiscard]] std::size_t size() const {
    if constexpr (sizeof...(C) == 0) {
      return 0;
    } else {
      return std::get<0>(columns_).size();
    }
  }
  [[nodiscard]] bool empty() const { return size() == 0; }
  template <std::size_t I>
  [[nodiscard]] const auto& at(std::size_t row) const {
    return std::get<I>(columns_)[row];
  }

 private:
  friend class Connection;
  void clear() {
    std::apply([](auto&... column) { (column.clear(), ...); }, columns_);
  }
  void add(std::size_t column, const char* text, std::size_t size) {
    std::size_t i = 0;
    std::apply([&](auto&... each) { ((i++ == column ? addCell(each, text, size) : void()), ...); }, columns_);
  }
  std::tuple<std::vector<C>...> columns_;
};

class Connection {
 public:
  explicit Connection(Poco::Data::Session session);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs a kept statement with these parameters.
  template <class... P, class... C, class... A>
  const Rows<C...>& run(const Sql<In<P...>, Out<C...>>& sql, const A&... args) {
    static_assert(sizeof...(P) == sizeof...(A), "one argument a parameter");
    using Kept = KeptSql<std::tuple<P...>, C...>;
    const CallLimit::Guard guard(limit_.get());
    ++runs_;
    auto& slot = kept_[&sql];
    if (runner_) {
      if (!slot) slot = std::make_unique<KeptRows<C...>>();
      auto& rows = static_cast<KeptRows<C...>&>(*slot).rows;
      rows.clear();
      const std::array<StatementRunner::Value, sizeof...(P)> params{valueOf(P(args))...};
      runner_->run(&sql, sql.text, params,
                   [&rows](std::size_t column, const char* text, std::size_t size) { rows.add(column, text, size); });
      return rows;
    }
    if (!slot) slot = std::make_unique<Kept>(session_, sql.text);
    auto& kept = static_cast<Kept&>(*slot);
    kept.params = std::tuple<P...>(P(args)...);
    kept.rows.clear();
    try {
      kept.statement.execute();
    } catch (...) {
      // A statement that failed stays in the middle of its run and would go on with the old parameters: make it anew.
      kept_.erase(&sql);
      throw;
    }
    return kept.rows;
  }

  /// For a statement that was made at run time, before its Sql goes: what is kept is found by its address.
  void forget(const void* sql) {
    kept_.erase(sql);
    if (runner_) runner_->forget(sql);
  }

  /// For statements that differ in kind and not in values: transaction control, pragmas.
  void execute(const char* sql);

  [[nodiscard]] Poco::Data::Session& session() { return session_; }

  /// Statements run since the last call.
  [[nodiscard]] std::uint64_t takeRuns() { return std::exchange(runs_, 0); }
  /// Bounds every call from now on; null: nothing does, it is a database in this process.
  void setLimit(std::unique_ptr<CallLimit> limit) { limit_ = std::move(limit); }
  [[nodiscard]] CallLimit* limit() const { return limit_.get(); }

  /// Statements run by it from now on; null: by Poco.
  void setRunner(std::unique_ptr<StatementRunner> runner) { runner_ = std::move(runner); }

  /// The append path's own statements; only on the writing connection.
  void setBatchWriter(std::unique_ptr<BatchWriter> writer) { batchWriter_ = std::move(writer); }
  [[nodiscard]] BatchWriter& batchWriter() { return *batchWriter_; }
  [[nodiscard]] bool hasBatchWriter() const { return batchWriter_ != nullptr; }

 private:
  struct KeptBase {
    virtual ~KeptBase() = default;
  };
  template <class... C>
  struct KeptRows final : KeptBase {
    Rows<C...> rows;
  };
  template <class Params, class... C>
  struct KeptSql final : KeptBase {
    KeptSql(Poco::Data::Session& session, const char* text) : statement(session) {
      statement << text;
      std::apply([this](auto&... p) { (statement.addBind(Poco::Data::Keywords::use(p)), ...); }, params);
      std::apply([this](auto&... c) { (statement.addExtract(Poco::Data::Keywords::into(c)), ...); }, rows.columns_);
    }
    Params params;  // the statement holds references to both
    Rows<C...> rows;
    Poco::Data::Statement statement;
  };

  std::unique_ptr<CallLimit> limit_;  // until the session is gone
  Poco::Data::Session session_;
  std::uint64_t runs_ = 0;
  std::unique_ptr<StatementRunner> runner_;
  std::unordered_map<const void*, std::unique_ptr<KeptBase>> kept_;
  std::unique_ptr<BatchWriter> batchWriter_;  // its statements go before the session does
};

// Between the domain's optionals and the driver's.
[[nodiscard]] inline OptText nullable(const std::optional<std::string>& v) { return v ? OptText(*v) : OptText(); }
[[nodiscard]] inline OptInt nullable(const std::optional<Timestamp>& v) { return v ? OptInt(micros(*v)) : OptInt(); }
[[nodiscard]] inline std::optional<std::string> optional(const OptText& v) {
  return v.isNull() ? std::nullopt : std::optional<std::string>(v.value());
}
[[nodiscard]] inline std::optional<Timestamp> optionalTime(const OptInt& v) {
  return v.isNull() ? std::nullopt : std::optional<Timestamp>(fromMicros(v.value()));
}

}  // namespace chatd::store

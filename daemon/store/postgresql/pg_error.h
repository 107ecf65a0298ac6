// PgError: a failure of PostgreSQL on a call that does not go through Poco. Stops at GroupCommitter and Readers.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace chatd::store {

class PgError : public std::runtime_error {
 public:
  PgError(std::string state, const std::string& text) : std::runtime_error(text), state_(std::move(state)) {}
  /// Five characters; empty: the connection failed and the server said nothing.
  [[nodiscard]] const std::string& state() const { return state_; }

 private:
  std::string state_;
};

struct PgClear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgClear>;

/// Throws PgError unless it is a success. `connection` is where it came from.
inline PgResult checked(PGconn* connection, PGresult* raw) {
  PgResult result(raw);
  switch (PQresultStatus(raw)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      return result;
    default: {
      const char* state = raw == nullptr ? nullptr : PQresultErrorField(raw, PG_DIAG_SQLSTATE);
      const char* text = raw == nullptr ? nullptr : PQresultErrorField(raw, PG_DIAG_MESSAGE_PRIMARY);
      throw PgError(state == nullptr ? "" : state, text == nullptr ? PQerrorMessage(connection) : text);
    }
  }
}

}  // namespace chatd::store

#include "store/sqlite/kept_statement.h"

namespace chatd::store {

namespace {

void check(sqlite3* handle, int code) {
  if (code != SQLITE_OK) throw DriverError(sqlite3_extended_errcode(handle), sqlite3_errmsg(handle));
}

}  // namespace

KeptStatement::KeptStatement(sqlite3* handle, const char* sql) : handle_(handle) {
  check(handle_, sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
}

KeptStatement::Run& KeptStatement::Run::bind(std::int64_t v) {
  check(kept_.handle_, sqlite3_bind_int64(kept_.statement_, next_++, v));
  return *this;
}

KeptStatement::Run& KeptStatement::Run::bind(std::string_view v) {
  // An empty view may have no address, which would bind NULL.
  const char* data = v.data() == nullptr ? "" : v.data();
  check(kept_.handle_, sqlite3_bind_text64(kept_.statement_, next_++, data, v.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

KeptStatement::Run& KeptStatement::Run::bindNull() {
  check(kept_.handle_, sqlite3_bind_null(kept_.statement_, next_++));
  return *this;
}

bool KeptStatement::Run::step() {
  const int code = sqlite3_step(kept_.statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw DriverError(sqlite3_extended_errcode(kept_.handle_), sqlite3_errmsg(kept_.handle_));
}

std::string KeptStatement::Run::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(kept_.statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(kept_.statement_, column))};
}

}  // namespace chatd::store

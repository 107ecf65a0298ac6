// PgCopySql: CopySql by PostgreSQL's JSON functions. Thread: any (pure).
#pragma once

#include "store/copy/copy_sql.h"

namespace chatd::store {

class PgCopySql final : public CopySql {
 public:
  [[nodiscard]] std::string select(const Table& table, bool after) const override;
  [[nodiscard]] std::string insert(const Table& table) const override;
  [[nodiscard]] std::string readCounter(std::string_view name) const override;
  [[nodiscard]] std::string writeCounter(std::string_view name) const override;
  /// Without statistics the planner looks for a message of a room in all of the room.
  [[nodiscard]] std::string finish() const override { return "ANALYZE"; }
};

}  // namespace chatd::store

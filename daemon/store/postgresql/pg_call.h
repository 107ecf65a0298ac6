// pgCall: one call of a prepared statement whose parameters are all binary. Thread: the connection's.
#pragma once

#include <span>
#include <string>

#include "store/call_limit.h"
#include "store/postgresql/pg_array.h"
#include "store/postgresql/pg_error.h"

namespace chatd::store {

enum class PgForm : int { Text = 0, Binary = 1 };

/// Parameters: `scalars` (in pgBytes' form), then `arrays`. `answer`: the form of the result's values. Throws PgError, also
/// at the end of the limit's time.
[[nodiscard]] PgResult pgCall(PGconn* connection, CallLimit& limit, const char* name, std::span<const std::string> scalars,
                              std::span<PgArray* const> arrays, PgForm answer);

}  // namespace chatd::store

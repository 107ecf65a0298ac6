// PgUrl: store.url of a PostgreSQL: who parses it is libpq, so what it takes is what every PostgreSQL client takes: several
// hosts, percent-encoding, sslmode, target_session_attrs. The password is kept apart from what may be printed.
// Pure. Thread: any (a value).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "observe/secret.h"

namespace chatd::store {

struct PgUrl {
  std::vector<std::pair<std::string, std::string>> settings;  ///< libpq keyword and value, without the password
  Secret password;                                            ///< empty: none was given; libpq looks where it always does
  std::string shown;  ///< for logs and errors: postgresql://user@host:port,host:port/database
};

[[nodiscard]] bool isPgUrl(std::string_view url);

/// `url` as `postgresql://[user[:password]@][host[:port]][,…][/database][?name=value&…]`.
/// Errors: Invalid, in words that hold nothing of the URL.
[[nodiscard]] Result<PgUrl> parsePgUrl(const std::string& url);

}  // namespace chatd::store

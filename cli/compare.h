// Is what the server has what was asked for? For `ensure`, `apply` and `diff`, which write nothing if it is. Pure. Thread:
// any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace chatd::cli {

enum class Match {
  Same,
  Different,
  Masked,  ///< the same as far as can be seen: the server shows a secret as ***
};

/// The later of Same < Masked < Different.
[[nodiscard]] Match worse(Match a, Match b);

/// An app document against a body of PATCH /app: settings by the members given, verifiers as the whole chain.
[[nodiscard]] Match compareApp(const JsonValue& app, const JsonValue& wanted);
/// A user or room document against a body: by the members given, each as a whole. appId, appUserId, room, type and users are
/// who it is, and are left out.
[[nodiscard]] Match compareFields(const JsonValue& actual, const JsonValue& wanted);

/// What differs, a line a field: "firstName: "Ada" -> "Eva"". `prefix` stands before the names of fields. Of a verifier's
/// configuration no value is shown that might be a secret: the server shows those as ***.
void appendDifferences(const JsonValue& actual, const JsonValue& wanted, const std::string& prefix,
                       std::vector<std::string>& lines);

}  // namespace chatd::cli

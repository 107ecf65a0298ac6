// Room grants from a claim or an answer of JSON, for the bundled verifiers. Pure. Thread: any.
#pragma once

#include <string>

#include "base/json.h"
#include "sdk/chatd_plugin.hpp"

/// A member of a verifier's schema.
#define CHATD_GRANTS_SCHEMA                                                                             \
  R"("grantsClaim": {"type": "string", "minLength": 1, "maxLength": 256, "description": ")"             \
  R"(may be a path; a list of {\"room\": glob, \"permissions\": [\"read\", \"write\", \"moderate\"]} )" \
  R"(that narrows what the user may do; without the claim nothing is narrowed, an empty list allows nothing"})"

namespace chatd::plugins {

/// Puts the grants at `path` (empty: none are looked for) into the answer. False: there is something that is no list of at
/// most 64 grants; the answer must not be an ALLOW then.
[[nodiscard]] bool takeGrants(const JsonValue& claims, const std::string& path, chatd_sdk::Answer& answer);

}  // namespace chatd::plugins

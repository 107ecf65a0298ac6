// What the bundled verifiers share about users and claims: ids, times, the mapping of names. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace chatd::plugins {

/// The member at a path such as "user.id"; a member whose name is the whole path comes first. Nothing: none.
[[nodiscard]] const JsonValue* at(const JsonValue& object, std::string_view path);

/// A user's id as text: plain text of 1 to 255 bytes or an integer. Nothing: it cannot be one.
[[nodiscard]] std::optional<std::string> userIdOf(const JsonValue& value);

/// A NumericDate (RFC 7519, section 2: seconds, maybe with a fraction) in milliseconds. Nothing: it is no time.
[[nodiscard]] std::optional<std::int64_t> numericDateMs(const JsonValue& value);

/// Which claim gives which field of a new user.
struct NameMapping {
  std::string display = "name", first = "given_name", middle = "middle_name", last = "family_name", avatar = "picture";
};
/// Reads "names" of a configuration, which the schema has checked.
[[nodiscard]] NameMapping namesOf(const JsonValue& config);

/// The schema of that member.
#define CHATD_NAMES_SCHEMA                                                                                                     \
  R"("names": {"type": "object", "additionalProperties": false, "description": "claims that name a new user", )"               \
  R"("properties": {"display": {"type": "string", "default": "name"}, "first": {"type": "string", "default": "given_name"}, )" \
  R"("middle": {"type": "string", "default": "middle_name"}, "last": {"type": "string", "default": "family_name"}, )"          \
  R"("avatar": {"type": "string", "default": "picture"}}})"

/// A text claim of at most 255 bytes; empty: none.
[[nodiscard]] std::string textClaim(const JsonValue& claims, std::string_view path);
/// The claims as chatd takes them: firstName, middleName and lastName from the mapping, then all others as they are, as long
/// as it all fits into 16 KiB.
[[nodiscard]] std::string claimsJson(const JsonValue& claims, const NameMapping& names);

}  // namespace chatd::plugins

// Checks a verifier's configuration against the JSON Schema that its plugin publishes, in words for the admin who wrote it.
// Used by the daemon for foreign plugins, by the bundled ones for themselves, and by the checker. Thread: any.
//
// Understood, of draft 2020-12: type, enum, const, required, properties, additionalProperties, minProperties, items,
// minItems, maxItems, minLength, maxLength (bytes), minimum, maximum, anyOf, oneOf. Everything else is left to the plugin: a
// regular expression, above all, may cost any time.
#pragma once

#include <string_view>

#include "base/result.h"

namespace chatd {

/// Errors: Invalid; its detail begins with the path of what is wrong: "keys[0].alg: must be one of "RS256", "ES256"". An
/// empty schema takes any JSON object.
[[nodiscard]] Result<void> checkConfig(std::string_view schema, std::string_view config);

}  // namespace chatd

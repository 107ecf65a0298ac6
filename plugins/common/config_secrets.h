// A verifier's configuration as it may be listed: what its plugin's schema marks with `"writeOnly": true` is shown as ***.
// Used by the daemon for every plugin. Pure. Thread: any.
//
// A value is secret if any schema that applies to it says writeOnly true (of alternatives all count, a pattern of names
// counts for every name); if none does and one says false, it is not; if none says anything, its name decides: secret,
// password, key, token, credential, passphrase, authorization, headers. A secret is hidden whole, also if it is an object or
// a list. A reference that cannot be followed (to another document, or nowhere) hides: what is meant may say writeOnly. What
// looks like a URL and is no secret itself is shown as maskedUrl() has it.
#pragma once

#include <string>
#include <string_view>

namespace chatd {

struct ListedConfig {
  std::string json;
  bool hasMask = false;  ///< the given one has *** where a secret belongs: somebody sends back what was listed
};

/// `schema`: the plugin's, empty if it has none. What is no JSON object is listed as {}.
[[nodiscard]] ListedConfig listedConfig(std::string_view schema, std::string_view config);
/// As long as nobody knows the plugin's schema: names alone.
[[nodiscard]] ListedConfig listedNames(std::string_view config);

}  // namespace chatd

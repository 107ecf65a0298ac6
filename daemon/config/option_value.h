// One value of an option: read from YAML under its row's rules, written as YAML, and the rules for texts. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/option_table.h"

namespace YAML {
class Node;
}

namespace chatd {

/// Stores the value of `node` by the row, or says what is wrong with it (without the value, if the row is secret).
[[nodiscard]] std::optional<std::string> setOption(const OptionRow& row, const YAML::Node& node, Options& options);
/// The same from text. `yaml` comes from our own table or an environment variable.
[[nodiscard]] std::optional<std::string> setOption(const OptionRow& row, const std::string& yaml, Options& options);

/// The value as one line of YAML that setOption reads back. Secrets are not hidden: for comparing, not for printing.
[[nodiscard]] std::string optionText(const OptionRow& row, const Options& options);

/// "127.0.0.1:8080", "[::1]:8080", "localhost:0". Errors: Invalid, with what is wrong.
[[nodiscard]] Result<Listener> parseListener(std::string_view text);

// What is wrong with a text, or nothing.
[[nodiscard]] std::optional<std::string> checkPath(std::string_view path);
/// May be empty.
[[nodiscard]] std::optional<std::string> checkFolder(std::string_view path);
[[nodiscard]] std::optional<std::string> checkPluginFolder(std::string_view path);
[[nodiscard]] std::optional<std::string> checkPluginSecret(std::string_view entry);
[[nodiscard]] std::optional<std::string> checkSocketPath(std::string_view path);  // may be empty
[[nodiscard]] std::optional<std::string> checkToken(std::string_view token);      // may be empty
[[nodiscard]] std::optional<std::string> checkStoreUrl(std::string_view url);
[[nodiscard]] std::optional<std::string> checkRedisUrl(std::string_view url);
[[nodiscard]] std::optional<std::string> checkOrigin(std::string_view origin);
[[nodiscard]] std::optional<std::string> checkProxy(std::string_view proxy);

}  // namespace chatd

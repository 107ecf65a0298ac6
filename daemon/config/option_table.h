// The table of options: one row an option. Everything about options comes from here: parsing, environment names, defaults,
// the reload plan, etc/chatd.yaml and the manual. To add an option, add a member to Options and a row. Thread: any
// (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/options.h"

namespace chatd {

/// What SIGHUP does with a change.
enum class Reload : std::uint8_t {
  Live,     ///< takes effect at once, or for what begins from now on
  Restart,  ///< is told and takes effect at the next start
};

/// Says what is wrong with a text, or nothing.
using TextCheck = std::optional<std::string> (*)(std::string_view);

// The kinds of values: how one is stored and read back, and what is allowed.
struct IntegerKind {
  void (*set)(Options&, std::int64_t);
  std::int64_t (*get)(const Options&);
  std::int64_t least;
  std::int64_t most;
};
struct BooleanKind {
  void (*set)(Options&, bool);
  bool (*get)(const Options&);
};
struct ChoiceKind {
  void (*set)(Options&, std::size_t);
  std::size_t (*get)(const Options&);
  std::vector<std::string_view> names;  ///< in the order of the enumeration
};
struct TextKind {
  void (*set)(Options&, std::string);
  std::string (*get)(const Options&);
  TextCheck check;
};
struct TextListKind {
  void (*set)(Options&, std::vector<std::string>);
  const std::vector<std::string>& (*get)(const Options&);
  TextCheck check;  ///< of each item
};
struct ListenKind {
  void (*set)(Options&, std::vector<Listener>);
  const std::vector<Listener>& (*get)(const Options&);
};
using OptionKind = std::variant<IntegerKind, BooleanKind, ChoiceKind, TextKind, TextListKind, ListenKind>;

struct OptionRow {
  std::string_view path;      ///< "limits.body_bytes"; at most one dot
  std::string_view standard;  ///< the default, as YAML
  std::string_view dev;       ///< the default under --dev, as YAML; empty: the same
  OptionKind kind;
  std::string_view unit;  ///< "bytes"; empty: none
  Reload reload;
  bool secret;  ///< the value is never printed
  std::string_view doc;
};

/// In the order of the documents: by section.
[[nodiscard]] const std::vector<OptionRow>& optionTable();

/// The row of a path, or nullptr.
[[nodiscard]] const OptionRow* findOption(std::string_view path);

/// "limits.body_bytes" → "CHATD_LIMITS__BODY_BYTES".
[[nodiscard]] std::string environmentName(std::string_view path);

}  // namespace chatd

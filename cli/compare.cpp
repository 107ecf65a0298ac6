#include "cli/compare.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/masked_url.h"

namespace chatd::cli {

namespace {

constexpr std::array<std::string_view, 5> kIdentity = {"appId", "appUserId", "room", "type", "users"};

/// A value as the server would show it if it is a URL: what is secret in it is masked.
std::string shownText(const JsonValue& value) {
  const auto masked = value.IsString() ? maskedUrl(asView(value)) : std::nullopt;
  if (!masked) return toText(value);
  std::string text;
  appendJsonString(text, *masked);
  return text;
}

/// The server does not show all of it, and what it shows could be `wanted`.
bool couldBe(const JsonValue& actual, const JsonValue& wanted) {
  if (!actual.IsString()) return false;
  return asView(actual) == kMask || (wanted.IsString() && maskedUrl(asView(wanted)) == asView(actual));
}

/// Exactly the same value, but for secrets that the server shows as ***.
Match exactly(const JsonValue& actual, const JsonValue& wanted) {
  if (couldBe(actual, wanted)) return Match::Masked;
  if (actual.IsObject() && wanted.IsObject()) {
    if (actual.MemberCount() != wanted.MemberCount()) return Match::Different;
    Match match = Match::Same;
    for (const auto& member : wanted.GetObject()) {
      const JsonValue* value = find(actual, asView(member.name));
      match = worse(match, value == nullptr ? Match::Different : exactly(*value, member.value));
    }
    return match;
  }
  if (actual.IsArray() && wanted.IsArray()) {
    if (actual.Size() != wanted.Size()) return Match::Different;
    Match match = Match::Same;
    for (rapidjson::SizeType i = 0; i < actual.Size(); ++i) match = worse(match, exactly(actual[i], wanted[i]));
    return match;
  }
  return actual == wanted ? Match::Same : Match::Different;
}

/// By the members that `wanted` has, objects by theirs.
Match byMembers(const JsonValue& actual, const JsonValue& wanted) {
  if (!actual.IsObject() || !wanted.IsObject()) return exactly(actual, wanted);
  Match match = Match::Same;
  for (const auto& member : wanted.GetObject()) {
    const JsonValue* value = find(actual, asView(member.name));
    match = worse(match, value == nullptr ? Match::Different : byMembers(*value, member.value));
  }
  return match;
}

/// A verifier: `config` as a whole, the rest by the members given, because the server fills in defaults.
Match compareVerifier(const JsonValue& actual, const JsonValue& wanted) {
  if (!actual.IsObject() || !wanted.IsObject()) return Match::Different;
  Match match = Match::Same;
  for (const auto& member : wanted.GetObject()) {
    const JsonValue* value = find(actual, asView(member.name));
    match = worse(match, value == nullptr ? Match::Different : exactly(*value, member.value));
  }
  return match;
}

Match compareChain(const JsonValue& actual, const JsonValue& wanted) {
  if (!actual.IsArray() || !wanted.IsArray() || actual.Size() != wanted.Size()) return Match::Different;
  Match match = Match::Same;
  for (rapidjson::SizeType i = 0; i < actual.Size(); ++i) match = worse(match, compareVerifier(actual[i], wanted[i]));
  return match;
}

bool isScalar(const JsonValue& value) { return !value.IsObject() && !value.IsArray(); }

/// A value of the file's beside the one that the server shows. Which members of a configuration are secret only its plugin
/// knows; the server masks them. So a value of the file's is shown only where the server shows one of the same type.
std::string wantedText(const JsonValue& actual, const JsonValue& wanted) {
  if (couldBe(actual, wanted)) return "(not shown, and it may be the same)";
  const bool sameType = actual.GetType() == wanted.GetType() || (actual.IsBool() && wanted.IsBool());
  return sameType && isScalar(wanted) ? shownText(wanted) : "(not shown)";
}

/// What differs below a value, a line each.
void appendConfig(const JsonValue& actual, const JsonValue& wanted, const std::string& path,
                  std::vector<std::string>& lines) {
  if (exactly(actual, wanted) == Match::Same) return;
  if (actual.IsArray() && wanted.IsArray() && actual.Size() == wanted.Size()) {
    for (rapidjson::SizeType i = 0; i < actual.Size(); ++i)
      appendConfig(actual[i], wanted[i], fmt::format("{}[{}]", path, i), lines);
    return;
  }
  if (!actual.IsObject() || !wanted.IsObject()) {
    lines.push_back(fmt::format("{}: {} -> {}", path, toText(actual), wantedText(actual, wanted)));
    return;
  }
  for (const auto& member : actual.GetObject()) {
    const std::string below = fmt::format("{}.{}", path, asView(member.name));
    const JsonValue* value = find(wanted, asView(member.name));
    if (value == nullptr) lines.push_back(fmt::format("{}: {} -> (none)", below, toText(member.value)));
    if (value != nullptr) appendConfig(member.value, *value, below, lines);
  }
  for (const auto& member : wanted.GetObject()) {
    if (find(actual, asView(member.name)) == nullptr)
      lines.push_back(fmt::format("{}.{}: (none) -> (not shown)", path, asView(member.name)));
  }
}

std::string pluginOf(const JsonValue& verifier) {
  const JsonValue* plugin = verifier.IsObject() ? find(verifier, "plugin") : nullptr;
  return plugin == nullptr ? "?" : toText(*plugin);
}

/// One place of a chain. Of another plugin the rest cannot be compared.
void appendVerifier(const JsonValue& actual, const JsonValue& wanted, const std::string& path,
                    std::vector<std::string>& lines) {
  if (!actual.IsObject() || !wanted.IsObject() || pluginOf(actual) != pluginOf(wanted)) {
    lines.push_back(fmt::format("{}: plugin {} -> plugin {}", path, pluginOf(actual), pluginOf(wanted)));
    return;
  }
  for (const auto& member : wanted.GetObject()) {
    const std::string below = fmt::format("{}.{}", path, asView(member.name));
    const JsonValue* value = find(actual, asView(member.name));
    if (asView(member.name) == "config" && value != nullptr) {
      appendConfig(*value, member.value, below, lines);
    } else if (value == nullptr || exactly(*value, member.value) != Match::Same) {
      lines.push_back(
          fmt::format("{}: {} -> {}", below, value == nullptr ? "(none)" : toText(*value), toText(member.value)));
    }
  }
}

void appendChain(const JsonValue& actual, const JsonValue& wanted, const std::string& path,
                 std::vector<std::string>& lines) {
  const auto most = std::max(actual.Size(), wanted.Size());
  for (rapidjson::SizeType i = 0; i < most; ++i) {
    const std::string below = fmt::format("{}[{}]", path, i);
    if (i >= wanted.Size()) {
      lines.push_back(fmt::format("{}: plugin {} -> (none)", below, pluginOf(actual[i])));
    } else if (i >= actual.Size()) {
      lines.push_back(fmt::format("{}: (none) -> plugin {}", below, pluginOf(wanted[i])));
    } else {
      appendVerifier(actual[i], wanted[i], below, lines);
    }
  }
}

bool isIdentity(std::string_view name) { return std::find(kIdentity.begin(), kIdentity.end(), name) != kIdentity.end(); }

}  // namespace

Match worse(Match a, Match b) {
  if (a == Match::Different || b == Match::Different) return Match::Different;
  return a == Match::Masked || b == Match::Masked ? Match::Masked : Match::Same;
}

Match compareApp(const JsonValue& app, const JsonValue& wanted) {
  Match match = Match::Same;
  for (const auto& member : wanted.GetObject()) {
    const std::string_view name = asView(member.name);
    const JsonValue* value = app.IsObject() ? find(app, name) : nullptr;
    if (value == nullptr) return Match::Different;
    const Match field = name == "verifiers"  ? compareChain(*value, member.value)
                        : name == "settings" ? byMembers(*value, member.value)
                                             : exactly(*value, member.value);
    match = worse(match, field);
  }
  return match;
}

Match compareFields(const JsonValue& actual, const JsonValue& wanted) {
  Match match = Match::Same;
  for (const auto& member : wanted.GetObject()) {
    if (isIdentity(asView(member.name))) continue;
    const JsonValue* value = actual.IsObject() ? find(actual, asView(member.name)) : nullptr;
    // A field that is not there is as good as null.
    const bool same = value == nullptr ? member.value.IsNull() : *value == member.value;
    match = worse(match, same ? Match::Same : Match::Different);
  }
  return match;
}

void appendDifferences(const JsonValue& actual, const JsonValue& wanted, const std::string& prefix,
                       std::vector<std::string>& lines) {
  for (const auto& member : wanted.GetObject()) {
    const std::string_view name = asView(member.name);
    if (isIdentity(name)) continue;
    const JsonValue* value = actual.IsObject() ? find(actual, name) : nullptr;
    if (name == "settings" && value != nullptr && value->IsObject() && member.value.IsObject()) {
      appendDifferences(*value, member.value, prefix + "settings.", lines);
      continue;
    }
    const Match match = value == nullptr      ? (member.value.IsNull() ? Match::Same : Match::Different)
                        : name == "verifiers" ? compareChain(*value, member.value)
                                              : byMembers(*value, member.value);
    if (match == Match::Same) continue;
    if (name == "verifiers" && value != nullptr && value->IsArray() && member.value.IsArray()) {
      appendChain(*value, member.value, prefix + "verifiers", lines);
      continue;
    }
    lines.push_back(
        fmt::format("{}{}: {} -> {}", prefix, name, value == nullptr ? "null" : toText(*value), shownText(member.value)));
  }
}

}  // namespace chatd::cli

// JSON to YAML for `-o yaml`. Pure. Thread: any.
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "cli/printer.h"

namespace chatd::cli {

namespace {

/// A key that YAML reads back as the same string without quotes. Shorter than the words of YAML's own (null, true, on …)
/// is no danger: those are excluded by name.
bool plainKey(std::string_view key) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  if (key.empty() || !letter(key.front()) || !std::all_of(key.begin(), key.end(), inner)) return false;
  constexpr std::string_view kWords[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  return std::none_of(std::begin(kWords), std::end(kWords), [&](std::string_view word) {
    return std::equal(key.begin(), key.end(), word.begin(), word.end(), [](char a, char b) { return (a | 0x20) == b; });
  });
}

void emit(YAML::Emitter& yaml, const JsonValue& value) {
  if (value.IsObject()) {
    if (value.MemberCount() == 0) yaml << YAML::Flow;
    yaml << YAML::BeginMap;
    for (const auto& member : value.GetObject()) {
      yaml << YAML::Key;
      if (!plainKey(asView(member.name))) yaml << YAML::DoubleQuoted;
      yaml << std::string(asView(member.name)) << YAML::Value;
      emit(yaml, member.value);
    }
    yaml << YAML::EndMap;
  } else if (value.IsArray()) {
    if (value.Empty()) yaml << YAML::Flow;
    yaml << YAML::BeginSeq;
    for (const JsonValue& item : value.GetArray()) emit(yaml, item);
    yaml << YAML::EndSeq;
  } else if (value.IsString()) {
    yaml << YAML::DoubleQuoted << std::string(asView(value));
  } else if (value.IsNull()) {
    yaml << YAML::Null;
  } else {
    yaml << toText(value);  // numbers and booleans are the same words in both
  }
}

}  // namespace

std::string asYaml(const JsonValue& value) {
  YAML::Emitter yaml;
  emit(yaml, value);
  return std::string(yaml.c_str()) + "\n";
}

}  // namespace chatd::cli

// Fields that bodies about users share, and how they become a patch. Pure. Thread: any.
#pragma once

#include "chat/directory.h"
#include "rest/documents.h"

namespace chatd::rest {

inline constexpr Field kFirstNameField{.name = "firstName", .type = Type::Line, .nullable = true, .most = 256};
inline constexpr Field kMiddleNameField{.name = "middleName", .type = Type::Line, .nullable = true, .most = 256};
inline constexpr Field kLastNameField{.name = "lastName", .type = Type::Line, .nullable = true, .most = 256};

/// Absent, null (clears) or a text.
[[nodiscard]] inline Patch<std::string> textPatch(const JsonValue& body, std::string_view name) {
  if (find(body, name) == nullptr) return std::nullopt;
  return Patch<std::string>(text(body, name));
}
/// The same of an object, as compact JSON.
[[nodiscard]] inline Patch<std::string> jsonPatch(const JsonValue& body, std::string_view name) {
  if (find(body, name) == nullptr) return std::nullopt;
  const JsonValue* value = present(body, name);
  return Patch<std::string>(value != nullptr ? std::optional(toText(*value)) : std::nullopt);
}

}  // namespace chatd::rest

// An app's settings and verifiers as they are stored: JSON, so that a new setting needs no migration. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/model.h"

namespace chatd::store {

[[nodiscard]] std::string toJson(const AppSettings& settings);
[[nodiscard]] std::string toJson(const std::vector<VerifierSpec>& verifiers);

/// What is absent has its default. Errors: Internal (what is stored is not what toJson wrote).
[[nodiscard]] Result<AppSettings> settingsFrom(std::string_view json);
[[nodiscard]] Result<std::vector<VerifierSpec>> verifiersFrom(std::string_view json);

}  // namespace chatd::store

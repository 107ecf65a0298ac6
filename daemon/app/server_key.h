// The secret of a data directory: 32 random bytes under which registered tokens are hashed. Made at the first start, mode
// 0600. Without it the registered tokens of a copied database are worthless, and a lost one means that they must be
// registered again.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace chatd {

/// Errors: Internal, with the path and what an admin can do. Thread: main.
[[nodiscard]] Result<std::string> loadServerKey(const std::filesystem::path& dataDirectory);

/// Makes this the key of the directory, as a restore does. Errors: Conflict (it has another one), Internal (cannot be
/// written).
Result<void> storeServerKey(const std::filesystem::path& dataDirectory, const std::string& key);

}  // namespace chatd

// chatd_host.secret, for plugins inside the daemon and in processes of their own. Thread: any.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd {

/// As the ABI says: 0 and the bytes; else not found (*length 0), or *length is the room that it needs.
inline std::int32_t giveSecret(const std::vector<std::pair<std::string, std::string>>& secrets, std::string_view name,
                               char* to, std::uint64_t room, std::uint64_t* length) {
  for (const auto& [known, value] : secrets) {
    if (known != name) continue;
    if (length != nullptr) *length = value.size();
    if (to == nullptr || value.size() > room) return 1;
    std::memcpy(to, value.data(), value.size());
    return 0;
  }
  if (length != nullptr) *length = 0;
  return 1;
}

}  // namespace chatd

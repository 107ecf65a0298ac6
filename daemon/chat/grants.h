// Grants: what a token's verifier lets its bearer do in rooms, by name. They only narrow what membership allows: a session
// or a call acts under both. Immutable once made, shared by whoever acts under the token. Thread: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd {

/// Bits as in plugins/sdk/chatd_plugin.h.
enum class Permission : std::uint32_t {
  Read = 1,      ///< join, history, what the room says, marking as read
  Write = 2,     ///< send, typing, edit and delete one's own
  Moderate = 4,  ///< delete what others said, if the user is a moderator
};

class Grants {
 public:
  static constexpr std::size_t kMost = 64;          ///< grants of one token
  static constexpr std::size_t kMaxGlob = 128;      ///< bytes, as of a room's name
  static constexpr std::uint32_t kPermissions = 7;  ///< all bits that mean something here

  struct Grant {
    std::uint32_t permissions = 0;
    std::string glob;  ///< of room names: `*` any text, `?` one character, anything else itself
    bool operator==(const Grant&) const = default;
  };
  /// At most kMost. Bits that mean nothing here are dropped.
  explicit Grants(std::vector<Grant> list);

  /// True if a grant whose glob matches the room's name has the permission.
  [[nodiscard]] bool allow(std::string_view room, Permission permission) const;
  [[nodiscard]] const std::vector<Grant>& list() const { return list_; }

 private:
  std::vector<Grant> list_;
};

/// Null: the token says nothing about rooms, so nothing is narrowed.
using GrantsPtr = std::shared_ptr<const Grants>;

[[nodiscard]] inline bool granted(const GrantsPtr& grants, std::string_view room, Permission permission) {
  return grants == nullptr || grants->allow(room, permission);
}

/// `*` and `?` against a text, in length of text times length of glob at most.
[[nodiscard]] bool globMatches(std::string_view glob, std::string_view text);

}  // namespace chatd

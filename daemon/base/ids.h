// Strong integer types for everything that is numbered. All fit in 53 bits (JSON clients).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace chatd {

enum class AppId : std::int64_t {};
enum class UserId : std::int64_t {};
enum class RoomId : std::int64_t {};
enum class MessageId : std::int64_t {};
enum class AccountId : std::int64_t {};
enum class KeyId : std::int64_t {};
enum class TokenId : std::int64_t {};
enum class Seq : std::int64_t {};        ///< position of a message in its room: 1, 2, 3 … without gaps; 0: none
enum class Rev : std::int64_t {};        ///< position of a change (edit, delete) in its room; 0: none
enum class AccessRev : std::int64_t {};  ///< rises with each change of membership, role or ban of a room
enum class SessionId : std::uint64_t {};

template <class Id>
[[nodiscard]] constexpr auto raw(Id id) {
  return static_cast<std::underlying_type_t<Id>>(id);
}

inline constexpr Seq next(Seq s) { return Seq{raw(s) + 1}; }

inline constexpr std::int64_t kMaxInteger = (std::int64_t{1} << 53) - 1;

/// Digits only, 1 to 2^53-1. Anything else: nothing. Source: CONTRACT "digits only is an id".
[[nodiscard]] std::optional<std::int64_t> parseId(std::string_view text);

}  // namespace chatd

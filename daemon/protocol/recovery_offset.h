// The offset of Socket.IO's connection state recovery: where a client stands in the room of its session. It is the last
// argument of every event that moves it, so that the client sends the newest one when it comes back. Pure. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace chatd {

struct RecoveryOffset {
  RoomId room{};
  std::string epoch;  ///< of the room's history
  Seq seq{};          ///< messages up to here were told
  Rev rev{};          ///< edits and deletions up to here were told
};

/// `12.EPOCH.4.1`; plain characters only, if the epoch has no others.
[[nodiscard]] std::string toText(const RecoveryOffset& offset);
/// Nothing if it is no offset: a client sends whatever string came last with an event.
[[nodiscard]] std::optional<RecoveryOffset> parseRecoveryOffset(std::string_view text);

}  // namespace chatd

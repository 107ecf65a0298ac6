// A line of an import: read, checked, and done by the calls it takes. One worker works with one RowImporter. The rows are
// those of `chatctl export`. Thread: the worker's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/client.h"
#include "cli/failure.h"

namespace chatd::cli {

enum class RowKind { User, Room, Message, Ban };

struct ImportRow {
  std::uint64_t line = 0;
  std::string text;  ///< as it stands in the file, without its end
  RowKind kind = RowKind::User;
  JsonDocument object;
  std::string room;           ///< of a room or a message
  bool needsEarlier = false;  ///< it names a user or a room of an earlier row; of a dry run, where those are not made
};

/// `{"kind":"user"|"room"|"message"|"ban",…}`; without a kind, `text` makes it a message, `room` a room, `appUserId` a user.
/// Errors: Exit::Invalid.
[[nodiscard]] Outcome<ImportRow> readRow(std::uint64_t line, std::string text);

class RowImporter {
 public:
  RowImporter(AdminClient& client, std::optional<std::int64_t> app) : client_(client), app_(app) {}
  /// Doing a row again changes nothing: users are upserted, rooms completed, messages known by their clientMsgId (the line's
  /// number makes one if there is none). Errors: as AdminClient::call.
  [[nodiscard]] Outcome<void> operator()(const ImportRow& row);

 private:
  [[nodiscard]] Outcome<void> user(const JsonValue& row);
  [[nodiscard]] Outcome<void> room(const ImportRow& row);
  [[nodiscard]] Outcome<Answer> completeRoom(const ImportRow& row);
  [[nodiscard]] Outcome<Answer> addUsers(const ImportRow& row, std::uint32_t begin);
  [[nodiscard]] Outcome<void> moderators(const JsonValue& row, const JsonValue& room);
  [[nodiscard]] Outcome<void> message(const ImportRow& row);
  [[nodiscard]] Outcome<void> ban(const JsonValue& row);
  [[nodiscard]] Query appQuery() const;

  AdminClient& client_;
  std::optional<std::int64_t> app_;
};

}  // namespace chatd::cli

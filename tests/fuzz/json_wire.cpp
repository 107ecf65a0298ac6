// The JSON wire of /ws: whatever a frame says, it is a request or an error that can be answered, and what is taken keeps to
// the limits.
#include "protocol/json_wire.h"

#include <cstdint>
#include <variant>

#include "base/json.h"
#include "base/text.h"
#include "check.h"
#include "protocol/websocket.h"

using namespace chatd;

namespace {

constexpr std::int64_t kMaxInteger = (std::int64_t{1} << 53) - 1;

void roomFits(const wire::RoomRef& room) {
  if (const auto* name = std::get_if<std::string>(&room)) {
    FUZZ_CHECK(!name->empty() && isUtf8(*name));
  } else {
    FUZZ_CHECK(raw(std::get<RoomId>(room)) >= 0 && raw(std::get<RoomId>(room)) <= kMaxInteger);
  }
}

struct Fits {
  void operator()(const json_wire::Auth& auth) const { FUZZ_CHECK(isUtf8(auth.token)); }
  void operator()(const json_wire::Join& join) const { roomFits(join.room); }
  void operator()(const json_wire::Sync& sync) const {
    FUZZ_CHECK(!sync.rooms.empty() && sync.rooms.size() <= json_wire::kMaxSyncRooms);
    for (const auto& entry : sync.rooms) roomFits(entry.room);
  }
  void operator()(const json_wire::Leave& leave) const { roomFits(leave.room); }
  void operator()(const json_wire::Typing& typing) const { roomFits(typing.room); }
  void operator()(const json_wire::Seen& seen) const { roomFits(seen.room); }
  void operator()(const json_wire::Send& send) const { roomFits(send.room); }
  void operator()(const json_wire::Edit& edit) const { FUZZ_CHECK(isUtf8(edit.text)); }
  void operator()(const json_wire::Delete&) const {}
  void operator()(const json_wire::History& history) const {
    roomFits(history.room);
    FUZZ_CHECK(history.limit >= 1 && history.limit <= 100);
    FUZZ_CHECK(!(history.before && history.after));
  }
  void operator()(const json_wire::Rooms&) const {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const json_wire::Request request = json_wire::parse({reinterpret_cast<const char*>(data), size});
  if (request.body.ok()) {
    FUZZ_CHECK(request.id.has_value());
    std::visit(Fits{}, *request.body);
    return 0;
  }
  FUZZ_CHECK(!request.body.error().detail().empty());
  // The refusal is a frame like any other: its payload is JSON.
  const std::string frame = json_wire::error(request.id, request.body.error());
  std::string_view rest = frame;
  FUZZ_CHECK(parseJson(ws::takeServerFrame(rest).payload).ok() && rest.empty());
  return 0;
}

#include "conformance/socket_io_echo.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "protocol/framing.h"

namespace chatd::conformance {

namespace {

constexpr std::chrono::milliseconds kJoinTime{1000};
constexpr std::size_t kSidBytes = 15;

/// The namespace in front of a payload; "/" is left out.
std::string prefix(std::string_view nsp) { return nsp == "/" ? std::string() : std::string(nsp) + ","; }

/// Numbers the placeholders in the order in which they stand, as an encoder does; `order` gets the numbers that they had.
/// False: there are more of them than a packet may have attachments (one may be named again and again).
bool renumber(JsonValue& value, std::vector<std::size_t>& order, JsonDocument::AllocatorType& allocator) {
  if (value.IsArray()) {
    for (JsonValue& element : value.GetArray()) {
      if (!renumber(element, order, allocator)) return false;
    }
    return true;
  }
  if (!value.IsObject()) return true;
  if (const auto number = sio::placeholder(value)) {
    if (order.size() == sio::kMaxAttachments) return false;
    value.SetObject();
    value.AddMember("_placeholder", true, allocator);
    value.AddMember("num", static_cast<std::uint64_t>(order.size()), allocator);
    order.push_back(*number);
    return true;
  }
  for (auto& member : value.GetObject()) {
    if (!renumber(member.value, order, allocator)) return false;
  }
  return true;
}

/// The elements of an array from `first` on, joined by commas.
std::string joined(const JsonValue& array, rapidjson::SizeType first) {
  std::string out;
  for (rapidjson::SizeType i = first; i < array.Size(); ++i) {
    if (i > first) out.push_back(',');
    out += toText(array[i]);
  }
  return out;
}

}  // namespace

SocketIoEcho::SocketIoEcho(std::size_t maxPayload, std::size_t outboxBytes)
    : Answering(outboxBytes),
      attachments_(maxPayload),
      joinTime_([](void* self) { static_cast<SocketIoEcho*>(self)->broken("No namespace was joined in time."); }, this) {}

void SocketIoEcho::opened(engine::Transport& transport) {
  Answering::opened(transport);
  // Clients of Engine.IO 3 are in the main namespace without asking.
  if (transport.revision() == 3) return join("/", {});
  transport.arm(joinTime_, kJoinTime);
}

void SocketIoEcho::closed() {
  joinTime_.cancel();
  Answering::closed();
}

void SocketIoEcho::text(std::string_view message) {
  auto decoded = sio::decode(message);
  if (!decoded.ok()) return broken(decoded.error().detail());
  if (decoded->fault) return broken(decoded->fault->detail());
  const auto complete = attachments_.begin(*std::move(decoded));
  if (!complete.ok()) return broken(complete.error().detail());
  if (*complete) packet(attachments_.take());
}

void SocketIoEcho::binary(std::string_view message) {
  const auto complete = attachments_.add(message);
  if (!complete.ok()) return broken(complete.error().detail());
  if (*complete) packet(attachments_.take());
}

void SocketIoEcho::packet(sio::Packet packet) {
  if (packet.type == sio::PacketType::Connect) return connect(packet);
  if (!joined_.contains(packet.nsp)) return broken("The namespace was not joined.");
  switch (packet.type) {
    case sio::PacketType::Event:
      return event(std::move(packet));
    case sio::PacketType::Ack:
      return;  // nothing was asked
    case sio::PacketType::Disconnect:
      joined_.erase(packet.nsp);
      return;
    default:
      return broken("A client does not send this type of packet.");
  }
}

void SocketIoEcho::connect(const sio::Packet& packet) {
  if (packet.nsp != "/" && packet.nsp != "/custom") {
    return say(fmt::format(R"(4{}{{"message":"Invalid namespace"}})", prefix(packet.nsp)));
  }
  if (joined_.contains(packet.nsp)) return broken("The namespace was joined before.");
  joinTime_.cancel();
  join(packet.nsp, packet.data.IsNull() ? std::string() : toText(packet.data));
}

void SocketIoEcho::join(const std::string& nsp, std::string_view payload) {
  joined_.insert(nsp);
  std::string told;
  if (transport()->revision() == 3) {
    told = "0" + prefix(nsp);
  } else {
    sio::appendConnect(told, toBase64Url(randomBytes(kSidBytes)), nsp);
  }
  say(told);
  std::string auth;
  sio::appendEvent(auth, "auth", payload.empty() ? "{}" : payload, nsp);
  say(auth);
}

void SocketIoEcho::event(sio::Packet packet) {
  const bool acknowledged = packet.event() == "message-with-ack";
  if (acknowledged ? !packet.id.has_value() : packet.event() != "message") return;  // nobody listens
  std::vector<std::size_t> order;
  // Binary alone has attachments: in a plain event a placeholder is an object like any other.
  if (!packet.buffers.empty() && !renumber(packet.data, order, packet.data.GetAllocator())) {
    return broken("A packet names more attachments than it may have.");
  }
  const std::string count = order.empty() ? std::string() : fmt::format("{}-", order.size());
  const std::string arguments = joined(packet.data, 1);
  std::string text;
  if (acknowledged) {
    text = fmt::format("{}{}{}{}[{}]", order.empty() ? '3' : '6', count, prefix(packet.nsp), *packet.id, arguments);
  } else {
    text = fmt::format(R"({}{}{}["message-back"{}{}])", order.empty() ? '2' : '5', count, prefix(packet.nsp),
                       arguments.empty() ? "" : ",", arguments);
  }
  std::string frames = framed(Framing::WebSocket, text.size(), [&](std::string& out) { out += text; });
  for (const std::size_t number : order) ws::appendFrame(frames, ws::Opcode::Binary, packet.buffers[number]);
  answer(std::move(frames));
}

void SocketIoEcho::say(std::string_view packet) {
  answer(framed(Framing::WebSocket, packet.size(), [&](std::string& out) { out.append(packet); }));
}

void SocketIoEcho::broken(std::string_view why) {
  if (transport() != nullptr) transport()->close(ws::CloseCode::ProtocolError, why);
}

}  // namespace chatd::conformance

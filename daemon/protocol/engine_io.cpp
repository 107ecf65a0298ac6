#include "protocol/engine_io.h"

#include "base/json.h"

namespace chatd::eio {

Result<Packet> decode(std::string_view text) {
  if (text.empty()) return Error(Code::BadRequest, "An Engine.IO packet is empty.");
  const char type = text.front();
  if (type < static_cast<char>(PacketType::Open) || type > static_cast<char>(PacketType::Noop)) {
    return Error(Code::BadRequest, "There is no such type of Engine.IO packet.");
  }
  return Packet{static_cast<PacketType>(type), false, text.substr(1)};
}

Result<Packet> decodeBinary3(std::string_view bytes) {
  if (!bytes.starts_with(kBinaryMessage3)) return Error(Code::BadRequest, "Only messages can be binary.");
  return decodeBinary(bytes.substr(1));
}

void append(std::string& out, PacketType type, std::string_view data) {
  out.push_back(static_cast<char>(type));
  out.append(data);
}

void appendOpen(std::string& out, const Handshake& handshake) {
  append(out, PacketType::Open);
  JsonWriter json(out);
  json.beginObject().field("sid", handshake.sid).key("upgrades").beginArray();
  for (const std::string_view upgrade : handshake.upgrades) json.string(upgrade);
  json.endArray().field("pingInterval", handshake.pingInterval.count()).field("pingTimeout", handshake.pingTimeout.count());
  json.field("maxPayload", handshake.maxPayload).endObject();
}

}  // namespace chatd::eio

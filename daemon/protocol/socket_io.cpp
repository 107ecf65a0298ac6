#include "protocol/socket_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace chatd::sio {

namespace {

/// Names that the reference implementations emit themselves.
constexpr std::array<std::string_view, 6> kReserved = {"connect",       "connect_error", "disconnect",
                                                       "disconnecting", "newListener",   "removeListener"};

Error broken(std::string detail) { return {Code::BadRequest, std::move(detail)}; }

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isBinary(PacketType type) { return type == PacketType::BinaryEvent || type == PacketType::BinaryAck; }
bool isEvent(PacketType type) { return type == PacketType::Event || type == PacketType::BinaryEvent; }
bool isAck(PacketType type) { return type == PacketType::Ack || type == PacketType::BinaryAck; }

/// The digits at the front of `text`, taken off it.
std::string_view takeDigits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), isDigit);
  const auto digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

template <class Number>
std::optional<Number> number(std::string_view digits) {
  Number value{};
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (fault != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

Result<void> takeType(std::string_view& text, Packet& packet) {
  if (text.empty()) return broken("A Socket.IO packet is empty.");
  const char type = text.front();
  if (type < '0' || type > '6') return broken("There is no such type of Socket.IO packet.");
  packet.type = static_cast<PacketType>(type - '0');
  text.remove_prefix(1);
  return {};
}

Result<void> takeAttachments(std::string_view& text, Packet& packet) {
  if (!isBinary(packet.type)) return {};
  const auto count = number<std::size_t>(takeDigits(text));
  if (!count || *count == 0 || !text.starts_with('-'))
    return broken("A binary packet must say how many attachments it has.");
  if (*count > kMaxAttachments) return broken(fmt::format("A packet may have {} attachments.", kMaxAttachments));
  packet.attachments = *count;
  text.remove_prefix(1);
  return {};
}

Result<void> takeNamespace(std::string_view& text, Packet& packet) {
  if (!text.starts_with('/')) return {};
  const std::size_t comma = std::min(text.find(','), text.size());
  if (comma > kMaxNamespace) return broken(fmt::format("A namespace may have {} bytes.", kMaxNamespace));
  std::string_view nsp = text.substr(0, comma);
  nsp = nsp.substr(0, nsp.find('?'));
  packet.nsp.assign(nsp);
  text.remove_prefix(std::min(comma + 1, text.size()));
  return {};
}

Result<void> takeId(std::string_view& text, Packet& packet) {
  const std::string_view digits = takeDigits(text);
  if (digits.empty()) {
    if (isAck(packet.type)) return broken("An acknowledgement has no id.");
    return {};
  }
  if (!isEvent(packet.type) && !isAck(packet.type)) return broken("Only events and acknowledgements have an id.");
  packet.id = number<std::uint64_t>(digits);
  if (!packet.id) return broken("The id of the acknowledgement is too large.");
  return {};
}

Result<void> judgeEvent(const JsonValue& data) {
  if (!data.IsArray() || data.Empty()) return broken("The payload of an event must be an array that begins with its name.");
  const JsonValue& name = data[0];
  if (name.IsNumber()) return {};
  if (!name.IsString()) return broken("The name of an event must be a string.");
  if (std::find(kReserved.begin(), kReserved.end(), asView(name)) != kReserved.end()) {
    return broken("The name of the event is reserved.");
  }
  return {};
}

/// `there`: a payload was given at all.
Result<void> judgePayload(PacketType type, bool there, const JsonValue& data) {
  switch (type) {
    case PacketType::Connect:
      if (there && !data.IsObject()) return broken("The payload of CONNECT must be an object.");
      return {};
    case PacketType::Disconnect:
      if (there) return broken("DISCONNECT has no payload.");
      return {};
    case PacketType::ConnectError:
      if (!data.IsObject() && !data.IsString()) return broken("The payload of CONNECT_ERROR must be an object or a string.");
      return {};
    case PacketType::Event:
    case PacketType::BinaryEvent:
      return judgeEvent(data);
    case PacketType::Ack:
    case PacketType::BinaryAck:
      if (!data.IsArray()) return broken("The payload of an acknowledgement must be an array.");
      return {};
  }
  return broken("There is no such type of Socket.IO packet.");
}

/// Does every placeholder in `value` name one of `count` attachments? The depth is bounded by parseJson().
bool placeholdersFit(const JsonValue& value, std::size_t count) {
  if (value.IsArray()) {
    const auto elements = value.GetArray();
    return std::all_of(elements.begin(), elements.end(), [&](const JsonValue& v) { return placeholdersFit(v, count); });
  }
  if (!value.IsObject()) return true;
  const JsonValue* mark = find(value, "_placeholder");
  if (mark != nullptr && mark->IsTrue()) {
    const auto n = placeholder(value);
    return n && *n < count;
  }
  const auto members = value.GetObject();
  return std::all_of(members.begin(), members.end(), [&](const auto& m) { return placeholdersFit(m.value, count); });
}

}  // namespace

std::string_view Packet::event() const {
  if (!isEvent(type) || !data.IsArray() || data.Empty() || !data[0].IsString()) return {};
  return asView(data[0]);
}

const JsonValue* Packet::argument(std::size_t i) const {
  if (!isEvent(type) || !data.IsArray() || data.Empty() || i >= data.Size() - 1) return nullptr;
  return &data[static_cast<rapidjson::SizeType>(i + 1)];
}

Result<Packet> decode(std::string_view text) {
  Packet packet;
  CHATD_CHECK(takeType(text, packet));
  CHATD_CHECK(takeAttachments(text, packet));
  CHATD_CHECK(takeNamespace(text, packet));
  CHATD_CHECK(takeId(text, packet));
  const bool there = !text.empty();
  if (there) {
    auto data = parseJson(text);
    if (!data.ok()) {
      // Half an emoji, cut by a client's own code: JSON all the same to its author, who must get an answer and not a closed
      // door.
      if (data.error().code() == Code::InvalidText && packet.type == PacketType::Event) {
        packet.fault = std::move(data).error();
        return packet;
      }
      return std::move(data).error();
    }
    packet.data = std::move(*data);
  }
  CHATD_CHECK(judgePayload(packet.type, there, packet.data));
  return packet;
}

std::optional<std::size_t> placeholder(const JsonValue& value) {
  if (!value.IsObject()) return std::nullopt;
  const JsonValue* mark = find(value, "_placeholder");
  const JsonValue* num = find(value, "num");
  if (mark == nullptr || !mark->IsTrue() || num == nullptr || !num->IsUint()) return std::nullopt;
  return num->GetUint();
}

Result<bool> Attachments::begin(Packet packet) {
  if (waiting()) return broken("A packet came before the attachments of the last one.");
  const bool binary = isBinary(packet.type);
  if (binary) {
    if (!placeholdersFit(packet.data, packet.attachments)) {
      return broken("A placeholder names an attachment that was not announced.");
    }
    packet.type = packet.type == PacketType::BinaryEvent ? PacketType::Event : PacketType::Ack;
  }
  bytes_ = 0;
  packet_ = std::move(packet);
  return packet_->attachments == 0;
}

Result<bool> Attachments::add(std::string_view bytes) {
  if (!waiting()) return broken("A binary message came, but no packet is waiting for attachments.");
  if (bytes.size() > maxBytes_ - bytes_) {
    packet_.reset();
    return Error(Code::TooLarge, fmt::format("The attachments of a packet may have {} bytes.", maxBytes_));
  }
  bytes_ += bytes.size();
  packet_->buffers.emplace_back(bytes);
  return packet_->buffers.size() == packet_->attachments;
}

Packet Attachments::take() {
  CHATD_ASSERT(packet_ && packet_->buffers.size() == packet_->attachments);
  Packet packet = std::move(*packet_);
  packet_.reset();
  return packet;
}

namespace {

void appendHead(std::string& out, PacketType type, std::string_view nsp) {
  out.push_back(static_cast<char>('0' + static_cast<int>(type)));
  if (nsp == "/") return;
  out.append(nsp);
  out.push_back(',');
}

}  // namespace

void appendConnect(std::string& out, std::string_view sid, std::string_view nsp, std::string_view pid) {
  appendHead(out, PacketType::Connect, nsp);
  JsonWriter json(out);
  json.beginObject().field("sid", sid);
  if (!pid.empty()) json.field("pid", pid);
  json.endObject();
}

void appendConnectError(std::string& out, const Error& error, std::string_view nsp) {
  appendHead(out, PacketType::ConnectError, nsp);
  JsonWriter json(out);
  json.beginObject().field("message", error.detail());
  json.key("data").beginObject().field("code", error.wire()).endObject().endObject();
}

void appendConnect4(std::string& out) { appendHead(out, PacketType::Connect, "/"); }

void appendError4(std::string& out, const Error& error, std::string_view nsp) {
  appendHead(out, PacketType::ConnectError, nsp);
  if (nsp != "/") return appendJsonString(out, error.detail());
  JsonWriter(out).beginObject().field("message", error.detail()).field("code", error.wire()).endObject();
}

void appendDisconnect(std::string& out, std::string_view nsp) { appendHead(out, PacketType::Disconnect, nsp); }

void appendEvent(std::string& out, std::string_view event, std::string_view args, std::string_view nsp) {
  appendHead(out, PacketType::Event, nsp);
  out.push_back('[');
  appendJsonString(out, event);
  if (!args.empty()) {
    out.push_back(',');
    out.append(args);
  }
  out.push_back(']');
}

void appendAck(std::string& out, std::uint64_t id, std::string_view args, std::string_view nsp) {
  appendHead(out, PacketType::Ack, nsp);
  const fmt::format_int digits(id);
  out.append(digits.data(), digits.size());
  out.push_back('[');
  out.append(args);
  out.push_back(']');
}

}  // namespace chatd::sio

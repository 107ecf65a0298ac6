#include "client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace bench {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::array<char, 4> kMask = {0x5a, 0x13, 0x7e, 0x29};  // any key will do; the server has to undo it all the same

std::uint64_t numberAfter(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  std::uint64_t value = 0;
  if (at != std::string_view::npos) std::from_chars(text.data() + at + key.size(), text.data() + text.size(), value);
  return value;
}

}  // namespace

void Client::open(std::uint16_t port, std::string token, std::string roomName) {
  token_ = std::move(token);
  roomName_ = std::move(roomName);
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) events_.failed(*this, std::string("socket: ") + std::strerror(errno));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    events_.failed(*this, std::string("connect: ") + std::strerror(errno));
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  out_ = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
         "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n";
}

void Client::readable() {
  static std::array<char, kReadBytes> buffer;  // one thread, and nothing is kept in it between calls
  while (true) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) events_.failed(*this, got == 0 ? "closed by the server" : std::strerror(errno));
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (!in_.empty()) {
      in_.append(bytes);
      in_.erase(0, take(in_));
    } else {
      bytes.remove_prefix(take(bytes));
      in_.assign(bytes);
    }
    if (static_cast<std::size_t>(got) < buffer.size()) return;
  }
}

// Handles every whole frame; returns how many bytes they took. Source: RFC 6455 5.2.
std::size_t Client::take(std::string_view bytes) {
  std::size_t used = upgraded_ ? 0 : takeUpgrade(bytes);
  while (upgraded_ && bytes.size() - used >= 2) {
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[used + i]); };
    const std::uint8_t opcode = at(0) & 0x0f;
    std::size_t head = 2;
    std::uint64_t length = at(1) & 0x7f;
    if (length >= 126) {
      const std::size_t width = length == 126 ? 2 : 8;
      head += width;
      if (bytes.size() - used < head) break;
      length = 0;
      for (std::size_t i = 0; i < width; ++i) length = length << 8 | at(2 + i);
    }
    if (bytes.size() - used - head < length || bytes.size() - used < head) break;
    const std::string_view payload = bytes.substr(used + head, length);
    used += head + length;
    if (opcode == 0x8) {
      const int code =
          payload.size() >= 2 ? static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]) : 0;
      events_.failed(*this, "closed by the server with " + std::to_string(code));
    }
    if (opcode == 0x9) stage(payload, 0xa);
    if (opcode == 0x1) takePacket(payload);
    if (opcode == 0x0 || opcode == 0x2) events_.failed(*this, "a fragmented or binary frame");
  }
  return used;
}

std::size_t Client::takeUpgrade(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (!bytes.starts_with("HTTP/1.1 101"))
    events_.failed(*this, "no upgrade: " + std::string(bytes.substr(0, bytes.find("\r\n"))));
  upgraded_ = true;
  return end + 4;
}

// Engine.IO 4: 0 open, 2 ping, 4 message; within that Socket.IO 5: 0 CONNECT, 1 DISCONNECT, 2 EVENT, 3 ACK, 4 CONNECT_ERROR.
void Client::takePacket(std::string_view packet) {
  if (packet.starts_with("42[\"message\",")) {
    events_.delivered(*this, numberAfter(packet, "\"seq\":"));
  } else if (packet.starts_with("43")) {
    takeAck(packet.substr(2));
  } else if (packet == "2") {
    stage("3");
  } else if (packet.starts_with("0{")) {
    stage("40{\"token\":\"" + token_ + "\"}");
  } else if (packet.starts_with("40") && roomName_.empty()) {
    events_.joined(*this);
  } else if (packet.starts_with("40")) {
    stage("420[\"join\",\"" + roomName_ + "\"]");
  } else if (packet.starts_with("41") || packet.starts_with("44") || packet.starts_with("42[\"error\"")) {
    events_.failed(*this, "refused: " + std::string(packet.substr(0, 300)));
  }
}

void Client::takeAck(std::string_view packet) {
  std::uint64_t id = 0;
  std::from_chars(packet.data(), packet.data() + packet.size(), id);
  if (packet.find("\"ok\":true") == std::string_view::npos) {
    events_.failed(*this, "refused: " + std::string(packet.substr(0, 300)));
  }
  if (id == 0) {
    events_.joined(*this);
  } else {
    events_.acknowledged(*this, id);
  }
}

void Client::send(std::uint64_t ackId, std::string_view text) {
  std::string packet = "42" + std::to_string(ackId) + "[\"send_message\",\"";
  packet.append(text).append("\"]");
  stage(packet);
}

void Client::stage(std::string_view text, std::uint8_t opcode) {
  out_.push_back(static_cast<char>(0x80 | opcode));
  if (text.size() < 126) {
    out_.push_back(static_cast<char>(0x80 | text.size()));
  } else {
    if (text.size() > 0xffff) events_.failed(*this, "the payload is too long for this generator");
    out_.push_back(static_cast<char>(0x80 | 126));
    out_.push_back(static_cast<char>(text.size() >> 8));
    out_.push_back(static_cast<char>(text.size() & 0xff));
  }
  out_.append(kMask.data(), kMask.size());
  const std::size_t start = out_.size();
  out_.append(text);
  for (std::size_t i = start; i < out_.size(); ++i) out_[i] = static_cast<char>(out_[i] ^ kMask[(i - start) % 4]);
}

bool Client::flush() {
  while (!out_.empty()) {
    const ssize_t sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) return false;
      events_.failed(*this, std::string("send: ") + std::strerror(errno));
    }
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace bench

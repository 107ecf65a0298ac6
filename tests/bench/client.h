// Client: one WebSocket connection that speaks as much Socket.IO as the bench needs: CONNECT, `join`, `send_message` with an
// acknowledgement, and counting `message`. Owned by the generator's loop; one thread. Written for this bench, not for use:
// frames of the server must not be fragmented or compressed (neither is offered), and what is not understood ends the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

class Client;

/// What a client tells its owner. Called from within Client::readable().
class Events {
 public:
  virtual ~Events() = default;
  virtual void joined(Client& client) = 0;
  virtual void acknowledged(Client& client, std::uint64_t ackId) = 0;
  /// `seq`: the message's own number in its room, 0 if it has none.
  virtual void delivered(Client& client, std::uint64_t seq) = 0;
  /// The run is worthless from here on. Does not return to the client.
  [[noreturn]] virtual void failed(Client& client, const std::string& why) = 0;
};

class Client {
 public:
  Client(Events& events, std::size_t number, std::size_t itsRoom) : index(number), room(itsRoom), events_(events) {}

  /// Connects (blocking; it is loopback) and writes the upgrade. The descriptor is non-blocking afterwards. Without a room
  /// name it joins none, and counts as joined once it is connected.
  void open(std::uint16_t port, std::string token, std::string roomName);
  /// Reads what there is and handles it.
  void readable();
  /// Writes what is staged. False if some is left: wait for EPOLLOUT.
  bool flush();
  /// Stages `send_message`; flush() sends it.
  void send(std::uint64_t ackId, std::string_view text);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool staged() const { return !out_.empty(); }

  const std::size_t index;
  const std::size_t room;
  std::uint64_t lastSeq = 0;  ///< for the owner's order check
  bool writeArmed = false;    ///< for the owner: EPOLLOUT is set

 private:
  std::size_t take(std::string_view bytes);
  std::size_t takeUpgrade(std::string_view bytes);
  void takePacket(std::string_view packet);
  void takeAck(std::string_view packet);
  void stage(std::string_view text, std::uint8_t opcode = 0x1);

  Events& events_;
  int fd_ = -1;
  bool upgraded_ = false;
  std::string token_;
  std::string roomName_;
  std::string in_;  ///< the part of a frame that has come so far
  std::string out_;
};

}  // namespace bench

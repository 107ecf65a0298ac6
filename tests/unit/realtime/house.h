// The house of the realtime tests: stepped loops, sessions with a recorded transport, the real domain, and a log that
// commits when the test says so.
#pragma once

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/timer_wheel.h"
#include "realtime/realtime.h"
#include "realtime/socket_io_session.h"
#include "realtime/ws_session.h"
#include "support/room_fakes.h"
#include "support/stepping_executor.h"

namespace chatd::test {

inline constexpr AppId kApp{1};

/// Says yes to "u<id>", no to the rest.
class NamedVerifier final : public Verifier {
 public:
  void verify(VerifyRequest request, Done done) override {
    if (outage) {
      ++asked;
      return done(Code::VerifierUnavailable);
    }
    if (denial) return done(*denial);
    if (request.token.empty() || request.token[0] != 'u') return done(Code::Unauthorized);
    Identity identity;
    identity.app.id = kApp;
    identity.user.id = UserId{std::stoll(request.token.substr(1))};
    identity.user.app = kApp;
    identity.app.settings.reverify = every;
    identity.terms = std::make_shared<const Terms>(
        Terms{grants, request.session ? std::make_shared<const VerifyRequest>(request) : nullptr, request.fields});
    last = request;
    ++asked;
    done(std::move(identity));
  }
  [[nodiscard]] bool current(const Identity&) const override { return !revoked; }
  [[nodiscard]] std::shared_ptr<const PeerNames> peerNames() const override {
    return std::make_shared<const PeerNames>(PeerNames{.all = true, .names = {}});
  }
  VerifyRequest last;             ///< that was said yes to
  GrantsPtr grants;               ///< of every token
  std::chrono::seconds every{0};  ///< reverify of every app
  std::optional<Code> denial;
  int asked = 0;
  bool outage = false;
  bool revoked = false;
};

/// The payloads of unmasked WebSocket frames.
inline std::vector<std::string> payloads(std::string_view bytes) {
  std::vector<std::string> found;
  while (bytes.size() >= 2) {
    std::size_t size = static_cast<unsigned char>(bytes[1]);
    std::size_t header = 2;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (more > 0) {
      size = 0;
      for (std::size_t i = 0; i < more; ++i) size = size << 8 | static_cast<unsigned char>(bytes[2 + i]);
      header += more;
    }
    found.emplace_back(bytes.substr(header, size));
    bytes.remove_prefix(header + size);
  }
  return found;
}

/// A transport that keeps what it is given.
class Recorded : public engine::Transport {
 public:
  Recorded(std::size_t loop, net::TimerWheel& wheel, const Clock& clock) : loop_(loop), wheel_(wheel), clock_(clock) {}

  void send(FramePtr frame) override { take(*frame); }
  void send(std::string frame) override { take(frame); }
  void sendReply(std::string frames) override { take(frames); }
  void close(ws::CloseCode code, std::string_view) override {
    if (closedWith) return;
    closedWith = code;
    onClose();
  }
  void pauseReading() override { ++paused; }
  void resumeReading() override { --paused; }
  void arm(net::Timer& timer, std::chrono::milliseconds delay) override { wheel_.arm(timer, clock_.steady() + delay); }
  [[nodiscard]] std::size_t unsentBytes() const override { return unsent; }
  [[nodiscard]] const net::Peer& peer() const override { return from_; }
  [[nodiscard]] std::size_t loop() const override { return loop_; }
  [[nodiscard]] std::string_view name() const override { return "websocket"; }

  /// How many texts have this in them.
  [[nodiscard]] std::size_t with(std::string_view part) const {
    return static_cast<std::size_t>(
        std::count_if(got.begin(), got.end(), [&](const std::string& p) { return p.find(part) != std::string::npos; }));
  }
  /// The number behind `field` in each text that begins like this, in the order received.
  [[nodiscard]] std::vector<int> numbers(std::string_view start, std::string_view field) const {
    std::vector<int> found;
    for (const std::string& p : got) {
      if (p.starts_with(start)) found.push_back(std::stoi(p.substr(p.find(field) + field.size())));
    }
    return found;
  }

  std::vector<std::string> got;
  std::optional<ws::CloseCode> closedWith;
  int paused = 0;
  bool slow = false;       ///< nothing is read: what is sent stays unsent
  std::size_t unsent = 0;  ///< bytes

 protected:
  virtual void onClose() = 0;
  virtual std::string shown(std::string payload) { return payload; }

 private:
  void take(const std::string& bytes) {
    if (slow) unsent += bytes.size();
    for (std::string& p : payloads(bytes)) got.push_back(shown(std::move(p)));
  }
  const std::size_t loop_;
  net::TimerWheel& wheel_;
  const Clock& clock_;
  net::Peer from_;
};

struct Client final : public Recorded {
  Client(Realtime& realtime, std::size_t loop, net::TimerWheel& wheel)
      : Recorded(loop, wheel, realtime.clock()), session(realtime, *this, {}) {}
  void onClose() override { session.transportClosing(); }
  /// Behind the Engine.IO type.
  std::string shown(std::string payload) override { return payload.substr(1); }

  /// How many packets begin like this.
  [[nodiscard]] std::size_t count(std::string_view start) const {
    return static_cast<std::size_t>(
        std::count_if(got.begin(), got.end(), [&](const std::string& p) { return p.starts_with(start); }));
  }
  /// The `seq` of each message event, in the order received.
  [[nodiscard]] std::vector<int> seqs() const { return numbers("2[\"message\"", "\"seq\":"); }

  SocketIoSession session;
};

/// A session on the JSON wire.
struct WsClient final : public Recorded {
  WsClient(Realtime& realtime, std::size_t loop, net::TimerWheel& wheel)
      : Recorded(loop, wheel, realtime.clock()), session(realtime, loop) {}
  void onClose() override { session.closed(); }

  [[nodiscard]] std::vector<int> seqs() const { return numbers(R"({"type":"message")", "\"seq\":"); }
  [[nodiscard]] std::vector<int> revs() const {
    auto all = numbers(R"({"type":"updated")", "\"rev\":");
    for (const int rev : numbers(R"({"type":"deleted")", "\"rev\":")) all.push_back(rev);
    return all;
  }
  /// The answer with this id; empty if there is none.
  [[nodiscard]] std::string answer(int id) const {
    for (const std::string& p : got) {
      for (const char* type : {"ok", "error"}) {
        if (p.starts_with(std::string(R"({"type":")") + type + R"(","id":)" + std::to_string(id) + ",") ||
            p == std::string(R"({"type":")") + type + R"(","id":)" + std::to_string(id) + "}") {
          return p;
        }
      }
    }
    return {};
  }

  WsSession session;
};

struct House {
  House() { realtime.setChat(chat); }

  /// Not connected yet.
  std::unique_ptr<Client> raw(std::size_t loop) { return std::make_unique<Client>(realtime, loop, wheels[loop]); }
  std::unique_ptr<Client> client(const std::string& token, std::size_t loop) {
    auto c = raw(loop);
    say(*c, R"(0{"token":")" + token + "\"}");
    return c;
  }
  void say(Client& c, const std::string& packet) {
    executor.on(c.session.address().loop, [&] { c.session.packet(packet); });
    executor.run();
  }
  std::unique_ptr<WsClient> wsClient(std::int64_t user, std::size_t loop, GrantsPtr grants = nullptr) {
    auto c = std::make_unique<WsClient>(realtime, loop, wheels[loop]);
    executor.on(loop, [&] {
      Identity identity;
      identity.app.id = kApp;
      identity.user.id = UserId{user};
      identity.user.app = kApp;
      identity.user.appUserId = std::to_string(user);
      identity.terms = std::make_shared<const Terms>(Terms{grants, nullptr, fields});
      BOOST_REQUIRE(c->session.admit(std::move(identity), "127.0.0.1", {}).ok());
      c->session.opened(*c);
    });
    executor.run();
    return c;
  }
  /// Without running what follows from it.
  void tell(WsClient& c, const std::string& frame) {
    executor.on(c.loop(), [&] { c.session.text(frame); });
  }
  void say(WsClient& c, const std::string& frame) {
    tell(c, frame);
    executor.run();
  }
  /// A message of this user, committed.
  void post(std::int64_t user, const std::string& text, std::optional<RoomId> in = std::nullopt) {
    SendCommand command;
    command.actor = {kApp, UserId{user}, true};
    command.room = in.value_or(room);
    command.text = text;
    chat.send(std::move(command), [](const Result<Appended>& r) { BOOST_REQUIRE(r.ok()); });
    commit();
  }
  void change(std::int64_t user, std::int64_t message, const std::optional<std::string>& text) {
    const Actor actor{kApp, UserId{user}, true};
    const auto done = [](const Result<Changed>& r) { BOOST_REQUIRE(r.ok()); };
    if (text) {
      chat.edit(actor, MessageId{message}, *text, done);
    } else {
      chat.remove(actor, MessageId{message}, done);
    }
    commit();
  }
  /// The client reads everything.
  void drain(WsClient& c) {
    c.slow = false;
    c.unsent = 0;
    executor.on(c.loop(), [&] { c.session.drained(); });
    executor.run();
  }
  /// Time passes, timers of transports included.
  void advance(std::chrono::milliseconds by) {
    clock.advance(by);
    for (std::size_t i = 0; i < wheels.size(); ++i) {
      executor.on(i, [&] { wheels[i].advance(clock.steady()); });
    }
    executor.run();
  }
  void commit() {
    executor.run();
    log.commit();
    executor.run();
  }
  /// Sessions must end on their loop, as their connections do.
  template <class C>
  void gone(std::unique_ptr<C>& c) {
    executor.on(c->session.address().loop, [&] {
      if constexpr (std::is_same_v<C, WsClient>) c->session.closed();
      c.reset();
    });
    executor.run();
  }

  /// Without recent messages in memory: what is read comes from the log, whose faults are tested.
  static ChatLimits limits() {
    ChatLimits limits;
    limits.historyBytes = 0;
    return limits;
  }

  FakeClock clock;
  std::array<net::TimerWheel, 2> wheels{net::TimerWheel(clock.steady()), net::TimerWheel(clock.steady())};
  SteppingExecutor executor{clock, 2};
  RoomDirectory directory;
  HeldLog log{directory};
  NamedVerifier verifier;
  std::shared_ptr<const PeerFields> fields;  ///< what requests of wsClient() bring
  Realtime realtime{executor, verifier, clock, {}};
  ChatService chat{executor, log, directory, realtime, clock, limits()};
  RoomId room = directory.addRoom(kApp, "usr-1-2", {1, 2});
};

}  // namespace chatd::test

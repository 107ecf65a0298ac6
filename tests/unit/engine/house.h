// An EngineServer on stepped loops, and clients whose requests and WebSockets the test makes by hand.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine_server.h"
#include "support/client_frames.h"
#include "support/fake_connection.h"
#include "support/stepping_loops.h"

namespace chatd::test {

/// The handler of one session: writes down what it hears, and echoes if it is told to.
struct Speaker final : public engine::TransportHandler {
  explicit Speaker(std::vector<Speaker*>& all) : all_(all) { all.push_back(this); }
  ~Speaker() override { std::erase(all_, this); }
  void opened(engine::Transport& t) override {
    transport = &t;
    for (const std::string& text : greetings) say(text);
  }
  void text(std::string_view m) override {
    heard.emplace_back(m);
    if (echo) say(m);
    if (m == "close") transport->close(ws::CloseCode::Normal, {});
  }
  void binary(std::string_view m) override {
    bytes.emplace_back(m);
    if (!echo) return;
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Binary, m);
    transport->send(makeFrame(std::move(frame)));
  }
  [[nodiscard]] bool full() const override { return isFull; }
  void drained() override { ++drains; }
  void closed() override { ++closes; }

  void say(std::string_view text) {
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Text, "4" + std::string(text));
    transport->send(std::move(frame));
  }

  engine::Transport* transport = nullptr;
  std::vector<std::string> heard;
  std::vector<std::string> bytes;
  std::vector<std::string> greetings;
  bool echo = false;
  bool isFull = false;
  int drains = 0;
  int closes = 0;

 private:
  std::vector<Speaker*>& all_;
};

/// One HTTP request and what became of it.
struct Request {
  struct Sink final : public net::HttpResponder::Sink {
    void answer(net::HttpResponse&& r, std::unique_ptr<net::StreamHandler> u) override {
      response = std::move(r);
      upgrade = std::move(u);
    }
    void whenGone(Task task) override { gone = std::move(task); }
    std::optional<net::HttpResponse> response;
    std::unique_ptr<net::StreamHandler> upgrade;
    Task gone;
  };
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();
  std::size_t loop = 0;

  [[nodiscard]] bool answered() const { return sink->response.has_value(); }
  [[nodiscard]] int status() const { return answered() ? sink->response->status : 0; }
  [[nodiscard]] std::string body() const { return answered() ? sink->response->body : "(none)"; }
  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : sink->response->headers) {
      if (key == name) return value;
    }
    return {};
  }
};

struct House {
  explicit House(const engine::EngineOptions& options = {.pingInterval = std::chrono::milliseconds(300),
                                                         .pingTimeout = std::chrono::milliseconds(200)},
                 std::size_t count = 2)
      : loops(clock, count),
        server(std::make_unique<engine::EngineServer>(
            loops, options, [this](const net::HttpRequest&) -> Result<std::unique_ptr<engine::TransportHandler>> {
              if (refusal) return *refusal;
              auto speaker = std::make_unique<Speaker>(speakers);
              speaker->greetings = greetings;
              speaker->echo = echo;
              return std::unique_ptr<engine::TransportHandler>(std::move(speaker));
            })) {}

  Request request(std::string method, std::string query, std::string body = {}, std::size_t loop = 0,
                  std::vector<std::pair<std::string, std::string>> headers = {}) {
    net::HttpRequest r;
    r.method = std::move(method);
    r.path = "/socket.io/";
    r.query = std::move(query);
    r.body = std::move(body);
    r.headers = std::move(headers);
    r.peer.ip = "192.0.2.7";
    Request made;
    made.loop = loop;
    loops.on(loop, [&] { server->handle(std::move(r), net::HttpResponder(made.sink)); });
    loops.run();
    return made;
  }
  Request get(const std::string& sid, std::size_t loop = 0) {
    return request("GET", "EIO=4&transport=polling&t=x1&sid=" + sid, {}, loop);
  }
  Request post(const std::string& sid, std::string body, std::size_t loop = 0) {
    return request("POST", "EIO=4&transport=polling&sid=" + sid, std::move(body), loop);
  }
  /// The sid of a new session on polling.
  std::string open(std::size_t loop = 0, const std::string& version = "4") {
    return sidOf(request("GET", "EIO=" + version + "&transport=polling", {}, loop).body());
  }
  static std::string sidOf(const std::string& open) {
    const auto at = open.find("\"sid\":\"") + 7;
    return open.substr(at, open.find('"', at) - at);
  }
  Request upgradeRequest(const std::string& query, std::size_t loop = 0) {
    return request("GET", query, {}, loop,
                   {{"Connection", "Upgrade"},
                    {"Upgrade", "websocket"},
                    {"Sec-WebSocket-Version", "13"},
                    {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}});
  }
  /// Its WebSocket, on the loop where it came or that of its session.
  struct Socket {
    House& house;
    std::size_t loop;
    std::unique_ptr<FakeConnection> connection;
    void text(std::string_view t) { frame(ws::Opcode::Text, t); }
    void frame(ws::Opcode opcode, std::string_view t) {
      house.loops.on(loop, [&] { connection->input(clientFrame(opcode, t)); });
      house.loops.run();
    }
    /// Texts (and binaries) so far; a close is "close CODE".
    [[nodiscard]] std::vector<std::string> got() const {
      std::vector<std::string> found;
      for (const ServerFrame& f : serverFrames(connection->unsent)) {
        found.push_back(f.opcode == ws::Opcode::Close ? "close " + std::to_string(closeCode(f.payload)) : f.payload);
      }
      return found;
    }
    void turn() {
      house.loops.on(loop, [&] { connection->turn(); });
      house.loops.run();
    }
  };
  Socket socket(Request& made, std::size_t loop) {
    Socket s{*this, loop, nullptr};
    loops.on(loop, [&] { s.connection = std::make_unique<FakeConnection>(std::move(made.sink->upgrade), loop); });
    loops.run();
    return s;
  }
  Socket upgrade(const std::string& sid, std::size_t requestLoop = 0, std::size_t sessionLoop = 0) {
    Request r = upgradeRequest("EIO=4&transport=websocket&sid=" + sid, requestLoop);
    return socket(r, sessionLoop);
  }
  void close(Socket& s) {
    loops.on(s.loop, [&] { s.connection.reset(); });
    loops.run();
  }

  FakeClock clock;
  SteppingLoops loops;
  std::vector<Speaker*> speakers;
  std::vector<std::string> greetings;
  bool echo = true;
  std::optional<Error> refusal;
  std::unique_ptr<engine::EngineServer> server;
};

}  // namespace chatd::test

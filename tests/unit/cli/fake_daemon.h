// A small daemon for chatctl's tests: HTTP/1.1 on a free TCP port and on a Unix socket, with the semantics of the REST
// interface that the client relies on (ids, names, pages with cursors, problem+json, create-only, idempotency keys), and
// faults on order. Thread: its own serves; the public functions may be called from the test's.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"

namespace chatd::test {

struct SeenRequest {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
  [[nodiscard]] std::string line() const { return method + " " + target; }
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? std::string() : it->second;
  }
};

struct Reply {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// What goes wrong with one request instead of an answer.
enum class Fault { HangUp, Silence, NoHttp, CutShort, Drip };

class FakeDaemon {
 public:
  FakeDaemon();
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  [[nodiscard]] std::string tcp() const;  ///< "http://127.0.0.1:PORT"
  [[nodiscard]] std::string unixSocket() const { return "unix:" + folder_ + "/admin.sock"; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

  /// The next request gets this and does not reach the model; several queue up.
  void answerNext(Reply reply);
  void failNext(Fault fault);
  /// The next request is done by the model, but its answer is lost.
  void loseNextAnswer();
  /// All requests so far, in order; and forgets them.
  [[nodiscard]] std::vector<SeenRequest> seen();
  /// False if none has come by then.
  [[nodiscard]] bool waitForRequest(std::chrono::seconds patience);

  static Reply problem(int status, const std::string& code, const std::string& detail);

 private:
  struct User {
    std::int64_t id, app;
    std::string appUserId, firstName;
  };
  struct Room {
    std::int64_t id, app;
    std::string name, type, title;
    std::vector<std::int64_t> members;
  };
  struct Message {
    std::int64_t id, room, seq, user;
    std::string text, clientMsgId;
  };
  struct App {
    std::int64_t id;
    std::string name, url;
  };
  struct Target {
    std::vector<std::string> path;
    std::map<std::string, std::string> query;
  };
  using Order = std::function<std::optional<Reply>(const SeenRequest&, int socket)>;

  void serve();
  void serveOne(int socket);
  std::optional<Reply> answer(const SeenRequest& request, int socket);
  Reply model(const SeenRequest& request);
  Reply apps(const SeenRequest& request, const Target& at, const JsonDocument& body);
  Reply users(const SeenRequest& request, const Target& at, const JsonDocument& body);
  Reply rooms(const SeenRequest& request, const Target& at, const JsonDocument& body);
  Reply changeMembers(const Target& at, const JsonDocument& body);
  Reply messages(const SeenRequest& request, const Target& at, const JsonDocument& body);
  App* findApp(const std::string& word);
  Room* findRoom(const std::string& word, std::int64_t app);
  User* findUser(std::int64_t app, const std::string& appUserId);
  std::string show(const App& app) const;
  std::string show(const User& user) const;
  std::string show(const Room& room) const;
  std::string show(const Message& message) const;

  std::string folder_;
  int tcpSocket_ = -1, unixSocket_ = -1, wakeUp_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;  // guards all below but the thread
  std::condition_variable arrived_;
  std::vector<SeenRequest> seen_;
  std::deque<Order> orders_;
  std::int64_t lastId_ = 0;
  std::vector<App> apps_;
  std::vector<User> users_;
  std::vector<Room> rooms_;
  std::vector<Message> messages_;
  std::map<std::string, Reply> kept_;  // by Idempotency-Key
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace chatd::test

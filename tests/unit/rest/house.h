// House: the whole API over real parts (SQLite in memory, authenticator, verifier chain, chat service) on one pump of tasks,
// with recorders where sessions and fan-out would be. Every answer is held against the route's own document.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"
#include "auth/verifier_chain.h"
#include "base/json.h"
#include "base/mutex.h"
#include "chat/chat_service.h"
#include "outbound/outbound_http.h"
#include "rest/rest_api.h"
#include "rest/router.h"
#include "store/store.h"

namespace chatd::test {

/// Tasks of one loop and of the workers, run by the thread of the test.
class Pump final : public Executor {
 public:
  [[nodiscard]] std::size_t loops() const override { return 1; }
  [[nodiscard]] std::size_t here() const override { return onLoop_ ? 0 : kNoLoop; }
  [[nodiscard]] bool post(std::size_t loop, Mail mail, Task task) override;
  void after(std::size_t loop, std::chrono::milliseconds delay, Task task) override;
  void atTurnEnd(std::size_t loop, Task task) override { (void)post(loop, Mail::Completion, std::move(task)); }
  [[nodiscard]] Offer work(AppId app, Task task) override;

  /// Runs what comes until `done()` says so. False: a minute has passed.
  template <class Done>
  [[nodiscard]] bool until(Done done) {
    const Steady deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      runOne();
    }
    return true;
  }
  /// Runs what is queued now.
  void drain();

  Offer workers = Offer::Taken;  ///< what work() answers
  std::function<bool()> refuse;  ///< if it says so, a call of work() from the loop is answered Full

 private:
  struct Item {
    bool loop;
    Task task;
  };
  void runOne();
  void push(Item item);

  Mutex mutex_;
  Condition ready_;
  std::deque<Item> items_ CHATD_GUARDED_BY(mutex_);
  bool onLoop_ = false;
};

struct SessionsFake final : Sessions {
  std::vector<SessionSummary> ofUser(UserId user) override {
    return live.count(user) != 0 ? live[user] : std::vector<SessionSummary>();
  }
  std::size_t count() override { return live.size(); }
  std::size_t endUser(UserId user, Code why) override {
    ended.emplace_back(user, why);
    return live.erase(user);
  }
  std::size_t endApp(AppId app, Code why) override {
    endedApps.emplace_back(app, why);
    return 0;
  }
  void reverify(const App& app) override { reverified.emplace_back(app.id, app.settings.reverify); }
  std::vector<std::pair<AppId, std::chrono::seconds>> reverified;
  std::map<UserId, std::vector<SessionSummary>> live;
  std::vector<std::pair<UserId, Code>> ended;
  std::vector<std::pair<AppId, Code>> endedApps;
};

struct FanoutFake final : Fanout {
  void tell(std::uint64_t, std::shared_ptr<const RoomLetter>) override {}
  bool tellUsers(std::size_t, std::shared_ptr<const UserLetter>) override { return true; }
};

struct Reply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  JsonDocument json;

  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] std::string code() const { return at("code"); }
  /// A member as text: a string as it is, anything else as JSON; empty if it is not there. "login.password" goes deeper,
  /// "items.0" into an array.
  [[nodiscard]] std::string at(std::string_view path) const;
  [[nodiscard]] std::size_t size(std::string_view path) const;
  /// The details of a 422, as "field: detail" lines.
  [[nodiscard]] std::string faults() const;
};

/// Who calls.
struct As {
  std::string bearer;
  bool adminSocket = false;
};

class House {
 public:
  House();
  ~House();

  using Headers = std::vector<std::pair<std::string, std::string>>;
  /// One request, from the loop to its answer.
  Reply call(const As& as, std::string_view method, std::string_view target, std::string_view body = {},
             const Headers& headers = {});
  /// The same without waiting: the answer is in the slot once it is there.
  struct Slot {
    net::HttpResponse response;    ///< there when it has been answered, on whatever thread
    std::atomic<int> answers = 0;  ///< one is right
  };
  std::shared_ptr<Slot> begin(const As& as, std::string_view method, std::string_view target, std::string_view body = {},
                              const Headers& headers = {});

  // Material, made through the ports (no argon2).
  AppId makeApp(const std::string& name);
  As keyOf(AppId app);
  As account(const std::string& login, AccountRole role, const std::vector<AppId>& apps);
  /// Registers a user with a token of its own.
  UserId makeUser(AppId app, const std::string& appUserId);
  As userToken(AppId app, const std::string& appUserId);
  RoomId makeRoom(AppId app, const std::string& name, const std::vector<UserId>& members, RoomType type = RoomType::Group);

  As peer{.bearer = "", .adminSocket = true};
  As nobody{};

  Pump pump;
  FakeClock clock{std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now())};
  Store store;
  OutboundHttp http;
  VerifierChain verifier;
  Authenticator authenticator;
  SessionsFake sessions;
  FanoutFake fanout;
  ChatService chat;
  std::vector<std::string> notReady;
  // What /server works on.
  std::string logLevel = "info";
  bool draining = false;
  std::optional<Error> reloadFault;
  std::vector<std::pair<std::string, int>> observed;  ///< route and status
  RestApi api;

  RestOptions options();

 private:
  void check(std::string_view method, std::string_view target, const Reply& reply);
  rest::Router router_;
};

}  // namespace chatd::test

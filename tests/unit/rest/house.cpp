#include "unit/rest/house.h"

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "auth/digest.h"
#include "base/text.h"
#include "rest/documents.h"
#include "rest/openapi.h"
#include "rest/schema.h"

namespace chatd::test {

namespace {

const std::string kServerKey(32, 'k');

StoreOptions inMemory() {
  StoreOptions options;
  options.url = "sqlite::memory:";
  return options;
}

VerifierOptions lenient() {
  VerifierOptions options;
  options.failuresBurst = 10'000;  // the matrix shows many bad credentials from one address
  return options;
}

struct SlotSink final : net::HttpResponder::Sink {
  explicit SlotSink(std::shared_ptr<House::Slot> to) : slot(std::move(to)) {}
  void answer(net::HttpResponse&& response, std::unique_ptr<net::StreamHandler>) override {
    slot->response = std::move(response);
    ++slot->answers;
  }
  std::shared_ptr<House::Slot> slot;
};

const JsonValue* walk(const JsonValue& from, std::string_view path) {
  const JsonValue* value = &from;
  while (!path.empty() && value != nullptr) {
    const std::size_t dot = path.find('.');
    const std::string_view step = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    if (value->IsArray()) {
      const auto index = static_cast<rapidjson::SizeType>(std::stoul(std::string(step)));
      value = index < value->Size() ? &(*value)[index] : nullptr;
    } else {
      value = value->IsObject() ? find(*value, step) : nullptr;
    }
  }
  return value;
}

}  // namespace

bool Pump::post(std::size_t, Mail, Task task) {
  push({true, std::move(task)});
  return true;
}
void Pump::after(std::size_t, std::chrono::milliseconds, Task task) { push({true, std::move(task)}); }
Offer Pump::work(AppId, Task task) {
  if (workers != Offer::Taken) return workers;
  if (onLoop_ && refuse && refuse()) return Offer::Full;
  push({false, std::move(task)});
  return Offer::Taken;
}
void Pump::push(Item item) {
  {
    LockGuard g(mutex_);
    items_.push_back(std::move(item));
  }
  ready_.notifyOne();
}
void Pump::runOne() {
  std::optional<Item> item;
  {
    UniqueLock lock(mutex_);
    if (items_.empty()) {
      static_cast<void>(ready_.waitUntil(lock, std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
    }
    if (items_.empty()) return;
    item.emplace(std::move(items_.front()));
    items_.pop_front();
  }
  onLoop_ = item->loop;
  item->task();
  onLoop_ = false;
}
void Pump::drain() {
  for (;;) {
    {
      LockGuard g(mutex_);
      if (items_.empty()) return;
    }
    runOne();
  }
}

std::string Reply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equalIgnoreCase(key, name)) return value;
  }
  return {};
}
std::string Reply::at(std::string_view path) const {
  const JsonValue* value = walk(json, path);
  if (value == nullptr) return {};
  return value->IsString() ? std::string(asView(*value)) : toText(*value);
}
std::size_t Reply::size(std::string_view path) const {
  const JsonValue* value = walk(json, path);
  return value != nullptr && value->IsArray() ? value->Size() : 0;
}
std::string Reply::faults() const {
  std::string lines;
  for (std::size_t i = 0; i < size("errors"); ++i) {
    const std::string one = "errors." + std::to_string(i);
    lines += at(one + ".field") + ": " + at(one + ".detail") + "\n";
  }
  return lines;
}

House::House()
    : store(inMemory(), clock),
      http(OutboundOptions{}),
      verifier(store.credentials(), store.directory(), http, clock, kServerKey, lenient()),
      authenticator(store.credentials(), store.directory(), verifier, clock, kServerKey),
      chat(pump, store.log(), store.directory(), fanout, clock, ChatLimits{}),
      api({pump, authenticator, verifier, store.directory(), store.credentials(), store.log(), chat, sessions,
           store.backups(), clock},
          options()),
      router_(rest::routeTable()) {
  const auto opened = store.open();
  BOOST_REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().detail()));
}

House::~House() {
  http.stop();
  verifier.stop();
  store.stop();
  pump.drain();
}

RestOptions House::options() {
  RestOptions options;
  options.bodyBytes = 100'000;
  options.corsOrigins = {"https://friend.example"};
  options.metricsToken = "metrics-secret";
  options.version = "0.1.0";
  options.page = [](std::string_view path, std::string_view ifNoneMatch) -> std::optional<StaticAnswer> {
    if (path == "/swagger") return StaticAnswer{308, {{"Location", "/swagger/"}}, ""};
    if (path != "/swagger/" && path != "/demo/" && path != "/swagger/a/b.js") return std::nullopt;
    if (ifNoneMatch == "\"e\"") return StaticAnswer{304, {{"ETag", "\"e\""}}, ""};
    return StaticAnswer{
        200, {{"Content-Type", "text/html; charset=utf-8"}, {"Content-Security-Policy", "default-src 'self'"}}, "<p>hi"};
  };
  options.metrics = [] { return std::string("chatd_up 1\n"); };
  options.notReady = [this] { return notReady; };
  options.control.report = [this] {
    return ServerReport{.pid = 7, .logLevel = logLevel, .draining = draining, .sessions = 2, .secretFaults = {}};
  };
  options.control.reload = [this]() -> Result<ReloadReport> {
    if (reloadFault) return *reloadFault;
    return ReloadReport{{"log.level"}, {"listen"}, {}};
  };
  options.control.setLogLevel = [this](std::string_view level) { logLevel = level; };
  options.control.drain = [this](bool on) { draining = on; };
  options.observe = [this](const RestObservation& seen) { observed.emplace_back(seen.route, seen.status); };
  return options;
}

std::shared_ptr<House::Slot> House::begin(const As& as, std::string_view method, std::string_view target,
                                          std::string_view body, const Headers& headers) {
  net::HttpRequest request;
  request.method = method;
  request.target = target;
  request.path = target.substr(0, target.find('?'));
  if (const auto mark = target.find('?'); mark != std::string_view::npos) request.query = target.substr(mark + 1);
  request.headers = headers;
  request.headers.emplace_back("Host", "chat.example:8080");
  if (!as.bearer.empty()) request.headers.emplace_back("Authorization", "Bearer " + as.bearer);
  const bool typed = std::any_of(headers.begin(), headers.end(), [](const auto& h) { return h.first == "Content-Type"; });
  if (!body.empty() && !typed) request.headers.emplace_back("Content-Type", "application/json");
  request.body = body;
  if (as.adminSocket) {
    request.peer.unixSocket = true;
    request.peer.uid = ::geteuid();
  } else {
    request.peer.ip = "192.0.2.1";
  }
  auto slot = std::make_shared<Slot>();
  api.handle(std::move(request), net::HttpResponder(std::make_shared<SlotSink>(slot)));
  return slot;
}

Reply House::call(const As& as, std::string_view method, std::string_view target, std::string_view body,
                  const Headers& headers) {
  const auto slot = begin(as, method, target, body, headers);
  BOOST_REQUIRE(pump.until([&] { return slot->answers > 0; }));
  pump.drain();
  BOOST_TEST(slot->answers == 1);
  Reply reply;
  reply.status = slot->response.status;
  reply.headers = std::move(slot->response.headers);
  reply.body = std::move(slot->response.body);
  if (reply.header("Content-Type").find("json") != std::string::npos) {
    auto parsed = parseJson(reply.body);
    BOOST_REQUIRE_MESSAGE(parsed.ok(), "not JSON: " << reply.body);
    reply.json = std::move(*parsed);
  }
  check(method, target, reply);
  return reply;
}

/// The answer is one of those that the route's row documents, field by field.
void House::check(std::string_view method, std::string_view target, const Reply& reply) {
  BOOST_TEST(!reply.header("X-Request-Id").empty());
  const std::string where =
      std::string(method) + " " + std::string(target) + " -> " + std::to_string(reply.status) + " " + reply.body;
  if (reply.header("Content-Type") == "application/problem+json") {
    const auto valid = rest::validate(rest::kProblemDocument, reply.json);
    BOOST_TEST(valid.ok(), where);
    BOOST_TEST(reply.at("status") == std::to_string(reply.status));
  }
  auto match = router_.match(method, target.substr(0, target.find('?')));
  if (!match.ok() || match->route == nullptr) return;
  const rest::Route& route = *match->route;
  for (const rest::Answer& answer : route.answers) {
    if (answer.status != reply.status) continue;
    if (answer.body == nullptr) return;
    if (!answer.list) {
      const auto valid = rest::validate(*answer.body, reply.json);
      BOOST_TEST(valid.ok(), where << (valid.ok() ? "" : valid.error().detail()));
      return;
    }
    for (const auto& item : reply.json["items"].GetArray()) {
      const auto valid = rest::validate(*answer.body, item);
      BOOST_TEST(valid.ok(), where << (valid.ok() ? "" : valid.error().detail()));
    }
    return;
  }
  if (reply.status == 304) return;
  const auto codes = rest::errorsOf(route);
  BOOST_TEST(std::any_of(codes.begin(), codes.end(), [&](Code code) { return row(code).wire == reply.code(); }),
             "undocumented: " << where);
}

AppId House::makeApp(const std::string& name) {
  const auto app = store.directory().createApp({name, {}, {}});
  BOOST_REQUIRE(app.ok());
  return app->id;
}

As House::keyOf(AppId app) {
  const auto key = authenticator.createKey(app);
  BOOST_REQUIRE(key.ok());
  return {.bearer = key->secret};
}

As House::account(const std::string& login, AccountRole role, const std::vector<AppId>& apps) {
  const auto account = store.credentials().createAccount(login, "no password", role, apps);
  BOOST_REQUIRE(account.ok());
  const std::string token = Authenticator::newSecret("ca_");
  BOOST_REQUIRE(store.credentials().addAccountToken(account->id, sha256(token), clock.wall() + std::chrono::hours(24)).ok());
  return {.bearer = token};
}

UserId House::makeUser(AppId app, const std::string& appUserId) {
  const auto user = store.directory().upsertUser(app, appUserId, false, {}, false);
  BOOST_REQUIRE(user.ok());
  return user->user.id;
}

As House::userToken(AppId app, const std::string& appUserId) {
  const UserId user = makeUser(app, appUserId);
  const std::string token = "token-of-" + std::to_string(raw(app)) + "-" + appUserId;
  BOOST_REQUIRE(store.credentials().addToken(app, user, authenticator.tokenHash(token), std::nullopt).ok());
  return {.bearer = token};
}

RoomId House::makeRoom(AppId app, const std::string& name, const std::vector<UserId>& members, RoomType type) {
  NewRoom room;
  room.app = app;
  room.name = name;
  room.type = type;
  room.members = members;
  const auto made = store.directory().createRoom(room);
  BOOST_REQUIRE(made.ok());
  return made->room.id;
}

}  // namespace chatd::test

#include "realtime/realtime.h"

#include <algorithm>

#include "base/text.h"
#include "engine/websocket_upgrade.h"
#include "net/peer_fields.h"
#include "realtime/socket_io_handler.h"

namespace chatd {

namespace {

constexpr std::size_t kRefillPage = 256;  // messages read at once for a loop that lags

}  // namespace

Realtime::Realtime(Executor& executor, Verifier& verifier, const Clock& clock, const RealtimeOptions& options)
    : executor_(executor),
      verifier_(verifier),
      clock_(clock),
      lags_(executor.loops()),
      options_(std::make_shared<const RealtimeOptions>(options)) {
  for (std::size_t i = 0; i < executor.loops(); ++i) {
    hubs_.push_back(std::make_unique<Hub>(executor, clock, i));
    followers_.push_back(std::make_unique<Followers>(*this, i));
  }
}

Realtime::~Realtime() = default;

std::shared_ptr<const RealtimeOptions> Realtime::options() {
  LockGuard g(mutex_);
  return options_;
}

void Realtime::setOptions(const RealtimeOptions& options) {
  auto next = std::make_shared<const RealtimeOptions>(options);
  LockGuard g(mutex_);
  options_ = std::move(next);
}

Result<std::unique_ptr<engine::TransportHandler>> Realtime::open(const net::HttpRequest& request) {
  if (draining()) return Code::Restarting;
  Handshake handshake;
  handshake.origin = engine::headerOr(request, "Origin");
  handshake.fields = net::peerFields(request, options()->origins, *verifier_.peerNames());
  handshake.token = bearerOf(engine::headerOr(request, "Authorization"));
  if (handshake.token.empty()) handshake.token = request.queryValue("token").value_or("");
  if (const std::string* app = request.header("X-Chat-App")) {
    handshake.app = *app;
  } else {
    handshake.app = request.queryValue("app");
  }
  return std::unique_ptr<engine::TransportHandler>(std::make_unique<SocketIoHandler>(*this, std::move(handshake)));
}

// ---- Sessions

std::size_t Realtime::endUser(UserId user, Code why) {
  const auto addresses = registry_.addresses(user);
  for (const SessionAddress address : addresses) withSession(address, [why](Session& session) { session.end(why); });
  return addresses.size();
}

std::size_t Realtime::endApp(AppId app, Code why) {
  const auto addresses = registry_.addressesOfApp(app);
  for (const SessionAddress address : addresses) withSession(address, [why](Session& session) { session.end(why); });
  return addresses.size();
}

// One letter a loop, however many sessions there are.
void Realtime::reverify(const App& app) {
  {
    LockGuard g(mutex_);
    reverify_[app.id] = {app.revision, app.settings.reverify};
  }
  for (std::size_t i = 0; i < hubs_.size(); ++i) {
    Hub* hub = hubs_[i].get();
    (void)executor_.post(i, Mail::Completion, [hub, id = app.id, interval = app.settings.reverify] {
      hub->forEach([&](Session& session) {
        if (session.app() == id) session.reverifyEvery(interval);
      });
    });
  }
}

std::chrono::milliseconds Realtime::reverifyOf(const App& app) {
  LockGuard g(mutex_);
  const auto changed = reverify_.find(app.id);
  const bool newer = changed != reverify_.end() && changed->second.revision > app.revision;
  return newer ? changed->second.interval : app.settings.reverify;
}

void Realtime::drain() {
  draining_.store(true);
  for (std::size_t i = 0; i < hubs_.size(); ++i) {
    Hub* hub = hubs_[i].get();
    (void)executor_.post(i, Mail::Completion, [hub] { hub->forEach([](Session& session) { session.drain(); }); });
  }
}

std::uint64_t Realtime::deliveries() const {
  std::uint64_t sum = 0;
  for (const auto& hub : hubs_) sum += hub->deliveries();
  return sum;
}

// ---- Fanout

void Realtime::tell(std::uint64_t loops, std::shared_ptr<const RoomLetter> letter) {
  auto encoded = std::make_shared<const EncodedLetter>(std::move(letter));
  for (std::size_t loop = 0; loop < hubs_.size(); ++loop) {
    if ((loops >> loop & 1) != 0) sendLetter(loop, encoded);
  }
}

bool Realtime::tellUsers(std::size_t loop, std::shared_ptr<const UserLetter> letter) {
  Followers* followers = followers_[loop].get();
  const Mail mail = std::holds_alternative<RoomActivity>(letter->what) ? Mail::Event : Mail::Completion;
  return executor_.post(loop, mail, [followers, letter = std::move(letter)] { followers->deliver(*letter); });
}

void Realtime::sendLetter(std::size_t loop, std::shared_ptr<const EncodedLetter> letter) {
  const std::size_t home = executor_.here();
  Hub* hub = hubs_[loop].get();
  if (loop == home) return hub->deliver(std::move(letter));
  const RoomLetter& content = letter->letter();
  // What a refill from the log does not bring back must not be dropped: changes and losses. Their number is bounded by
  // admission.
  bool refillable = true;
  for (const RoomEvent& event : content.events) {
    refillable = refillable && !std::holds_alternative<LostEvent>(event) && !std::holds_alternative<UpdatedEvent>(event) &&
                 !std::holds_alternative<DeletedEvent>(event);
  }
  LagMap& lags = lags_[home];
  const auto lagging = lags.find({loop, content.room->id});
  if (refillable) {
    if (lagging == lags.end() && executor_.post(loop, Mail::Event, [hub, letter] { hub->deliver(letter); })) return;
    return lag(loop, content);
  }
  if (lagging != lags.end()) {
    // It overtakes what is being refilled: its own messages come from the log in their turn, and where it stands is not
    // where its listeners stand.
    auto rest = std::make_shared<RoomLetter>(content);
    std::erase_if(rest->events, [](const RoomEvent& event) { return std::holds_alternative<MessageEvent>(event); });
    rest->epoch.clear();
    lag(loop, content);
    letter = std::make_shared<const EncodedLetter>(std::move(rest));
  }
  (void)executor_.post(loop, Mail::Completion, [hub, letter] { hub->deliver(letter); });
}

void Realtime::lag(std::size_t loop, const RoomLetter& letter) {
  const std::size_t home = executor_.here();
  Seq newest{};
  for (const RoomEvent& event : letter.events) {
    if (const auto* m = std::get_if<MessageEvent>(&event)) newest = std::max(newest, m->message->seq);
  }
  // Typing, seen and rosters are dropped: newer ones say it again.
  if (raw(newest) == 0) return;
  const auto [it, isNew] = lags_[home].try_emplace({loop, letter.room->id}, Lag{letter.room, newest});
  it->second.told = std::max(it->second.told, newest);
  if (isNew) refill(home, loop, letter.room, newest);
}

void Realtime::refill(std::size_t home, std::size_t loop, std::shared_ptr<const Room> room, Seq upTo) {
  Hub* hub = hubs_[loop].get();
  // On the listening loop: where does it stand? Then a worker reads, and the page goes the usual way.
  (void)executor_.post(loop, Mail::Completion, [this, home, loop, room, upTo, hub] {
    const auto cursor = hub->cursor(room->id);
    if (!cursor || *cursor >= upTo) {
      (void)executor_.post(home, Mail::Completion,
                           [this, home, loop, id = room->id, upTo] { caughtUp(home, loop, id, upTo); });
      return;
    }
    const Offer offer = executor_.work(room->app, [this, home, loop, room, upTo, after = *cursor] {
      auto messages = chat_->messagesBetween(room->id, after, upTo, kRefillPage);
      (void)executor_.post(loop, Mail::Completion, [this, home, loop, room, upTo, messages = std::move(messages)]() mutable {
        refilled(home, loop, room, upTo, std::move(messages));
      });
    });
    if (offer != Offer::Taken) refilled(home, loop, room, upTo, Error(Code::Busy));
  });
}

void Realtime::refilled(std::size_t home, std::size_t loop, std::shared_ptr<const Room> room, Seq upTo,
                        Result<std::vector<Message>> messages) {
  if (messages.ok() && messages->empty()) {
    // Retention took all of it: there is nothing to catch up with.
    (void)executor_.post(home, Mail::Completion,
                         [this, home, loop, id = room->id, upTo] { caughtUp(home, loop, id, upTo); });
    return;
  }
  if (!messages.ok()) {
    // The store is away or busy: the room stays behind on this loop until it answers.
    executor_.after(loop, std::chrono::milliseconds(100),
                    [this, home, loop, room, upTo] { refill(home, loop, room, upTo); });
    return;
  }
  auto letter = std::make_shared<RoomLetter>();
  letter->room = room;
  letter->app = room->app;
  for (Message& m : *messages) letter->events.push_back(MessageEvent{std::make_shared<const Message>(std::move(m)), {}});
  hubs_[loop]->deliver(std::make_shared<const EncodedLetter>(std::move(letter)));
  refill(home, loop, room, upTo);
}

void Realtime::caughtUp(std::size_t home, std::size_t loop, RoomId room, Seq at) {
  const auto it = lags_[home].find({loop, room});
  if (it == lags_[home].end()) return;
  if (it->second.told > at) return refill(home, loop, it->second.room, it->second.told);
  lags_[home].erase(it);
}

}  // namespace chatd

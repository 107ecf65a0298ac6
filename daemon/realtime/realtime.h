// Realtime: the live side of chatd. Makes the sessions of /socket.io/, holds those of all loops, and carries what rooms say
// to the loops that listen. Owned by the composition root. Thread: any, unless said otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chat/chat_service.h"
#include "chat/fanout.h"
#include "chat/sessions.h"
#include "chat/verifier.h"
#include "engine/transport.h"
#include "net/http.h"
#include "realtime/followers.h"
#include "realtime/hub.h"
#include "realtime/recent_ids.h"
#include "realtime/session.h"
#include "realtime/session_registry.h"

namespace chatd {

struct RealtimeOptions {
  std::size_t maxPayload = 1'000'000;  ///< bytes of one message from a client
  std::size_t sessionsPerUser = 20;
  std::size_t outboxBytes = 1 << 20;    ///< bytes that a session may have unsent
  std::size_t replay = 1000;            ///< messages, and changes, that a returning session is given
  std::size_t messageBytes = 16'384;    ///< the longest text
  std::int64_t messagesPerSecond = 10;  ///< told to clients; the domain holds them to it
  std::int64_t messagesBurst = 50;
  // Of plain WebSocket; those of Engine.IO are EngineOptions.
  std::chrono::milliseconds pingInterval{25'000};
  std::chrono::milliseconds pingTimeout{20'000};
  bool deflate = false;                           ///< permessage-deflate is taken where a client offers it
  std::vector<std::string> origins;               ///< allowed besides the same origin; "*": any
  std::chrono::milliseconds connectTime{45'000};  ///< from the upgrade to the CONNECT packet
};

class Realtime final : public Fanout, public Sessions {
 public:
  Realtime(Executor& executor, Verifier& verifier, const Clock& clock, const RealtimeOptions& options);
  ~Realtime() override;
  /// Sets the domain, which needs this object first (as its Fanout). Once, before the first request.
  void setChat(ChatService& chat) { chat_ = &chat; }
  /// What makes MACs under a key that outlives the process; without it no client is told how to resume its session. Once,
  /// before the first request. Thread of the calls: any.
  void setSigner(std::function<std::string(std::string_view)> sign) { sign_ = std::move(sign); }

  /// Who speaks for a new Engine.IO session of /socket.io/. Errors: Restarting. Thread: the connection's loop.
  [[nodiscard]] Result<std::unique_ptr<engine::TransportHandler>> open(const net::HttpRequest& request);

  // Fanout.
  void tell(std::uint64_t loops, std::shared_ptr<const RoomLetter> letter) override;
  [[nodiscard]] bool tellUsers(std::size_t loop, std::shared_ptr<const UserLetter> letter) override;

  // Sessions.
  [[nodiscard]] std::vector<SessionSummary> ofUser(UserId user) override { return registry_.ofUser(user); }
  [[nodiscard]] std::size_t count() override { return registry_.size(); }
  std::size_t endUser(UserId user, Code why) override;
  std::size_t endApp(AppId app, Code why) override;
  void reverify(const App& app) override;

  /// Asks every client to come back to another process: refuses new ones, and ends each session once its commands are
  /// answered.
  void drain();
  /// Takes drain() back: new sessions are let in again. Thread: any.
  void resume() { draining_.store(false); }
  /// Open transports, sessions or not yet.
  [[nodiscard]] std::size_t transports() const { return transports_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t deliveries() const;

  void setOptions(const RealtimeOptions& options);

  // For sessions.
  [[nodiscard]] Executor& executor() { return executor_; }
  [[nodiscard]] ChatService& chat() { return *chat_; }
  [[nodiscard]] Verifier& verifier() { return verifier_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] SessionRegistry& registry() { return registry_; }
  /// Ids of sessions that were in more rooms than an offset can name.
  [[nodiscard]] RecentIds& unresumable() { return unresumable_; }
  [[nodiscard]] Hub& hub(std::size_t loop) { return *hubs_[loop]; }
  [[nodiscard]] Followers& followers(std::size_t loop) { return *followers_[loop]; }
  [[nodiscard]] std::shared_ptr<const RealtimeOptions> options();
  /// How often a session of this app is to ask about its token; 0: not. `app` may be older than what reverify() was told of.
  [[nodiscard]] std::chrono::milliseconds reverifyOf(const App& app);
  /// The MAC of these bytes under the server's key; empty: there is no key.
  [[nodiscard]] std::string sign(std::string_view bytes) const { return sign_ ? sign_(bytes) : std::string(); }
  [[nodiscard]] bool draining() const { return draining_.load(std::memory_order_relaxed); }
  [[nodiscard]] SessionId nextSessionId() { return SessionId{nextSession_.fetch_add(1, std::memory_order_relaxed)}; }
  void transportOpened() { transports_.fetch_add(1, std::memory_order_relaxed); }
  void transportClosed() { transports_.fetch_sub(1, std::memory_order_relaxed); }

  /// Runs f(S& session), S being what was made under that address, on the session's loop if it is still there, else
  /// `gone()`.
  template <class S = Session, class F, class G>
  void withSession(SessionAddress address, F f, G gone) {
    Hub* hub = hubs_[address.loop].get();
    auto run = [hub, address, f = std::move(f), gone = std::move(gone)]() mutable {
      if (Session* session = hub->find(address.id)) {
        f(static_cast<S&>(*session));
      } else {
        gone();
      }
    };
    if (executor_.here() == address.loop) return run();
    // Completion: refused only when the loop has stopped and its sessions with it.
    (void)executor_.post(address.loop, Mail::Completion, std::move(run));
  }
  template <class S = Session, class F>
  void withSession(SessionAddress address, F f) {
    withSession<S>(address, std::move(f), [] {});
  }

 private:
  /// A loop whose mailbox was full when a room spoke; what it missed is read again from the log.
  struct Lag {
    std::shared_ptr<const Room> room;
    Seq told{};  ///< the newest message that it was not handed
  };
  struct Reverify {
    std::int64_t revision = 0;  ///< of the app
    std::chrono::milliseconds interval{0};
  };
  using LagMap = std::map<std::pair<std::size_t, RoomId>, Lag>;  // by listening loop and room

  void sendLetter(std::size_t loop, std::shared_ptr<const EncodedLetter> letter);
  void lag(std::size_t loop, const RoomLetter& letter);
  void refill(std::size_t home, std::size_t loop, std::shared_ptr<const Room> room, Seq upTo);
  void refilled(std::size_t home, std::size_t loop, std::shared_ptr<const Room> room, Seq upTo,
                Result<std::vector<Message>> messages);
  void caughtUp(std::size_t home, std::size_t loop, RoomId room, Seq at);

  Executor& executor_;
  Verifier& verifier_;
  const Clock& clock_;
  ChatService* chat_ = nullptr;
  std::function<std::string(std::string_view)> sign_;
  SessionRegistry registry_;
  RecentIds unresumable_{16'384};
  std::vector<std::unique_ptr<Hub>> hubs_;
  std::vector<std::unique_ptr<Followers>> followers_;
  std::vector<LagMap> lags_;  ///< by home loop; each touched by that loop alone
  Mutex mutex_;
  std::shared_ptr<const RealtimeOptions> options_ CHATD_GUARDED_BY(mutex_);
  std::map<AppId, Reverify> reverify_ CHATD_GUARDED_BY(mutex_);  ///< of apps that changed it; one entry an app at most
  std::atomic<std::uint64_t> nextSession_{1};
  std::atomic<std::size_t> transports_{0};
  std::atomic<bool> draining_{false};
};

}  // namespace chatd

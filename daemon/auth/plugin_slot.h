// PluginSlot: everything about one plugin on behalf of one app: its verifiers, its process (and, while it is replaced, the
// next and the leaving ones), and the questions under way. See plugin_supervisor.h for what it promises.
// Owned by PluginSupervisor. Thread: the supervisor's.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "auth/plugin_process.h"
#include "auth/plugin_supervisor.h"
#include "auth/quarantine.h"

namespace chatd {

/// What a slot needs from its supervisor.
class SlotHost {
 public:
  virtual ~SlotHost() = default;
  /// Starts a process with the plugin's file as it is now, and watches it under the serial.
  virtual Result<std::unique_ptr<PluginProcess>> start(const std::string& plugin, std::uint64_t serial) = 0;
  virtual std::uint64_t newSerial() = 0;
  /// So many may a process send in a second.
  [[nodiscard]] virtual std::size_t messages() const = 0;
  virtual void unwatch(const PluginProcess& process) = 0;
  virtual void rewatch(const PluginProcess& process, std::uint64_t serial) = 0;
  virtual PluginInstanceOwner& owner() = 0;
  virtual Quarantine& quarantine() = 0;
  /// One line about a plugin; rate-limited.
  virtual void say(AuthLogLevel level, const std::string& line) = 0;
  /// The process asks for an HTTP call; answers through PluginSlot::fetched.
  virtual bool fetch(std::uint64_t serial, std::uint64_t id, OutboundRequest request) = 0;
};

/// A question under way.
struct HostedJob {
  PluginSupervisor::InstanceId instance = 0;
  const PluginHost::Instance* by = nullptr;
  Question question;
  Steady deadline{};
  std::string tokenKey;      ///< keyed hash
  std::uint64_t serial = 0;  ///< of the process that was asked; 0: waits
  bool retried = false;
  bool over = false;  ///< nobody waits for it any more
  Steady owedUntil{};
};

/// A process and what the slot knows of it.
struct HostedProcess {
  enum class Made : std::uint8_t { Asked, Ready, Failed };
  struct Instance {
    Made made = Made::Asked;
    Steady until{};  ///< Asked: created by then; Failed: not tried again before
    std::string reason;
  };

  std::uint64_t serial = 0;
  std::unique_ptr<PluginProcess> process;
  bool loaded = false;
  Steady loadedBy{};
  std::map<PluginSupervisor::InstanceId, Instance> instances;
  std::map<PluginSupervisor::InstanceId, Steady> destroying;  ///< done by then
  std::set<chatd_job> underWay;
  std::size_t fetches = 0;
  std::size_t answers = 0;
  bool leaving = false;
  std::size_t heard = 0;  ///< messages in this second
  Steady second{};
};

class PluginSlot {
 public:
  using Id = PluginSupervisor::InstanceId;
  PluginSlot(SlotHost& host, AppId app, std::string plugin) : host_(host), app_(app), plugin_(std::move(plugin)) {}

  void add(Id id, HostedVerifier verifier) { verifiers_[id] = std::move(verifier); }
  void remove(Id id, Steady now);
  void verify(chatd_job id, HostedJob job, Steady now);
  void cancel(chatd_job id, Steady now);
  /// As PluginSupervisor::reconfigure.
  void reconfigure(Id id, hostwire::Reconfigure given, UniqueFunction<void(Result<bool>)> then, Steady now);

  void heard(HostedProcess& process, hostwire::Message&& message, Steady now);
  /// It has ended, or must: `why` is for operators, empty: as the process itself says.
  enum class Blame : std::uint8_t { All, Overdue };  ///< which questions under way may have done it
  void died(HostedProcess& process, const std::string& why, Steady now, Blame whom = Blame::All);
  void fetched(std::uint64_t serial, std::uint64_t id, const hostwire::Fetched& answer);
  /// Looks at everything that has a time.
  void tick(Steady now);

  /// `then` gets an empty text, or why the replacement failed. False: nothing runs that could be replaced.
  bool reload(std::function<void(const std::string&)> then, Steady now);
  /// Asks the process for its health under this id; false: none runs.
  bool askHealth(std::uint64_t id);
  /// The process makes room for another; false: it has work.
  bool makeRoom(Steady now);
  /// Answers everything with Unavailable; lets the processes destroy what they have.
  void stop(Steady now);

  [[nodiscard]] HostedProcess* find(std::uint64_t serial);
  [[nodiscard]] const HostedJob* job(chatd_job id) const;
  [[nodiscard]] bool empty() const { return verifiers_.empty() && jobs_.empty() && !current_ && !next_ && leaving_.empty(); }
  [[nodiscard]] bool timed() const;
  [[nodiscard]] std::size_t processes() const { return (current_ ? 1 : 0) + (next_ ? 1 : 0) + leaving_.size(); }
  [[nodiscard]] Steady used() const { return used_; }
  [[nodiscard]] HostedState state() const;
  [[nodiscard]] const std::string& plugin() const { return plugin_; }
  [[nodiscard]] AppId app() const { return app_; }

 private:
  using ProcessPtr = std::unique_ptr<HostedProcess>;
  /// An instance that was refused is asked for again so much later.
  static constexpr std::chrono::seconds kCreateAgain{5};

  Result<ProcessPtr> launch(Steady now);
  void pump(Steady now);
  void pumpSuspects(Steady now);
  void pumpWaiting(Steady now);
  HostedProcess::Instance& made(HostedProcess& process, Id id, Steady now);
  void ask(HostedProcess& process, chatd_job id, HostedJob& job);
  void finish(chatd_job id, Verdict verdict, bool innocent);
  void refuseWaiting(const std::string& why);
  void backOff(bool hadAnswered, Steady now);
  void blame(HostedProcess& process, Blame whom, Steady now);
  void leave(ProcessPtr process, Steady now);
  void settle(HostedProcess& process, Steady now);
  void drop(HostedProcess& process);
  void destroyIn(HostedProcess& process, Id id, Steady now);
  void onLoaded(HostedProcess& process, const hostwire::Loaded& loaded, Steady now);
  void onCreated(HostedProcess& process, Id id, const hostwire::Outcome& outcome, Steady now);
  void onAnswered(HostedProcess& process, chatd_job id, const hostwire::Answered& answer, Steady now);
  void onReconfigured(HostedProcess& process, Id id, const hostwire::Outcome& outcome);
  void onFetch(HostedProcess& process, std::uint64_t id, hostwire::Fetch&& call);
  void nextStep(Steady now);
  void endReload(const std::string& why);
  void late(HostedProcess& process, Steady now);
  [[nodiscard]] std::string name() const;

  SlotHost& host_;
  const AppId app_;
  const std::string plugin_;
  std::map<Id, HostedVerifier> verifiers_;
  std::unordered_map<chatd_job, HostedJob> jobs_;
  std::deque<chatd_job> waiting_;   ///< may name jobs that are over
  std::deque<chatd_job> suspects_;  ///< were under way when a process died; asked again one at a time
  chatd_job trial_ = 0;             ///< the one that is asked alone
  Steady trialUntil_{};

  ProcessPtr current_;
  ProcessPtr next_;
  std::function<void(const std::string&)> reloaded_;
  std::vector<ProcessPtr> leaving_;

  /// A configuration that a process was given and has not answered yet.
  struct Given {
    std::uint64_t serial = 0;
    hostwire::Reconfigure what;
    UniqueFunction<void(Result<bool>)> then;
    Steady until{};
  };
  std::map<Id, Given> given_;

  int failures_ = 0;  ///< in a row, without an answer in between
  Steady notBefore_{};
  std::uint64_t restarts_ = 0;
  std::string fault_;
  bool confined_ = true;  ///< as its last process said
  Steady used_{};
};

}  // namespace chatd

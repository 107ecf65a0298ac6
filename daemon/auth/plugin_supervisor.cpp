#include "auth/plugin_supervisor.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "auth/bucket_table.h"
#include "auth/digest.h"
#include "auth/plugin_slot.h"
#include "base/mutex.h"
#include "common/config_schema.h"

namespace chatd {

using hostwire::Type;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kTick{20};
constexpr seconds kProbeTime{4};
constexpr std::size_t kProbesAtOnce = 4;
constexpr std::size_t kProbesWaiting = 64;
constexpr seconds kHealthTime{2};
constexpr seconds kStopTime{5};
constexpr std::size_t kSuspectTokens = 1024;
constexpr std::chrono::minutes kQuarantineTime{10};
constexpr std::int64_t kLinesPerMinute = 120;
constexpr std::int64_t kLinesBurst = 60;

Steady steadyNow() { return std::chrono::steady_clock::now(); }

/// Letters to the supervisor's thread. Outlives it: answers of HTTP calls may come late. Bounded by what their senders have
/// admitted: jobs, HTTP calls, requests of operators.
class Inbox {
 public:
  Inbox() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Inbox() { ::close(wake_); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void post(Task task) {
    {
      LockGuard g(mutex_);
      tasks_.push_back(std::move(task));
    }
    const std::uint64_t one = 1;
    // Full means that it will wake anyway.
    static_cast<void>(::write(wake_, &one, sizeof one) == sizeof one);
  }
  [[nodiscard]] std::vector<Task> take() {
    std::uint64_t count = 0;
    static_cast<void>(::read(wake_, &count, sizeof count) == sizeof count);
    LockGuard g(mutex_);
    return std::exchange(tasks_, {});
  }
  [[nodiscard]] int fd() const { return wake_; }

 private:
  const int wake_;
  Mutex mutex_;
  std::vector<Task> tasks_ CHATD_GUARDED_BY(mutex_);
};

/// A process that only tells what a plugin is, and whether it takes a configuration.
struct Probe {
  HostedVerifier verifier;
  bool create = false;
  UniqueFunction<void(Result<hostwire::Loaded>)> then;
  std::unique_ptr<PluginProcess> process;
  hostwire::Loaded loaded;
  Steady until{};
};

struct HealthRound {
  UniqueFunction<void(std::vector<HostedState>)> then;
  std::map<std::uint64_t, HostedState> missing;  ///< by the id of the question
  std::vector<HostedState> known;
  Steady until{};
};

}  // namespace

class PluginSupervisor::Core final : public SlotHost {
 public:
  Core(SupervisorOptions options, std::shared_ptr<PluginInstanceOwner> owner)
      : options_(std::move(options)),
        owner_(std::move(owner)),
        inbox_(std::make_shared<Inbox>()),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        quarantine_(kSuspectTokens, kQuarantineTime),
        lines_(kLinesPerMinute, kLinesBurst, 256) {
    watch(inbox_->fd(), EPOLLIN, 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Core() override { ::close(epoll_); }

  void post(Task task) { inbox_->post(std::move(task)); }
  [[nodiscard]] InstanceId newInstance() { return ++lastInstance_; }
  void stop();

  // Thread of everything below: the supervisor's.
  void open(InstanceId id, HostedVerifier verifier);
  void close(InstanceId id);
  void verify(InstanceId id, const PluginHost::Instance& by, Question question, Steady deadline, chatd_job job);
  void cancel(InstanceId id, chatd_job job);
  void reconfigure(InstanceId id, hostwire::Reconfigure given, UniqueFunction<void(Result<bool>)> then);
  void probe(Probe probe);
  void reload(const std::string& plugin, UniqueFunction<void(Result<std::size_t>)> then);
  void health(const std::string& plugin, UniqueFunction<void(std::vector<HostedState>)> then);
  [[nodiscard]] std::vector<HostedState> states();

  // SlotHost.
  Result<std::unique_ptr<PluginProcess>> start(const std::string& plugin, std::uint64_t serial) override;
  std::uint64_t newSerial() override { return ++lastSerial_; }
  [[nodiscard]] std::size_t messages() const override { return options_.messages; }
  void unwatch(const PluginProcess& process) override;
  void rewatch(const PluginProcess& process, std::uint64_t serial) override;
  PluginInstanceOwner& owner() override { return *owner_; }
  Quarantine& quarantine() override { return quarantine_; }
  void say(AuthLogLevel level, const std::string& line) override {
    // By its first words: a plugin that shouts silences neither the others nor what is said about it.
    if (lines_.tryTake(line.substr(0, line.find(':')), steadyNow())) owner_->say(level, line);
  }
  bool fetch(std::uint64_t serial, std::uint64_t id, OutboundRequest request) override;

 private:
  using SlotKey = std::pair<AppId, std::string>;

  void serve();
  void watch(int fd, std::uint32_t events, std::uint64_t serial) const;
  void onReady(std::uint64_t serial, std::uint32_t events);
  void onProbeReady(std::uint64_t serial, Probe& probe, std::uint32_t events);
  void endProbe(std::uint64_t serial, Result<hostwire::Loaded> result);
  void probeHeard(std::uint64_t serial, Probe& probe, hostwire::Message&& message);
  void startProbes();
  void tick(Steady now);
  void sweep();
  void healthHeard(std::uint64_t id, const hostwire::Outcome& outcome);
  [[nodiscard]] PluginSlot* slotOf(std::uint64_t serial);
  Result<std::unique_ptr<PluginProcess>> spawn(const std::string& plugin, std::uint64_t serial);
  [[nodiscard]] std::size_t processes() const;

  const SupervisorOptions options_;
  const std::shared_ptr<PluginInstanceOwner> owner_;
  const std::shared_ptr<Inbox> inbox_;
  const int epoll_;
  Quarantine quarantine_;
  BucketTable lines_;
  std::map<SlotKey, std::unique_ptr<PluginSlot>> slots_;
  std::unordered_map<InstanceId, PluginSlot*> bySlot_;
  std::map<std::uint64_t, Probe> probes_;
  std::deque<Probe> probesWaiting_;
  std::vector<std::unique_ptr<HealthRound>> rounds_;
  std::uint64_t lastHealth_ = 0;
  std::atomic<InstanceId> lastInstance_{0};
  std::uint64_t lastSerial_ = 0;
  bool stopping_ = false;
  Steady stopBy_{};
  std::thread thread_;
};

// --- the thread -------------------------------------------------------------------------------------------------------

void PluginSupervisor::Core::watch(int fd, std::uint32_t events, std::uint64_t serial) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = serial;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void PluginSupervisor::Core::unwatch(const PluginProcess& process) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, process.socket(), nullptr);
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, process.pidFd(), nullptr);
}

void PluginSupervisor::Core::rewatch(const PluginProcess& process, std::uint64_t serial) {
  watch(process.socket(), process.wantsToWrite() ? EPOLLIN | EPOLLOUT : EPOLLIN, serial);
}

void PluginSupervisor::Core::serve() {
  std::array<epoll_event, 64> events{};
  Steady nextTick{};
  for (;;) {
    const bool timed = stopping_ || !probes_.empty() || !probesWaiting_.empty() || !rounds_.empty() ||
                       std::any_of(slots_.begin(), slots_.end(), [](const auto& s) { return s.second->timed(); });
    const int ready =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timed ? static_cast<int>(kTick.count()) : -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 != 0) onReady(event.data.u64, event.events);
    }
    for (Task& task : inbox_->take()) task();
    const Steady now = steadyNow();
    if (now >= nextTick) {
      tick(now);
      nextTick = now + kTick;
    }
    if (stopping_ && ((slots_.empty() && probes_.empty()) || now >= stopBy_)) break;
  }
  // What is left is killed here: the processes belong to this thread.
  probes_.clear();
  bySlot_.clear();
  slots_.clear();
}

PluginSlot* PluginSupervisor::Core::slotOf(std::uint64_t serial) {
  for (const auto& [key, slot] : slots_) {
    if (slot->find(serial) != nullptr) return slot.get();
  }
  return nullptr;
}

void PluginSupervisor::Core::onReady(std::uint64_t serial, std::uint32_t events) {
  if (const auto probe = probes_.find(serial); probe != probes_.end()) return onProbeReady(serial, probe->second, events);
  PluginSlot* slot = slotOf(serial);
  if (slot == nullptr) return;
  PluginProcess& process = *slot->find(serial)->process;
  if ((events & EPOLLOUT) != 0) {
    process.flush();
    rewatch(process, serial);
  }
  // First all that it said; its end comes after that. Handled after reading, because handling may end the process.
  std::vector<hostwire::Message> messages;
  const auto heard = process.receive([&](hostwire::Message&& m) { messages.push_back(std::move(m)); });
  const Steady now = steadyNow();
  for (hostwire::Message& message : messages) {
    HostedProcess* hosted = slot->find(serial);
    if (hosted == nullptr) return;
    if (message.type == Type::HealthIs) {
      if (const auto outcome = hostwire::decode<hostwire::Outcome>(message.payload)) healthHeard(message.id, *outcome);
      continue;
    }
    slot->heard(*hosted, std::move(message), now);
  }
  HostedProcess* hosted = slot->find(serial);
  if (hosted == nullptr || heard == PluginProcess::Heard::Some) return;
  slot->died(*hosted, heard == PluginProcess::Heard::Nonsense ? "sent a message that is none" : "", now);
}

void PluginSupervisor::Core::tick(Steady now) {
  for (const auto& [key, slot] : slots_) slot->tick(now);
  std::vector<std::uint64_t> late;
  for (const auto& [serial, probe] : probes_) {
    if (now >= probe.until) late.push_back(serial);
  }
  for (const std::uint64_t serial : late) {
    endProbe(serial, Error(Code::Invalid, "the plugin did not answer within 4 s whether it takes the configuration"));
  }
  startProbes();
  for (auto it = rounds_.begin(); it != rounds_.end();) {
    HealthRound& round = **it;
    if (!round.missing.empty() && now < round.until) {
      ++it;
      continue;
    }
    for (auto& [id, state] : round.missing) {
      state.fault = "its process does not answer";
      round.known.push_back(std::move(state));
    }
    round.then(std::move(round.known));
    it = rounds_.erase(it);
  }
  sweep();
}

// Slots that nobody uses any more.
void PluginSupervisor::Core::sweep() {
  std::erase_if(slots_, [](const auto& s) { return s.second->empty(); });
}

void PluginSupervisor::Core::stop() {
  if (!thread_.joinable()) return;
  post([this] {
    stopping_ = true;
    stopBy_ = steadyNow() + kStopTime;
    for (const auto& [key, slot] : slots_) slot->stop(steadyNow());
    std::deque<Probe> waiting;
    waiting.swap(probesWaiting_);
    for (Probe& probe : waiting) probe.then(Error(Code::Restarting));
    while (!probes_.empty()) endProbe(probes_.begin()->first, Error(Code::Restarting));
  });
  thread_.join();
}

// --- processes --------------------------------------------------------------------------------------------------------

std::size_t PluginSupervisor::Core::processes() const {
  std::size_t count = 0;
  for (const auto& [key, slot] : slots_) count += slot->processes();
  return count;
}

Result<std::unique_ptr<PluginProcess>> PluginSupervisor::Core::spawn(const std::string& plugin, std::uint64_t serial) {
  if (options_.program.empty()) return Error(Code::Internal, "chatd-plugin-host is not installed beside this daemon");
  CHATD_TRY(file, PluginFile::find(options_.folders, plugin));
  CHATD_TRY(process, PluginProcess::start(options_.program, file));
  watch(process->socket(), EPOLLIN, serial);
  return std::move(process);
}

Result<std::unique_ptr<PluginProcess>> PluginSupervisor::Core::start(const std::string& plugin, std::uint64_t serial) {
  if (stopping_) return Error(Code::Restarting);
  if (processes() >= options_.processes) {
    PluginSlot* oldest = nullptr;
    for (const auto& [key, slot] : slots_) {
      if (slot->processes() == 0 || slot->state().underWay > 0) continue;
      if (oldest == nullptr || slot->used() < oldest->used()) oldest = slot.get();
    }
    if (oldest == nullptr || !oldest->makeRoom(steadyNow())) {
      return Error(Code::Busy, fmt::format("{} processes of plugins run already", options_.processes));
    }
  }
  return spawn(plugin, serial);
}

bool PluginSupervisor::Core::fetch(std::uint64_t serial, std::uint64_t id, OutboundRequest request) {
  return owner_->fetch(std::move(request), [this, serial, id, inbox = inbox_](Result<OutboundResponse> answer) {
    hostwire::Fetched fetched;
    if (answer.ok()) {
      fetched.status = answer->status;
      fetched.body = std::move(answer->body);
      fetched.headers = std::move(answer->headers);
    } else {
      fetched.error = answer.error().detail();
    }
    // A letter that comes after the end of the thread is never opened.
    inbox->post([this, serial, id, fetched = std::move(fetched)] {
      if (PluginSlot* slot = slotOf(serial)) slot->fetched(serial, id, fetched);
    });
  });
}

// --- verifiers --------------------------------------------------------------------------------------------------------

void PluginSupervisor::Core::open(InstanceId id, HostedVerifier verifier) {
  const SlotKey key{verifier.app, verifier.plugin};
  std::unique_ptr<PluginSlot>& slot = slots_[key];
  if (!slot) slot = std::make_unique<PluginSlot>(*this, verifier.app, verifier.plugin);
  bySlot_[id] = slot.get();
  slot->add(id, std::move(verifier));
}

void PluginSupervisor::Core::close(InstanceId id) {
  const auto it = bySlot_.find(id);
  if (it == bySlot_.end()) return;
  PluginSlot* slot = it->second;
  bySlot_.erase(it);
  slot->remove(id, steadyNow());
}

void PluginSupervisor::Core::verify(InstanceId id, const PluginHost::Instance& by, Question question, Steady deadline,
                                    chatd_job job) {
  const auto it = bySlot_.find(id);
  if (it == bySlot_.end() || stopping_) return owner_->completed(by, job, Verdict::unavailable("the daemon is stopping"));
  HostedJob hosted;
  hosted.instance = id;
  hosted.by = &by;
  hosted.tokenKey = hmacSha256(options_.key, it->second->plugin() + '\n' + question.token);
  hosted.question = std::move(question);
  hosted.deadline = deadline;
  it->second->verify(job, std::move(hosted), steadyNow());
}

void PluginSupervisor::Core::cancel(InstanceId id, chatd_job job) {
  if (const auto it = bySlot_.find(id); it != bySlot_.end()) it->second->cancel(job, steadyNow());
}

// --- probes -----------------------------------------------------------------------------------------------------------

void PluginSupervisor::Core::probe(Probe probe) {
  if (stopping_) return probe.then(Error(Code::Restarting));
  if (probesWaiting_.size() >= kProbesWaiting) return probe.then(Error(Code::Busy));
  probesWaiting_.push_back(std::move(probe));
  startProbes();
}

void PluginSupervisor::Core::startProbes() {
  while (probes_.size() < kProbesAtOnce && !probesWaiting_.empty()) {
    Probe probe = std::move(probesWaiting_.front());
    probesWaiting_.pop_front();
    const std::uint64_t serial = newSerial();
    auto process = spawn(probe.verifier.plugin, serial);
    if (!process.ok()) {
      probe.then(Error(Code::Invalid, process.error().detail()));
      continue;
    }
    probe.process = std::move(*process);
    probe.until = steadyNow() + kProbeTime;
    probes_.emplace(serial, std::move(probe));
  }
}

void PluginSupervisor::Core::endProbe(std::uint64_t serial, Result<hostwire::Loaded> result) {
  const auto it = probes_.find(serial);
  if (it == probes_.end()) return;
  Probe probe = std::move(it->second);
  probes_.erase(it);
  unwatch(*probe.process);
  probe.process.reset();
  probe.then(std::move(result));
}

void PluginSupervisor::Core::onProbeReady(std::uint64_t serial, Probe& probe, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    probe.process->flush();
    rewatch(*probe.process, serial);
  }
  std::vector<hostwire::Message> messages;
  const auto heard = probe.process->receive([&](hostwire::Message&& m) { messages.push_back(std::move(m)); });
  for (hostwire::Message& message : messages) {
    const auto it = probes_.find(serial);
    if (it == probes_.end()) return;
    probeHeard(serial, it->second, std::move(message));
  }
  const auto it = probes_.find(serial);
  if (it == probes_.end() || heard == PluginProcess::Heard::Some) return;
  endProbe(serial, Error(Code::Invalid, "the plugin's process " + it->second.process->end()));
}

void PluginSupervisor::Core::probeHeard(std::uint64_t serial, Probe& probe, hostwire::Message&& message) {
  if (message.type == Type::Loaded) {
    auto loaded = hostwire::decode<hostwire::Loaded>(message.payload);
    if (!loaded) return endProbe(serial, Error(Code::Invalid, "the plugin's process sent a message that is none"));
    if (!loaded->ok) return endProbe(serial, Error(Code::Invalid, printable(loaded->reason)));
    probe.loaded = std::move(*loaded);
    if (!probe.create) return endProbe(serial, std::move(probe.loaded));
    if (auto fits = checkConfig(probe.loaded.schema, probe.verifier.config); !fits.ok()) {
      return endProbe(serial, std::move(fits).error());
    }
    const hostwire::Create create{std::to_string(raw(probe.verifier.app)), probe.verifier.config, probe.verifier.secrets};
    static_cast<void>(probe.process->send(Type::Create, 1, hostwire::encode(create)));
    return rewatch(*probe.process, serial);
  }
  if (message.type != Type::Created) return;  // what it logs meanwhile
  const auto outcome = hostwire::decode<hostwire::Outcome>(message.payload);
  if (!outcome) return endProbe(serial, Error(Code::Invalid, "the plugin's process sent a message that is none"));
  if (!outcome->ok) return endProbe(serial, Error(Code::Invalid, printable(outcome->reason)));
  endProbe(serial, std::move(probe.loaded));
}

void PluginSupervisor::Core::reconfigure(InstanceId id, hostwire::Reconfigure given,
                                         UniqueFunction<void(Result<bool>)> then) {
  const auto it = bySlot_.find(id);
  if (it == bySlot_.end() || stopping_) return then(false);
  it->second->reconfigure(id, std::move(given), std::move(then), steadyNow());
}

// --- for operators ----------------------------------------------------------------------------------------------------

void PluginSupervisor::Core::reload(const std::string& plugin, UniqueFunction<void(Result<std::size_t>)> then) {
  struct Round {
    UniqueFunction<void(Result<std::size_t>)> then;
    std::size_t open = 1;
    std::size_t replaced = 0;
    std::string fault;
    void end() {
      if (--open > 0) return;
      if (!fault.empty()) return then(Error(Code::Invalid, fault));
      then(replaced);
    }
  };
  auto round = std::make_shared<Round>();
  round->then = std::move(then);
  for (const auto& [key, slot] : slots_) {
    if (slot->plugin() != plugin) continue;
    ++round->open;
    const bool asked = slot->reload(
        [round, app = slot->app()](const std::string& why) {
          if (why.empty()) {
            ++round->replaced;
          } else {
            round->fault = fmt::format("app {}: {}; it goes on with the old one", raw(app), why);
          }
          round->end();
        },
        steadyNow());
    if (!asked) --round->open;
  }
  round->end();
}

void PluginSupervisor::Core::health(const std::string& plugin, UniqueFunction<void(std::vector<HostedState>)> then) {
  auto round = std::make_unique<HealthRound>();
  round->then = std::move(then);
  round->until = steadyNow() + kHealthTime;
  for (const auto& [key, slot] : slots_) {
    if (slot->plugin() != plugin) continue;
    const std::uint64_t id = ++lastHealth_;
    if (slot->askHealth(id)) {
      round->missing[id] = slot->state();
    } else {
      round->known.push_back(slot->state());
    }
  }
  rounds_.push_back(std::move(round));
}

void PluginSupervisor::Core::healthHeard(std::uint64_t id, const hostwire::Outcome& outcome) {
  for (const auto& round : rounds_) {
    const auto it = round->missing.find(id);
    if (it == round->missing.end()) continue;
    it->second.fault = outcome.ok ? "" : printable(outcome.reason);
    if (!outcome.ok && it->second.fault.empty()) it->second.fault = "it is not well and does not say why";
    round->known.push_back(std::move(it->second));
    round->missing.erase(it);
    return;
  }
}

std::vector<HostedState> PluginSupervisor::Core::states() {
  std::vector<HostedState> out;
  for (const auto& [key, slot] : slots_) out.push_back(slot->state());
  return out;
}

// --- the outside ------------------------------------------------------------------------------------------------------

PluginSupervisor::PluginSupervisor(SupervisorOptions options, std::shared_ptr<PluginInstanceOwner> owner)
    : core_(std::make_unique<Core>(std::move(options), std::move(owner))) {}

PluginSupervisor::~PluginSupervisor() { stop(); }

PluginSupervisor::InstanceId PluginSupervisor::open(HostedVerifier verifier) {
  const InstanceId id = core_->newInstance();
  core_->post([core = core_.get(), id, verifier = std::move(verifier)]() mutable { core->open(id, std::move(verifier)); });
  return id;
}

void PluginSupervisor::close(InstanceId instance) {
  core_->post([core = core_.get(), instance] { core->close(instance); });
}

void PluginSupervisor::verify(InstanceId instance, const PluginHost::Instance& by, Question question, Steady deadline,
                              chatd_job job) {
  core_->post([core = core_.get(), instance, &by, question = std::move(question), deadline, job]() mutable {
    core->verify(instance, by, std::move(question), deadline, job);
  });
}

void PluginSupervisor::cancel(InstanceId instance, chatd_job job) {
  core_->post([core = core_.get(), instance, job] { core->cancel(instance, job); });
}

void PluginSupervisor::reconfigure(InstanceId instance, const std::string& config, const PluginSecrets::Values& secrets,
                                   UniqueFunction<void(Result<bool>)> then) {
  core_->post([core = core_.get(), instance, given = hostwire::Reconfigure{config, secrets},
               then = std::move(then)]() mutable { core->reconfigure(instance, std::move(given), std::move(then)); });
}

void PluginSupervisor::probe(HostedVerifier verifier, bool create, UniqueFunction<void(Result<hostwire::Loaded>)> then) {
  core_->post([core = core_.get(), verifier = std::move(verifier), create, then = std::move(then)]() mutable {
    core->probe({std::move(verifier), create, std::move(then), nullptr, {}, {}});
  });
}

void PluginSupervisor::reload(const std::string& plugin, UniqueFunction<void(Result<std::size_t>)> then) {
  core_->post([core = core_.get(), plugin, then = std::move(then)]() mutable { core->reload(plugin, std::move(then)); });
}

void PluginSupervisor::health(const std::string& plugin, UniqueFunction<void(std::vector<HostedState>)> then) {
  core_->post([core = core_.get(), plugin, then = std::move(then)]() mutable { core->health(plugin, std::move(then)); });
}

void PluginSupervisor::states(UniqueFunction<void(std::vector<HostedState>)> then) {
  core_->post([core = core_.get(), then = std::move(then)]() mutable { then(core->states()); });
}

void PluginSupervisor::stop() { core_->stop(); }

}  // namespace chatd

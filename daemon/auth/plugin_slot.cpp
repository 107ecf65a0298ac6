#include "auth/plugin_slot.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"

namespace chatd {

using hostwire::Type;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds kLoadTime{5};
constexpr seconds kCreateTime{5};
constexpr seconds kDestroyTime{5};
constexpr seconds kOwedTime{5};
// A suspect has the process to itself for so long; a slow plugin must not hold everybody up.
constexpr seconds kTrialTime{1};
constexpr milliseconds kFirstDelay{100};
constexpr milliseconds kLongestDelay{10'000};
constexpr milliseconds kUsualDelay{20};
// From so many failed starts on, questions are refused at once instead of waiting for the next start.
constexpr int kHopeless = 3;
constexpr std::size_t kMaxLeaving = 2;

}  // namespace

std::string PluginSlot::name() const { return fmt::format("plugin {} of app {}", plugin_, raw(app_)); }

HostedProcess* PluginSlot::find(std::uint64_t serial) {
  if (current_ && current_->serial == serial) return current_.get();
  if (next_ && next_->serial == serial) return next_.get();
  for (const ProcessPtr& p : leaving_) {
    if (p->serial == serial) return p.get();
  }
  return nullptr;
}

const HostedJob* PluginSlot::job(chatd_job id) const {
  const auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : &it->second;
}

bool PluginSlot::timed() const { return processes() > 0 || !jobs_.empty(); }

HostedState PluginSlot::state() const {
  return {app_,
          plugin_,
          current_ && current_->process ? current_->process->pid() : 0,
          verifiers_.size(),
          jobs_.size(),
          restarts_,
          fault_,
          confined_};
}

// --- questions --------------------------------------------------------------------------------------------------------

void PluginSlot::verify(chatd_job id, HostedJob job, Steady now) {
  used_ = now;
  const bool quarantined = host_.quarantine().holds(job.tokenKey, now);
  const bool known = verifiers_.count(job.instance) > 0;
  jobs_[id] = std::move(job);
  if (!known) return finish(id, Verdict::unavailable("the verifier is gone"), false);
  if (quarantined) {
    return finish(id, Verdict::unavailable("this token ended the plugin's process twice; it is not asked about for a while"),
                  false);
  }
  if (!current_ && failures_ >= kHopeless && now < notBefore_) {
    return finish(id, Verdict::unavailable("the plugin does not run: " + fault_), false);
  }
  waiting_.push_back(id);
  pump(now);
}

void PluginSlot::cancel(chatd_job id, Steady now) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end() || it->second.over) return;
  HostedJob& job = it->second;
  if (job.serial == 0) return finish(id, Verdict::unavailable("the plugin was not ready in time"), false);
  job.over = true;
  job.owedUntil = now + kOwedTime;
  HostedProcess* process = find(job.serial);
  if (process != nullptr) {
    static_cast<void>(process->process->send(Type::Cancel, id, hostwire::encode(hostwire::Cancel{job.instance})));
    host_.rewatch(*process->process, process->serial);
  }
}

void PluginSlot::finish(chatd_job id, Verdict verdict, bool innocent) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end()) return;
  const HostedJob job = std::move(it->second);
  jobs_.erase(it);
  if (innocent) host_.quarantine().forget(job.tokenKey);
  if (HostedProcess* process = job.serial == 0 ? nullptr : find(job.serial)) process->underWay.erase(id);
  if (trial_ == id) trial_ = 0;
  host_.owner().completed(*job.by, id, std::move(verdict));
}

void PluginSlot::refuseWaiting(const std::string& why) {
  for (std::deque<chatd_job>* queue : {&suspects_, &waiting_}) {
    std::deque<chatd_job> refused;
    refused.swap(*queue);
    for (const chatd_job id : refused) {
      const auto it = jobs_.find(id);
      if (it != jobs_.end() && it->second.serial == 0) finish(id, Verdict::unavailable(why), false);
    }
  }
}

// The verifier's instance in this process, asked for if it is not there.
HostedProcess::Instance& PluginSlot::made(HostedProcess& process, Id id, Steady now) {
  using Made = HostedProcess::Made;
  const auto [it, fresh] = process.instances.try_emplace(id);
  HostedProcess::Instance& instance = it->second;
  const bool again = instance.made == Made::Failed && now >= instance.until;
  if (fresh || again) {
    instance = {Made::Asked, now + kCreateTime, {}};
    const HostedVerifier& verifier = verifiers_.at(id);
    const hostwire::Create create{std::to_string(raw(app_)), verifier.config, verifier.secrets};
    if (!process.process->send(Type::Create, id, hostwire::encode(create))) {
      instance = {Made::Failed, now + kCreateAgain, "its process does not read"};
    }
    host_.rewatch(*process.process, process.serial);
  }
  return instance;
}

void PluginSlot::ask(HostedProcess& process, chatd_job id, HostedJob& job) {
  hostwire::Verify question;
  question.instance = job.instance;
  question.app = std::to_string(raw(app_));
  question.token = job.question.token;
  question.clientIp = job.question.clientIp;
  question.origin = job.question.origin;
  question.fields = job.question.fields;
  question.deadlineNs = nanoseconds(job.deadline);
  if (!process.process->send(Type::Verify, id, hostwire::encode(question))) {
    return finish(id, Verdict::unavailable("the plugin's process does not read"), false);
  }
  job.serial = process.serial;
  process.underWay.insert(id);
  host_.rewatch(*process.process, process.serial);
}

void PluginSlot::pump(Steady now) {
  if (!current_) {
    // A replacement that is on its way takes over.
    if (next_ || (waiting_.empty() && suspects_.empty()) || now < notBefore_) return;
    auto launched = launch(now);
    if (!launched.ok()) {
      fault_ = launched.error().detail();
      host_.say(AuthLogLevel::Error, fmt::format("{}: {}", name(), fault_));
      backOff(false, now);
      return refuseWaiting("the plugin cannot be started: " + fault_);
    }
    current_ = std::move(*launched);
    return;
  }
  if (!current_->loaded) return;
  if (trial_ != 0 && now >= trialUntil_) trial_ = 0;
  pumpSuspects(now);
  if (current_ && suspects_.empty() && trial_ == 0) pumpWaiting(now);
}

// Those that were under way when a process died, each alone with the process.
void PluginSlot::pumpSuspects(Steady now) {
  using Made = HostedProcess::Made;
  while (trial_ == 0 && !suspects_.empty()) {
    const chatd_job id = suspects_.front();
    const auto it = jobs_.find(id);
    if (it == jobs_.end() || verifiers_.count(it->second.instance) == 0) {
      suspects_.pop_front();
      finish(id, Verdict::unavailable("the verifier is gone"), false);
      continue;
    }
    const HostedProcess::Instance& instance = made(*current_, it->second.instance, now);
    if (instance.made == Made::Asked) return;
    suspects_.pop_front();
    if (instance.made == Made::Failed) {
      finish(id, Verdict::unavailable(instance.reason), false);
      continue;
    }
    trial_ = id;
    trialUntil_ = now + kTrialTime;
    ask(*current_, id, it->second);
  }
}

void PluginSlot::pumpWaiting(Steady now) {
  using Made = HostedProcess::Made;
  std::deque<chatd_job> later;
  std::deque<chatd_job> queue;
  queue.swap(waiting_);
  for (const chatd_job id : queue) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) continue;
    if (verifiers_.count(it->second.instance) == 0) {
      finish(id, Verdict::unavailable("the verifier is gone"), false);
      continue;
    }
    const HostedProcess::Instance& instance = made(*current_, it->second.instance, now);
    if (instance.made == Made::Ready) {
      ask(*current_, id, it->second);
    } else if (instance.made == Made::Failed) {
      finish(id, Verdict::unavailable(instance.reason), false);
    } else {
      later.push_back(id);
    }
  }
  // What came in while the askers were told is behind.
  waiting_.insert(waiting_.begin(), later.begin(), later.end());
}

// --- processes --------------------------------------------------------------------------------------------------------

Result<PluginSlot::ProcessPtr> PluginSlot::launch(Steady now) {
  auto made = std::make_unique<HostedProcess>();
  made->serial = host_.newSerial();
  CHATD_TRY(process, host_.start(plugin_, made->serial));
  made->process = std::move(process);
  made->loadedBy = now + kLoadTime;
  return made;
}

void PluginSlot::backOff(bool hadAnswered, Steady now) {
  failures_ = hadAnswered ? 0 : failures_ + 1;
  milliseconds delay = kUsualDelay;
  if (failures_ > 0) delay = std::min(kLongestDelay, kFirstDelay * (1 << std::min(failures_ - 1, 10)));
  // Half to all of it: plugins that fail together must not come back together.
  delay = delay / 2 +
          milliseconds(static_cast<std::int64_t>(randomNumber() % static_cast<std::uint64_t>(delay.count() / 2 + 1)));
  notBefore_ = now + delay;
}

void PluginSlot::died(HostedProcess& process, const std::string& why, Steady now, Blame whom) {
  const std::string how = process.process->end();
  const bool wasCurrent = current_.get() == &process;
  const bool wasNext = next_.get() == &process;
  const std::string reason = why.empty() ? how : why;
  host_.say(AuthLogLevel::Error, fmt::format("{}: its process {}", name(), why.empty() ? how : "was ended: " + why));
  blame(process, whom, now);
  std::vector<UniqueFunction<void(Result<bool>)>> waiting;
  for (auto it = given_.begin(); it != given_.end();) {
    const auto here = it++;
    if (here->second.serial != process.serial) continue;
    waiting.push_back(std::move(here->second.then));
    given_.erase(here);
  }
  for (auto& then : waiting) {
    then(Error(Code::Invalid, "the plugin's process ended while it was given the configuration: " + reason));
  }
  if (wasCurrent) {
    fault_ = reason;
    ++restarts_;
    host_.owner().restarted(app_, plugin_);
    backOff(process.answers > 0, now);
    if (failures_ >= kHopeless) refuseWaiting("the plugin does not run: " + fault_);
  }
  drop(process);
  if (wasNext) endReload("its new process " + how + (why.empty() ? "" : ": " + why));
  pump(now);
}

// What was under way in a process that is gone.
void PluginSlot::blame(HostedProcess& process, Blame whom, Steady now) {
  const std::set<chatd_job> underWay = std::move(process.underWay);
  process.underWay.clear();
  const bool alone = underWay.size() == 1;
  for (const chatd_job id : underWay) {
    HostedJob& job = jobs_.at(id);
    job.serial = 0;
    if (trial_ == id) trial_ = 0;
    const bool suspect = whom == Blame::All || job.over;
    const int crashes = suspect ? host_.quarantine().crashed(job.tokenKey, now) : 0;
    const bool guilty = crashes >= Quarantine::kCrashes && (alone || job.over);
    if (guilty) host_.say(AuthLogLevel::Warn, name() + ": a token that ended its process twice is quarantined");
    // Not alone, it may be the victim of another: it is not held against it.
    if (crashes >= Quarantine::kCrashes && !guilty) host_.quarantine().forget(job.tokenKey);
    if (job.over || guilty || job.retried) {
      finish(id, Verdict::unavailable("the plugin's process ended while it was asked"), false);
      continue;
    }
    job.retried = true;
    suspects_.push_back(id);
  }
}

void PluginSlot::drop(HostedProcess& process) {
  for (auto it = given_.begin(); it != given_.end();) {
    const auto here = it++;
    if (here->second.serial != process.serial) continue;
    const auto then = std::make_shared<UniqueFunction<void(Result<bool>)>>(std::move(here->second.then));
    given_.erase(here);
    (*then)(false);
  }
  host_.unwatch(*process.process);
  if (current_.get() == &process) {
    current_.reset();
  } else if (next_.get() == &process) {
    next_.reset();
  } else {
    std::erase_if(leaving_, [&](const ProcessPtr& p) { return p.get() == &process; });
  }
}

// It finishes what it has, destroys its instances, and ends.
void PluginSlot::leave(ProcessPtr process, Steady now) {
  process->leaving = true;
  HostedProcess& left = *process;
  leaving_.push_back(std::move(process));
  if (leaving_.size() > kMaxLeaving) died(*leaving_.front(), "was replaced several times and did not finish", now);
  if (find(left.serial) != nullptr) settle(left, now);
}

// The next step of a leaving process, if it may take one.
void PluginSlot::settle(HostedProcess& process, Steady now) {
  if (!process.leaving || !process.underWay.empty()) return;
  while (!process.instances.empty()) destroyIn(process, process.instances.begin()->first, now);
  if (process.destroying.empty()) drop(process);
}

void PluginSlot::destroyIn(HostedProcess& process, Id id, Steady now) {
  const auto it = process.instances.find(id);
  if (it == process.instances.end()) return;
  const bool there = it->second.made != HostedProcess::Made::Failed;
  process.instances.erase(it);
  if (!there) return;
  process.destroying[id] = now + kDestroyTime;
  static_cast<void>(process.process->send(Type::Destroy, id, {}));
  host_.rewatch(*process.process, process.serial);
}

void PluginSlot::remove(Id id, Steady now) {
  verifiers_.erase(id);
  for (HostedProcess* process : {current_.get(), next_.get()}) {
    if (process != nullptr) destroyIn(*process, id, now);
  }
  for (const ProcessPtr& process : leaving_) destroyIn(*process, id, now);
  if (!verifiers_.empty()) return;
  if (next_) {
    drop(*next_);
    endReload("its app uses it no more");
  }
  if (current_) leave(std::move(current_), now);
}

bool PluginSlot::makeRoom(Steady now) {
  if (!current_ || next_ || !jobs_.empty()) return false;
  leave(std::move(current_), now);
  return true;
}

void PluginSlot::stop(Steady now) {
  refuseWaiting("the daemon is stopping");
  if (next_) {
    drop(*next_);
    endReload("the daemon is stopping");
  }
  if (current_) leave(std::move(current_), now);
}

// --- time -------------------------------------------------------------------------------------------------------------

void PluginSlot::late(HostedProcess& process, Steady now) {
  if (!process.loaded && now >= process.loadedBy) return died(process, "did not load within 5 s", now);
  for (const auto& [id, until] : process.destroying) {
    if (now >= until) return died(process, "did not destroy an instance within 5 s", now);
  }
  for (const auto& [id, instance] : process.instances) {
    if (instance.made == HostedProcess::Made::Asked && now >= instance.until) {
      died(process, "did not create an instance within 5 s", now);
      return refuseWaiting("the plugin did not create its instance within 5 s");
    }
  }
  for (const auto& [id, given] : given_) {
    if (given.serial == process.serial && now >= given.until)
      return died(process, "did not take a configuration within 4 s", now);
  }
  for (const chatd_job id : process.underWay) {
    const HostedJob& job = jobs_.at(id);
    if (job.over && now >= job.owedUntil) return died(process, "owes an answer since 5 s", now, Blame::Overdue);
  }
}

void PluginSlot::tick(Steady now) {
  // By serial: what is late goes, and takes others with it.
  std::vector<std::uint64_t> serials;
  if (current_) serials.push_back(current_->serial);
  if (next_) serials.push_back(next_->serial);
  for (const ProcessPtr& process : leaving_) serials.push_back(process->serial);
  for (const std::uint64_t serial : serials) {
    if (HostedProcess* process = find(serial)) late(*process, now);
  }
  pump(now);
}

}  // namespace chatd

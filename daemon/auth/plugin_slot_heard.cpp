// What the processes of a slot say, and how one takes the place of another.
#include <fmt/format.h>

#include <algorithm>

#include "auth/plugin_slot.h"

namespace chatd {

using hostwire::Type;
using std::chrono::seconds;

namespace {

constexpr seconds kReconfigureTime{4};  // less than the admin waits
constexpr std::size_t kMaxFetches = 256;

chatd_str str(const std::string& s) { return {s.data(), s.size()}; }

Verdict verdictOf(const hostwire::Answered& a) {
  if (!a.hasResult) {
    Verdict v = Verdict::unavailable("it completed without a result");
    v.pluginFault = true;
    return v;
  }
  chatd_result r{};
  r.struct_size = sizeof r;
  r.verdict = a.verdict;
  r.user_id = str(a.user);
  r.display_name = str(a.displayName);
  r.avatar_url = str(a.avatar);
  r.expires_at_ms = a.expiresAtMs;
  r.cache_ttl_ms = a.cacheTtlMs;
  r.claims_json = str(a.claims);
  std::vector<chatd_grant> grants;
  for (const hostwire::Grant& grant : a.grants) grants.push_back({sizeof(chatd_grant), grant.perms, str(grant.glob)});
  r.grants = grants.data();
  r.grant_count = grants.size();
  r.error_code = str(a.code);
  r.error_detail = str(a.detail);
  return readVerdict(r);
}

}  // namespace

// --- what processes say -----------------------------------------------------------------------------------------------

void PluginSlot::heard(HostedProcess& process, hostwire::Message&& message, Steady now) {
  if (now - process.second > seconds(1)) {
    process.second = now;
    process.heard = 0;
  }
  if (++process.heard > host_.messages()) return died(process, "sends more than it may", now);
  const auto read = [&]<class M>(auto then) {
    auto decoded = hostwire::decode<M>(message.payload);
    if (!decoded) return died(process, "sent a message that is none", now);
    then(std::move(*decoded));
  };
  switch (message.type) {
    case Type::Loaded:
      return read.operator()<hostwire::Loaded>([&](auto m) { onLoaded(process, m, now); });
    case Type::Created:
      return read.operator()<hostwire::Outcome>([&](auto m) { onCreated(process, message.id, m, now); });
    case Type::Destroyed:
      process.destroying.erase(message.id);
      return settle(process, now);
    case Type::Answered:
      return read.operator()<hostwire::Answered>([&](auto m) { onAnswered(process, message.id, m, now); });
    case Type::Refused:
      if (process.underWay.count(message.id) > 0) {
        ++process.answers;
        finish(message.id, Verdict::unavailable("the plugin could not start the verification"), true);
      }
      settle(process, now);
      return pump(now);
    case Type::Reconfigured:
      return read.operator()<hostwire::Outcome>([&](auto m) { onReconfigured(process, message.id, m); });
    case Type::Fetch:
      return read.operator()<hostwire::Fetch>([&](auto m) { onFetch(process, message.id, std::move(m)); });
    case Type::Said:
      return read.operator()<hostwire::Said>([&](auto m) {
        const auto level = static_cast<AuthLogLevel>(std::clamp(m.level, std::int32_t{0}, std::int32_t{3}));
        host_.say(level, fmt::format("{} says: {}", name(), printable(m.text)));
      });
    case Type::Counted:
      return read.operator()<hostwire::Counted>([&](auto m) {
        for (auto& [key, value] : m.labels) value = printable(value);
        host_.owner().counted(app_, plugin_, m.name, m.by, std::move(m.labels));
      });
    default:
      return died(process, "sent a message that is none", now);
  }
}

void PluginSlot::onLoaded(HostedProcess& process, const hostwire::Loaded& loaded, Steady now) {
  if (process.loaded) return died(process, "said twice that it has loaded", now);
  if (!loaded.ok) {
    const std::string reason = printable(loaded.reason);
    died(process, "the plugin was refused: " + reason, now);
    return refuseWaiting("the plugin was refused: " + reason);
  }
  process.loaded = true;
  // Its file may be another than the one that was looked at: what it is shown, and what its verdicts go by, depends on it.
  host_.owner().loaded(plugin_, loaded.flags);
  confined_ = loaded.confined;
  if (!confined_) host_.owner().unconfined();
  if (&process == next_.get()) {
    for (const auto& [id, instance] : current_ ? current_->instances : process.instances) {
      if (instance.made == HostedProcess::Made::Ready) static_cast<void>(made(process, id, now));
    }
    return nextStep(now);
  }
  pump(now);
}

void PluginSlot::onCreated(HostedProcess& process, Id id, const hostwire::Outcome& outcome, Steady now) {
  using Made = HostedProcess::Made;
  const auto it = process.instances.find(id);
  // Already asked to destroy it, or never asked for it.
  if (it == process.instances.end() || it->second.made != Made::Asked) return;
  if (outcome.ok) {
    it->second.made = Made::Ready;
  } else {
    it->second = {Made::Failed, now + kCreateAgain, printable(outcome.reason)};
  }
  if (&process == next_.get()) return nextStep(now);
  pump(now);
}

void PluginSlot::onAnswered(HostedProcess& process, chatd_job id, const hostwire::Answered& answer, Steady now) {
  const auto it = jobs_.find(id);
  // A process answers for what it was asked, and nothing else.
  if (it == jobs_.end() || it->second.serial != process.serial || it->second.instance != answer.instance) {
    return host_.say(AuthLogLevel::Warn, name() + ": completed a job that is not its own or was completed before");
  }
  ++process.answers;
  if (&process == current_.get()) {
    failures_ = 0;
    fault_.clear();
  }
  finish(id, verdictOf(answer), true);
  settle(process, now);
  pump(now);
}

void PluginSlot::onFetch(HostedProcess& process, std::uint64_t id, hostwire::Fetch&& call) {
  hostwire::Fetched refused;
  const auto verifier = verifiers_.find(call.instance);
  if (verifier == verifiers_.end() || process.fetches >= kMaxFetches) {
    refused.error = verifier == verifiers_.end() ? "the verifier is gone" : "too many calls at once";
    static_cast<void>(process.process->send(Type::Fetched, id, hostwire::encode(refused)));
    return host_.rewatch(*process.process, process.serial);
  }
  OutboundRequest request;
  request.method = std::move(call.method);
  request.url = std::move(call.url);
  request.body = std::move(call.body);
  request.headers = std::move(call.headers);
  const std::int64_t now = nanoseconds(std::chrono::steady_clock::now());
  constexpr std::int64_t kMostNs = 120'000'000'000;
  const std::int64_t left = std::clamp<std::int64_t>(call.deadlineNs, now, now + kMostNs) - now;
  request.deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(left);
  request.maxResponse = static_cast<std::size_t>(std::min<std::uint64_t>(call.maxResponse, hostwire::kMaxBody));
  request.tenant = static_cast<std::uint64_t>(raw(app_));
  request.allowPrivateNetworks = verifier->second.allowPrivateNetworks;
  ++process.fetches;
  if (host_.fetch(process.serial, id, std::move(request))) return;
  refused.error = "the daemon is stopping";
  fetched(process.serial, id, refused);
}

void PluginSlot::fetched(std::uint64_t serial, std::uint64_t id, const hostwire::Fetched& answer) {
  HostedProcess* process = find(serial);
  if (process == nullptr) return;
  --process->fetches;
  static_cast<void>(process->process->send(Type::Fetched, id, hostwire::encode(answer)));
  host_.rewatch(*process->process, serial);
}

// --- replacing --------------------------------------------------------------------------------------------------------

bool PluginSlot::reload(std::function<void(const std::string&)> then, Steady now) {
  failures_ = 0;
  notBefore_ = now;
  if (!current_) return false;
  if (next_) {
    then("it is being replaced already");
    return true;
  }
  auto launched = launch(now);
  if (!launched.ok()) {
    then(launched.error().detail());
    return true;
  }
  next_ = std::move(*launched);
  reloaded_ = std::move(then);
  return true;
}

// The new process takes over once every instance of the old one is there too.
void PluginSlot::nextStep(Steady now) {
  using Made = HostedProcess::Made;
  for (const auto& [id, instance] : next_->instances) {
    if (instance.made == Made::Asked) return;
    if (instance.made == Made::Failed) {
      const std::string why = instance.reason;
      drop(*next_);
      return endReload(why);
    }
  }
  ProcessPtr old = std::move(current_);
  current_ = std::move(next_);
  if (old) leave(std::move(old), now);
  endReload({});
  pump(now);
}

void PluginSlot::endReload(const std::string& why) {
  if (!reloaded_) return;
  const auto then = std::move(reloaded_);
  reloaded_ = nullptr;
  then(why);
}

// Only where it is plain what it would mean: an instance that is there, in a process that is not being replaced.
void PluginSlot::reconfigure(Id id, hostwire::Reconfigure given, UniqueFunction<void(Result<bool>)> then, Steady now) {
  const bool alone = current_ && current_->loaded && !next_ && given_.count(id) == 0;
  const auto instance = alone ? current_->instances.find(id) : decltype(current_->instances.end()){};
  if (!alone || instance == current_->instances.end() || instance->second.made != HostedProcess::Made::Ready) {
    return then(false);
  }
  if (!current_->process->send(Type::Reconfigure, id, hostwire::encode(given))) return then(false);
  host_.rewatch(*current_->process, current_->serial);
  given_[id] = {current_->serial, std::move(given), std::move(then), now + kReconfigureTime};
}

void PluginSlot::onReconfigured(HostedProcess& process, Id id, const hostwire::Outcome& outcome) {
  const auto it = given_.find(id);
  if (it == given_.end() || it->second.serial != process.serial) return;
  Given given = std::move(it->second);
  given_.erase(it);
  if (outcome.ok) {
    // A process that comes after this one takes it too.
    if (const auto verifier = verifiers_.find(id); verifier != verifiers_.end()) {
      verifier->second.config = std::move(given.what.config);
      verifier->second.secrets = std::move(given.what.secrets);
    }
    return given.then(true);
  }
  if (outcome.reason.empty()) return given.then(false);
  given.then(Error(Code::Invalid, printable(outcome.reason)));
}

bool PluginSlot::askHealth(std::uint64_t id) {
  if (!current_ || !current_->loaded || !current_->process->send(Type::Health, id, {})) return false;
  host_.rewatch(*current_->process, current_->serial);
  return true;
}

}  // namespace chatd

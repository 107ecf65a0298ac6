#include "host/child.h"

#include "host/secrets.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace chatd::plugin_host {

using hostwire::Type;

namespace {

constexpr unsigned kWorkers = 2;
constexpr unsigned kBlockingWorkers = 16;
constexpr std::size_t kMaxFetches = 256;
constexpr int kSocketLost = 3;

std::string text(chatd_str s, std::size_t most) {
  if (s.ptr == nullptr) return {};
  return {s.ptr, static_cast<std::size_t>(std::min<std::uint64_t>(s.len, most))};
}
chatd_str str(const std::string& s) { return {s.data(), s.size()}; }

std::int64_t clockNs(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::vector<chatd_kv> pairs(const hostwire::Fields& fields) {
  std::vector<chatd_kv> out;
  out.reserve(fields.size());
  for (const auto& [name, value] : fields) out.push_back({str(name), str(value)});
  return out;
}

// The functions that the plugin sees. Thread: any.
void hostComplete(chatd_host_ctx* ctx, chatd_job job, const chatd_result* result) {
  ctx->child->complete(ctx->instance, job, result);
}
void hostLog(chatd_host_ctx* ctx, std::int32_t level, chatd_str message, const chatd_kv*, std::uint32_t) {
  ctx->child->say(ctx->instance, level, message);
}
std::int64_t hostNowNs(chatd_host_ctx*) { return clockNs(CLOCK_MONOTONIC); }
std::int64_t hostUnixMs(chatd_host_ctx*) { return clockNs(CLOCK_REALTIME) / 1'000'000; }
void hostMetricAdd(chatd_host_ctx* ctx, chatd_str name, double by, const chatd_kv* labels, std::uint32_t n) {
  ctx->child->count(ctx->instance, name, by, labels, n);
}
std::int32_t hostSecret(chatd_host_ctx* ctx, chatd_str name, char* to, std::uint64_t room, std::uint64_t* length) {
  const std::lock_guard lock(ctx->mutex);
  return giveSecret(ctx->secrets, {name.ptr, static_cast<std::size_t>(name.len)}, to, room, length);
}
std::int32_t hostFetch(chatd_host_ctx* ctx, const chatd_http_req* request, void (*done)(void*, const chatd_http_resp*),
                       void* user) {
  return ctx->child->fetch(ctx->instance, *request, done, user);
}
const void* hostService(chatd_host_ctx*, const char* id) {
  static const chatd_http_v1 http = {sizeof(chatd_http_v1), &hostFetch};
  return id != nullptr && std::string_view(id) == "chatd.http/1" ? &http : nullptr;
}

}  // namespace

TaskQueue::TaskQueue(unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) {
    std::thread([this] {
      for (;;) {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return !tasks_.empty(); });
        const std::function<void()> task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
      }
    }).detach();  // it ends with the process
  }
}

void TaskQueue::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  ready_.notify_one();
}

void PluginChild::send(Type type, std::uint64_t id, const std::string& payload) {
  const std::lock_guard lock(sending_);
  for (const std::string& datagram : hostwire::datagrams(type, id, payload)) {
    ssize_t sent = 0;
    do {
      sent = ::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) ::_exit(kSocketLost);
  }
}

void PluginChild::refuse(const std::string& reason) {
  hostwire::Loaded loaded;
  loaded.reason = reason;
  send(Type::Loaded, 0, hostwire::encode(loaded));
}

void PluginChild::serve(const chatd_plugin* plugin, bool confined) {
  plugin_ = plugin;
  const bool serialized = (plugin->flags & CHATD_PF_SERIALIZED) != 0;
  const bool blocks = (plugin->flags & CHATD_PF_MAY_BLOCK) != 0;
  workers_ = std::make_unique<TaskQueue>(serialized ? 1 : blocks ? kBlockingWorkers : kWorkers);
  if (!serialized) controlOwn_ = std::make_unique<TaskQueue>(1);
  control_ = serialized ? workers_.get() : controlOwn_.get();

  hostwire::Loaded loaded;
  loaded.ok = true;
  loaded.confined = confined;
  loaded.flags = plugin->flags;
  loaded.id = plugin->id;
  loaded.name = plugin->name;
  loaded.version = plugin->version;
  loaded.vendor = plugin->vendor;
  if (plugin->config_schema != nullptr) loaded.schema = plugin->config_schema;
  if (loaded.schema.size() > hostwire::kMaxSchema) {
    loaded.ok = false;
    loaded.reason = "its config_schema is larger than 64 KiB";
    loaded.schema.clear();
  }
  send(Type::Loaded, 0, hostwire::encode(loaded));

  std::vector<char> buffer(hostwire::kMaxDatagram);
  hostwire::Assembler assembler;
  for (;;) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) ::_exit(got == 0 ? 0 : kSocketLost);
    hostwire::Message message;
    const auto state = assembler.take({buffer.data(), static_cast<std::size_t>(got)}, message);
    if (state == hostwire::Assembler::State::Broken) ::_exit(kSocketLost);
    if (state == hostwire::Assembler::State::Whole) take(message);
  }
}

void PluginChild::take(const hostwire::Message& message) {
  const std::uint64_t id = message.id;
  switch (message.type) {
    case Type::Create:
      if (auto wanted = hostwire::decode<hostwire::Create>(message.payload)) {
        return control_->post([this, id, wanted = std::move(*wanted)] { create(id, wanted); });
      }
      break;
    case Type::Destroy:
      return control_->post([this, id] { destroy(id); });
    case Type::Reconfigure:
      if (auto wanted = hostwire::decode<hostwire::Reconfigure>(message.payload)) {
        return control_->post([this, id, wanted = std::move(*wanted)] { reconfigure(id, wanted); });
      }
      break;
    case Type::Verify:
      if (auto asked = hostwire::decode<hostwire::Verify>(message.payload)) {
        return workers_->post([this, id, asked = std::move(*asked)] { verify(id, asked); });
      }
      break;
    case Type::Cancel:
      if (const auto cancel = hostwire::decode<hostwire::Cancel>(message.payload)) {
        if (!CHATD_HAS(plugin_, cancel) || plugin_->cancel == nullptr) return;
        return workers_->post([this, id, instance = cancel->instance] {
          if (chatd_instance* handle = handleOf(instance)) plugin_->cancel(handle, id);
        });
      }
      break;
    case Type::Fetched:
      if (auto answer = hostwire::decode<hostwire::Fetched>(message.payload)) {
        return workers_->post([this, id, answer = std::move(*answer)] { fetched(id, answer); });
      }
      break;
    case Type::Health:
      return control_->post([this, id] { health(id); });
    default:
      break;
  }
  ::_exit(kSocketLost);  // the daemon is of the same build; this is no message of its
}

chatd_instance* PluginChild::handleOf(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto it = instances_.find(id);
  return it == instances_.end() ? nullptr : it->second.handle;
}

// Thread: control.
void PluginChild::create(std::uint64_t id, const hostwire::Create& wanted) {
  Instance made;
  made.context = new chatd_host_ctx{this, id};
  made.context->secrets = wanted.secrets;
  made.host =
      std::make_unique<chatd_host>(chatd_host{sizeof(chatd_host), CHATD_ABI_MINOR, made.context, &hostComplete, &hostLog,
                                              &hostNowNs, &hostUnixMs, &hostMetricAdd, &hostSecret, &hostService});
  std::array<char, hostwire::kMaxReason> why{};
  const std::int32_t fault =
      plugin_->create(made.host.get(), str(wanted.app), str(wanted.config), &made.handle, why.data(), why.size());
  hostwire::Outcome outcome;
  outcome.ok = fault == 0 && made.handle != nullptr;
  if (outcome.ok) {
    const std::lock_guard lock(mutex_);
    instances_[id] = std::move(made);
  } else {
    why.back() = '\0';
    outcome.reason = why[0] != '\0' ? why.data() : "the plugin refused the configuration without a reason";
    // As with the context: a plugin that failed may still call its host.
    static_cast<void>(made.host.release());
  }
  send(Type::Created, id, hostwire::encode(outcome));
}

// Thread: control. The daemon asks for it only once no job of the instance is owed.
void PluginChild::destroy(std::uint64_t id) {
  if (chatd_instance* handle = handleOf(id)) plugin_->destroy(handle);
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = instances_.find(id); it != instances_.end()) {
      static_cast<void>(it->second.host.release());
      instances_.erase(it);
    }
  }
  send(Type::Destroyed, id, {});
}

void PluginChild::swapSecrets(std::uint64_t id, hostwire::Fields& others) {
  const std::lock_guard lock(mutex_);
  const auto it = instances_.find(id);
  if (it == instances_.end()) return;
  const std::lock_guard inner(it->second.context->mutex);
  it->second.context->secrets.swap(others);
}

// Thread: control.
void PluginChild::reconfigure(std::uint64_t id, const hostwire::Reconfigure& wanted) {
  hostwire::Outcome outcome;
  chatd_instance* handle = handleOf(id);
  if (handle != nullptr && CHATD_HAS(plugin_, reconfigure) && plugin_->reconfigure != nullptr) {
    hostwire::Fields before = wanted.secrets;
    swapSecrets(id, before);
    std::array<char, hostwire::kMaxReason> why{};
    outcome.ok = plugin_->reconfigure(handle, str(wanted.config), why.data(), why.size()) == 0;
    why.back() = '\0';
    if (!outcome.ok) swapSecrets(id, before);
    if (!outcome.ok) outcome.reason = why[0] != '\0' ? why.data() : "the plugin refused the configuration without a reason";
  }
  send(Type::Reconfigured, id, hostwire::encode(outcome));
}

// Thread: worker.
void PluginChild::verify(chatd_job job, const hostwire::Verify& asked) {
  chatd_instance* handle = handleOf(asked.instance);
  if (handle == nullptr) return send(Type::Refused, job, {});
  chatd_verify_req request{};
  request.struct_size = sizeof request;
  request.app_id = str(asked.app);
  request.token = str(asked.token);
  request.claimed_user_id = str(asked.claimedUser);
  request.trace_id = str(asked.trace);
  std::vector<chatd_kv> fields;
  if ((plugin_->flags & CHATD_PF_USES_PEER) != 0) {
    request.client_ip = str(asked.clientIp);
    request.origin = str(asked.origin);
    fields = pairs(asked.fields);
    request.kv = fields.data();
    request.kv_count = static_cast<std::uint32_t>(fields.size());
  }
  request.deadline_ns = asked.deadlineNs;
  if (plugin_->verify(handle, &request, job) != 0) send(Type::Refused, job, {});
}

// Thread: control. Of every instance; the first that is not well is told.
void PluginChild::health(std::uint64_t id) {
  hostwire::Outcome outcome{true, {}};
  std::vector<chatd_instance*> handles;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [instance, made] : instances_) handles.push_back(made.handle);
  }
  if (CHATD_HAS(plugin_, health) && plugin_->health != nullptr) {
    for (chatd_instance* handle : handles) {
      std::array<char, hostwire::kMaxReason> message{};
      const bool well = plugin_->health(handle, message.data(), message.size()) == 0;
      message.back() = '\0';
      outcome.reason = message.data();
      outcome.ok = well;
      if (!well) break;
    }
  }
  send(Type::HealthIs, id, hostwire::encode(outcome));
}

void PluginChild::complete(std::uint64_t instance, chatd_job job, const chatd_result* given) {
  hostwire::Answered answer;
  answer.instance = instance;
  answer.hasResult = given != nullptr;
  if (given != nullptr) {
    // The plugin's struct may be older and shorter than ours, or newer and longer.
    chatd_result r{};
    r.cache_ttl_ms = -1;
    std::copy_n(reinterpret_cast<const char*>(given), std::min<std::size_t>(given->struct_size, sizeof r),
                reinterpret_cast<char*>(&r));
    answer.verdict = r.verdict;
    answer.user = text(r.user_id, hostwire::kMaxField);
    answer.displayName = text(r.display_name, hostwire::kMaxField);
    answer.avatar = text(r.avatar_url, hostwire::kMaxField);
    answer.expiresAtMs = r.expires_at_ms;
    answer.cacheTtlMs = r.cache_ttl_ms;
    answer.claims = text(r.claims_json, hostwire::kMaxClaims + 1);
    answer.code = text(r.error_code, hostwire::kMaxReason);
    answer.detail = text(r.error_detail, hostwire::kMaxField);
    const auto* at = reinterpret_cast<const char*>(r.grants);
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(r.grant_count, hostwire::kMaxGrants); ++i) {
      // A grant that is not there is told as one without a glob, which the daemon refuses.
      if (at == nullptr || r.grants->struct_size < sizeof(chatd_grant)) {
        answer.grants.push_back({});
        continue;
      }
      const auto* grant = reinterpret_cast<const chatd_grant*>(at + i * r.grants->struct_size);
      answer.grants.push_back({grant->perms, text(grant->room_glob, hostwire::kMaxGlob)});
    }
  }
  send(Type::Answered, job, hostwire::encode(answer));
}

void PluginChild::say(std::uint64_t instance, std::int32_t level, chatd_str message) {
  send(Type::Said, instance, hostwire::encode(hostwire::Said{level, text(message, hostwire::kMaxReason)}));
}

void PluginChild::count(std::uint64_t instance, chatd_str name, double by, const chatd_kv* labels, std::uint32_t n) {
  hostwire::Counted counted{text(name, hostwire::kMaxReason), by, {}};
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(n, hostwire::kMaxLabels); ++i) {
    counted.labels.emplace_back(text(labels[i].key, hostwire::kMaxLabel), text(labels[i].value, hostwire::kMaxLabel));
  }
  send(Type::Counted, instance, hostwire::encode(counted));
}

std::int32_t PluginChild::fetch(std::uint64_t instance, const chatd_http_req& given,
                                void (*done)(void*, const chatd_http_resp*), void* user) {
  if (given.kv_count > hostwire::kMaxFields || given.url.len > hostwire::kMaxField || given.body.len > hostwire::kMaxBody) {
    return 1;
  }
  hostwire::Fetch call;
  call.instance = instance;
  call.method = text(given.method, hostwire::kMaxReason);
  call.url = text(given.url, hostwire::kMaxField);
  call.body = text(given.body, hostwire::kMaxBody);
  for (std::uint32_t i = 0; i < given.kv_count; ++i) {
    const chatd_kv& field = given.headers[i];
    if (field.key.len > hostwire::kMaxField || field.value.len > hostwire::kMaxField) return 1;
    call.headers.emplace_back(text(field.key, hostwire::kMaxField), text(field.value, hostwire::kMaxField));
  }
  call.deadlineNs = given.deadline_ns;
  call.maxResponse = given.max_response;
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (fetches_.size() >= kMaxFetches) return 1;
    id = nextFetch_++;
    fetches_[id] = {done, user};
  }
  send(Type::Fetch, id, hostwire::encode(call));
  return 0;
}

// Thread: worker.
void PluginChild::fetched(std::uint64_t id, const hostwire::Fetched& answer) {
  Waiting waiting{};
  {
    const std::lock_guard lock(mutex_);
    const auto it = fetches_.find(id);
    if (it == fetches_.end()) return;
    waiting = it->second;
    fetches_.erase(it);
  }
  const std::vector<chatd_kv> headers = pairs(answer.headers);
  chatd_http_resp response{};
  response.struct_size = sizeof response;
  response.status = answer.status;
  response.body = str(answer.body);
  response.error = str(answer.error);
  response.headers = headers.data();
  response.header_count = headers.size();
  waiting.done(waiting.user, &response);
}

}  // namespace chatd::plugin_host

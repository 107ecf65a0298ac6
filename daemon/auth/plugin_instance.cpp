#include "auth/plugin_instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "host/secrets.h"

namespace chatd {

namespace {

chatd_str str(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(chatd_str text) {
  return text.ptr == nullptr ? std::string_view{} : std::string_view{text.ptr, static_cast<std::size_t>(text.len)};
}
}  // namespace

std::int64_t nanoseconds(Steady t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, 500));
  for (char& c : out) {
    const auto b = static_cast<unsigned char>(c);
    if (b < 0x20 || b == 0x7F) c = ' ';
  }
  while (!out.empty() && !isUtf8(out)) out.pop_back();
  return out;
}

// The functions of chatd_host and of its services. Thread: any.
struct PluginHostFunctions {
  static void complete(chatd_host_ctx* ctx, chatd_job job, const chatd_result* result) {
    InlineInstance& self = *ctx->instance;
    Verdict verdict = result == nullptr ? Verdict::unavailable("it completed without a result") : readVerdict(*result);
    verdict.pluginFault = verdict.pluginFault || result == nullptr;
    self.owner_->completed(self, job, std::move(verdict));
  }

  static void log(chatd_host_ctx* ctx, std::int32_t level, chatd_str message, const chatd_kv*, std::uint32_t) {
    InlineInstance& self = *ctx->instance;
    const auto known =
        static_cast<AuthLogLevel>(std::clamp(level, std::int32_t{CHATD_LOG_DEBUG}, std::int32_t{CHATD_LOG_ERROR}));
    self.owner_->say(known, fmt::format("plugin {} of app {}: {}", self.name(), self.appText_, printable(view(message))));
  }

  static std::int64_t nowNs(chatd_host_ctx* ctx) { return nanoseconds(ctx->instance->owner_->steady()); }
  static std::int64_t unixMs(chatd_host_ctx* ctx) { return micros(ctx->instance->owner_->wall()) / 1000; }

  static void metricAdd(chatd_host_ctx* ctx, chatd_str name, double by, const chatd_kv* labels, std::uint32_t n) {
    constexpr std::size_t kMostBytes = 128;
    constexpr std::uint32_t kMostLabels = 8;
    InlineInstance& self = *ctx->instance;
    MetricLabels pairs;
    for (std::uint32_t i = 0; i < std::min(n, kMostLabels); ++i) {
      pairs.emplace_back(printable(view(labels[i].key).substr(0, kMostBytes)),
                         printable(view(labels[i].value).substr(0, kMostBytes)));
    }
    self.owner_->counted(self.app_, self.name(), std::string(view(name).substr(0, kMostBytes)), by, std::move(pairs));
  }

  static std::int32_t secret(chatd_host_ctx* ctx, chatd_str name, char* to, std::uint64_t room, std::uint64_t* length) {
    InlineInstance& self = *ctx->instance;
    LockGuard g(self.mutex_);
    return giveSecret(self.secrets_, view(name), to, room, length);
  }

  static const void* service(chatd_host_ctx*, const char* id) {
    static const chatd_http_v1 http = {sizeof(chatd_http_v1), &fetch};
    return id != nullptr && std::string_view(id) == "chatd.http/1" ? &http : nullptr;
  }

  static std::int32_t fetch(chatd_host_ctx* ctx, const chatd_http_req* given, void (*done)(void*, const chatd_http_resp*),
                            void* user) {
    InlineInstance& self = *ctx->instance;
    OutboundRequest request;
    request.method = view(given->method);
    request.url = view(given->url);
    request.body = view(given->body);
    for (std::uint32_t i = 0; i < given->kv_count; ++i) {
      request.headers.emplace_back(view(given->headers[i].key), view(given->headers[i].value));
    }
    // The plugin's deadline is on the host's clock, which tests may move; the client waits in real time.
    const std::int64_t left = given->deadline_ns - nowNs(ctx);
    constexpr std::int64_t kMostNs = 120'000'000'000;
    request.deadline =
        std::chrono::steady_clock::now() + std::chrono::nanoseconds(std::clamp<std::int64_t>(left, 0, kMostNs));
    constexpr std::uint64_t kMostBytes = 1024 * 1024;
    request.maxResponse = static_cast<std::size_t>(std::min(given->max_response, kMostBytes));
    request.tenant = static_cast<std::uint64_t>(raw(self.app_));
    request.allowPrivateNetworks = self.allowPrivate_;
    const bool taken =
        self.owner_->fetch(std::move(request), [done, user](Result<OutboundResponse> answer) { hand(answer, done, user); });
    return taken ? 0 : 1;
  }

  static void hand(const Result<OutboundResponse>& answer, void (*done)(void*, const chatd_http_resp*), void* user) {
    chatd_http_resp response{};
    response.struct_size = sizeof response;
    std::vector<chatd_kv> headers;
    if (answer.ok()) {
      response.status = answer->status;
      response.body = str(answer->body);
      for (const auto& [name, value] : answer->headers) headers.push_back({str(name), str(value)});
      response.headers = headers.data();
      response.header_count = headers.size();
    } else {
      response.status = -1;
      response.error = str(answer.error().detail());
    }
    done(user, &response);
  }
};

InlineInstance::InlineInstance(std::shared_ptr<PluginInstanceOwner> owner, const chatd_plugin* plugin, std::string name,
                               AppId app, bool allowPrivateNetworks, PluginSecrets::Values secrets)
    : Instance(std::move(name)),
      owner_(std::move(owner)),
      plugin_(plugin),
      app_(app),
      appText_(std::to_string(raw(app))),
      allowPrivate_(allowPrivateNetworks),
      secrets_(std::move(secrets)) {
  using F = PluginHostFunctions;
  context_.instance = this;
  host_ = {sizeof(chatd_host), CHATD_ABI_MINOR, &context_,     &F::complete, &F::log,
           &F::nowNs,          &F::unixMs,      &F::metricAdd, &F::secret,   &F::service};
}

InlineInstance::~InlineInstance() {
  if (handle_ != nullptr) plugin_->destroy(handle_);
}

Result<void> InlineInstance::create(const std::string& config) {
  std::array<char, 512> why{};
  chatd_instance* made = nullptr;
  const std::int32_t failed = plugin_->create(&host_, str(appText_), str(config), &made, why.data(), why.size());
  if (failed == 0 && made != nullptr) {
    handle_ = made;
    return {};
  }
  why.back() = '\0';
  const std::string reason = printable(why.data());
  return Error(Code::VerifierUnavailable, reason.empty() ? "the plugin refused the configuration" : reason);
}

bool InlineInstance::verify(const Question& question, std::chrono::milliseconds timeout, chatd_job job) {
  const bool peer = (plugin_->flags & CHATD_PF_USES_PEER) != 0;
  chatd_verify_req request{};
  request.struct_size = sizeof request;
  request.app_id = str(appText_);
  request.token = str(question.token);
  std::vector<chatd_kv> fields;
  if (peer) {
    request.client_ip = str(question.clientIp);
    request.origin = str(question.origin);
    for (const auto& [name, value] : question.fields) fields.push_back({str(name), str(value)});
    request.kv = fields.data();
    request.kv_count = static_cast<std::uint32_t>(fields.size());
  }
  request.deadline_ns = nanoseconds(owner_->steady() + timeout);
  return plugin_->verify(handle_, &request, job) == 0;
}

void InlineInstance::cancel(chatd_job job) {
  if (CHATD_HAS(plugin_, cancel) && plugin_->cancel != nullptr) plugin_->cancel(handle_, job);
}

void InlineInstance::reconfigure(const std::string& config, const PluginSecrets::Values& secrets, Reconfigured then) {
  if (!CHATD_HAS(plugin_, reconfigure) || plugin_->reconfigure == nullptr) return then(false);
  PluginSecrets::Values before = secrets;
  {
    LockGuard g(mutex_);
    secrets_.swap(before);
  }
  std::array<char, 512> why{};
  if (plugin_->reconfigure(handle_, str(config), why.data(), why.size()) == 0) return then(true);
  {
    LockGuard g(mutex_);
    secrets_.swap(before);
  }
  why.back() = '\0';
  const std::string reason = printable(why.data());
  then(Error(Code::Invalid, reason.empty() ? "the plugin refused the configuration" : reason));
}

std::string InlineInstance::health() {
  if (!CHATD_HAS(plugin_, health) || plugin_->health == nullptr) return {};
  std::array<char, 512> message{};
  if (plugin_->health(handle_, message.data(), message.size()) == 0) return {};
  message.back() = '\0';
  const std::string reason = printable(message.data());
  return reason.empty() ? "it is not well and does not say why" : reason;
}

}  // namespace chatd

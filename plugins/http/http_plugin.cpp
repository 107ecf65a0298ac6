// The verifier `http`: GET of the app's URL with the token as Bearer. Asynchronous: verify() starts a fetch and returns.
// Written against chatd_plugin.h alone; the host is reached only through chatd_host.
#include "http/http_plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "http/answer.h"

using chatd::http_plugin::Answer;

namespace {

constexpr std::int64_t kDefaultTimeoutMs = 5'000;
constexpr std::int64_t kMaxTimeoutMs = 60'000;
constexpr std::uint64_t kMaxAnswer = 64 * 1024;

constexpr const char* kSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["url"],
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "maxLength": 4096,
            "description": "asked by GET with the token as Bearer; 2xx with a JSON user allows, 401 and 403 deny"},
    "timeoutMs": {"type": "integer", "minimum": 1, "maximum": 60000, "default": 5000,
                  "description": "milliseconds for the whole call"}
  }
})";

chatd_str str(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(chatd_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }

struct Config {
  std::string url;
  std::int64_t timeoutMs = kDefaultTimeoutMs;
};

/// Empty: taken. Else what is wrong.
std::string readConfig(std::string_view text, Config& config) {
  const auto json = chatd::parseJson(text);
  if (!json.ok()) return json.error().detail();
  if (!json->IsObject()) return "the config must be a JSON object";
  for (const auto& member : json->GetObject()) {
    const std::string_view key = chatd::asView(member.name);
    if (key != "url" && key != "timeoutMs") return fmt::format("{}: unknown; known are url and timeoutMs", key);
  }
  const chatd::JsonValue* url = chatd::find(*json, "url");
  if (url == nullptr || !url->IsString()) return "url: is required, a string";
  config.url = chatd::asView(*url);
  const auto colon = config.url.find("://");
  const std::string scheme = chatd::toLower(std::string_view(config.url).substr(0, colon));
  if (colon == std::string::npos || (scheme != "http" && scheme != "https"))
    return "url: must begin with http:// or https://";
  if (config.url.size() > 4096) return "url: is longer than 4096 bytes";
  for (const char c : config.url) {
    if (c <= 0x20 || c >= 0x7F) return "url: may have printable ASCII only; percent-encode the rest";
  }
  const std::string_view rest = std::string_view(config.url).substr(colon + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty()) return "url: has no host";
  if (authority.find('@') != std::string_view::npos) return "url: may not have user information";
  if (const chatd::JsonValue* timeout = chatd::find(*json, "timeoutMs"); timeout != nullptr) {
    if (!timeout->IsInt64() || timeout->GetInt64() < 1 || timeout->GetInt64() > kMaxTimeoutMs) {
      return fmt::format("timeoutMs: must be an integer from 1 to {}", kMaxTimeoutMs);
    }
    config.timeoutMs = timeout->GetInt64();
  }
  return {};
}

}  // namespace

struct chatd_instance {
  const chatd_host* host = nullptr;
  const chatd_http_v1* http = nullptr;
  Config config;
};

namespace {

void complete(const chatd_instance& self, chatd_job job, const Answer& answer) {
  chatd_result result{};
  result.struct_size = sizeof result;
  result.verdict = answer.verdict;
  result.user_id = str(answer.userId);
  result.display_name = str(answer.displayName);
  result.claims_json = str(answer.claims);
  result.expires_at_ms = answer.expiresAtMs;
  result.cache_ttl_ms = -1;
  result.error_detail = str(answer.detail);
  self.host->complete(self.host->ctx, job, &result);
}

std::int32_t create(const chatd_host* host, chatd_str, chatd_str config, chatd_instance** out, char* err,
                    std::uint64_t capacity) {
  auto instance = std::make_unique<chatd_instance>();
  instance->host = host;
  std::string fault = readConfig(view(config), instance->config);
  if (fault.empty()) {
    instance->http = static_cast<const chatd_http_v1*>(host->service(host->ctx, "chatd.http/1"));
    if (instance->http == nullptr) fault = "this host has no HTTP client (service chatd.http/1)";
  }
  if (!fault.empty()) {
    if (capacity > 0) {
      const std::size_t length = std::min<std::size_t>(fault.size(), capacity - 1);
      std::memcpy(err, fault.data(), length);
      err[length] = '\0';
    }
    return 1;
  }
  *out = instance.release();
  return 0;
}

void destroy(chatd_instance* instance) { delete instance; }

/// Lives from verify() to the fetch's callback.
struct Pending {
  const chatd_instance* instance;
  chatd_job job;
};

void fetched(void* user, const chatd_http_resp* response) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(user));
  Answer answer;
  if (response->status < 0) {
    answer.verdict = CHATD_UNAVAILABLE;
    answer.detail = fmt::format("the verification URL cannot be asked: {}", view(response->error));
  } else {
    answer = chatd::http_plugin::judge(response->status, view(response->body));
  }
  complete(*pending->instance, pending->job, answer);
}

std::int32_t verify(chatd_instance* self, const chatd_verify_req* request, chatd_job job) {
  const std::string_view token = view(request->token);
  // Only visible ASCII can travel in a header field; anything else was never issued for this URL.
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; })) {
    Answer answer;
    answer.verdict = CHATD_DEFER;
    answer.detail = "the token has bytes that cannot be sent as Bearer";
    complete(*self, job, answer);
    return 0;
  }
  const std::string bearer = fmt::format("Bearer {}", token);
  const chatd_kv headers[] = {{str("Authorization"), str(bearer)}, {str("Accept"), str("application/json")}};
  chatd_http_req call{};
  call.struct_size = sizeof call;
  call.method = str("GET");
  call.url = str(self->config.url);
  call.headers = headers;
  call.kv_count = 2;
  const std::int64_t ours = self->host->now_ns(self->host->ctx) + self->config.timeoutMs * 1'000'000;
  call.deadline_ns = std::min(ours, request->deadline_ns);
  call.max_response = kMaxAnswer;
  auto pending = std::make_unique<Pending>(Pending{self, job});
  if (self->http->fetch(self->host->ctx, &call, fetched, pending.get()) != 0) return 1;
  // From here on fetched() owns it; it may have run already.
  static_cast<void>(pending.release());
  return 0;
}

constexpr chatd_plugin kPlugin = {
    sizeof(chatd_plugin), 0, "http", "HTTP", "1.0.0", "chatd", kSchema, create, destroy, verify, nullptr, nullptr, nullptr};

}  // namespace

extern "C" const chatd_plugin* chatd_http_plugin_entry(uint32_t) { return &kPlugin; }

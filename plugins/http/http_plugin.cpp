// The verifier `http`: asks a URL of the app's. Without more configuration it is the classic GET with the token as Bearer;
// method, header fields and body can be given as templates, and the request can be signed. Asynchronous.
#include "http/http_plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "common/config_reader.h"
#include "common/crypto.h"
#include "common/field_names.h"
#include "common/form.h"
#include "common/grants.h"
#include "http/answer.h"
#include "sdk/chatd_plugin.hpp"

namespace chatd::http_plugin {

namespace {

constexpr std::uint64_t kMaxAnswer = 64 * 1024;

constexpr const char* kSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["url"],
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "minLength": 1, "maxLength": 4096,
            "description": "2xx with a JSON user allows, 401 and 403 deny"},
    "method": {"enum": ["GET", "POST"], "default": "GET"},
    "headers": {"type": "object", "writeOnly": false, "additionalProperties": {"type": "string", "writeOnly": true, "maxLength": 4096},
      "description": "templates: {token} and {app} are filled in; default: Authorization: Bearer {token}"},
    "body": {"type": "string", "writeOnly": true, "minLength": 1, "maxLength": 16384,
      "description": "POST: template, filled in as contentType demands; default {\"token\":\"{token}\"}"},
    "contentType": {"enum": ["application/json", "application/x-www-form-urlencoded", "text/plain"], "default": "application/json"},
    "sign": {"type": "object", "required": ["secret"], "additionalProperties": false, "properties": {
      "secret": {"type": "string", "writeOnly": true, "minLength": 16, "maxLength": 1024},
      "header": {"type": "string", "minLength": 1, "maxLength": 128, "default": "X-Chatd-Signature"}},
      "description": "a field t=SECONDS,v1=HEX: HMAC-SHA-256 of the lines t, method, url, SHA-256 of the token in hex, body"},
    )" CHATD_GRANTS_SCHEMA R"(,
    "timeoutMs": {"type": "integer", "minimum": 1, "maximum": 60000, "default": 5000,
                  "description": "milliseconds for the whole call"}
  }
})";

enum class Escape : std::uint8_t { None, Json, Form };

struct Config {
  std::string url, method, body, contentType;
  Escape escape = Escape::Json;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string signSecret, signHeader, grantsClaim;
  std::int64_t timeoutMs = 0;
};

bool fieldCharacters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\t'; });
}

/// A field that this verifier may send. `where` it is configured, for the admin.
void requireField(std::string_view name, const char* where) {
  if (!isFieldName(name)) {
    throw std::invalid_argument(fmt::format("{}: \"{}\" is no name of a header field", where, name.substr(0, 128)));
  }
  // What chatd.http/1 writes itself; it would refuse each call.
  constexpr std::string_view kOurs[] = {"host",       "content-length",  "transfer-encoding",
                                        "connection", "accept-encoding", "upgrade"};
  for (const std::string_view ours : kOurs) {
    if (equalIgnoreCase(name, ours)) throw std::invalid_argument(fmt::format("{}: {} is written by chatd", where, name));
  }
}

Config read(std::string_view text) {
  const JsonDocument json = plugins::readConfig(kSchema, text);
  Config c;
  c.url = plugins::textOr(json, "url");
  plugins::requireUrl(c.url, "url");
  c.method = plugins::textOr(json, "method", "GET");
  c.grantsClaim = plugins::textOr(json, "grantsClaim");
  c.timeoutMs = plugins::integerOr(json, "timeoutMs", 5000);
  c.contentType = plugins::textOr(json, "contentType", "application/json");
  c.escape = c.contentType == "application/json" ? Escape::Json
             : c.contentType == "text/plain"     ? Escape::None
                                                 : Escape::Form;
  const bool post = c.method == "POST";
  if (!post && (find(json, "body") != nullptr || find(json, "contentType") != nullptr)) {
    throw std::invalid_argument("body: a GET has none; give \"method\": \"POST\"");
  }
  if (post && find(json, "body") == nullptr && c.escape != Escape::Json) throw std::invalid_argument("body: is required");
  if (post) c.body = plugins::textOr(json, "body", R"({"token":"{token}"})");
  if (const JsonValue* headers = find(json, "headers")) {
    for (const auto& member : headers->GetObject()) {
      const std::string_view name = asView(member.name);
      requireField(name, "headers");
      if (post && equalIgnoreCase(name, "content-type")) {
        // It decides how the body is filled in, and must not be said twice.
        if (asView(member.value) != c.contentType) throw std::invalid_argument("headers: give Content-Type as contentType");
        continue;
      }
      if (!fieldCharacters(asView(member.value)))
        throw std::invalid_argument(fmt::format("headers.{}: may have printable ASCII only", name));
      c.headers.emplace_back(name, asView(member.value));
    }
  } else {
    c.headers = {{"Authorization", "Bearer {token}"}, {"Accept", "application/json"}};
  }
  if (post) c.headers.emplace_back("Content-Type", c.contentType);
  if (const JsonValue* sign = find(json, "sign")) {
    c.signSecret = plugins::textOr(*sign, "secret");
    c.signHeader = plugins::textOr(*sign, "header", "X-Chatd-Signature");
    requireField(c.signHeader, "sign.header");
  }
  return c;
}

std::string escaped(std::string_view text, Escape how) {
  if (how == Escape::None) return std::string(text);
  if (how == Escape::Json) {
    std::string out;
    appendJsonString(out, text);
    return out.substr(1, out.size() - 2);
  }
  return plugins::formEncoded(text);
}

/// Fills {token} and {app} in, in one pass: what a token holds is never read as a template.
std::string filled(std::string_view form, std::string_view token, std::string_view app, Escape how) {
  std::string out;
  while (!form.empty()) {
    const auto brace = form.find('{');
    out += form.substr(0, brace);
    if (brace == std::string_view::npos) break;
    form.remove_prefix(brace);
    if (form.starts_with("{token}")) {
      out += escaped(token, how);
      form.remove_prefix(7);
    } else if (form.starts_with("{app}")) {
      out += escaped(app, how);
      form.remove_prefix(5);
    } else {
      out += '{';
      form.remove_prefix(1);
    }
  }
  return out;
}

class HttpVerifier final : public chatd_sdk::Verifier {
 public:
  HttpVerifier(chatd_sdk::Host host, std::string_view, std::string_view config) : host_(host), config_(read(config)) {
    if (!host.hasHttp()) throw std::invalid_argument("this host has no HTTP client (service chatd.http/1)");
  }

  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
    const std::string_view token = request.token;
    // Only visible ASCII can travel in a header field; anything else was never issued for this URL.
    if (!std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; })) {
      return job.answer(chatd_sdk::Answer::defer("the token has bytes that cannot be sent as Bearer"));
    }
    chatd_sdk::HttpRequest call;
    call.method = config_.method;
    call.url = config_.url;
    for (const auto& [name, form] : config_.headers) {
      call.headers.emplace_back(name, filled(form, token, request.app, Escape::None));
    }
    call.body = filled(config_.body, token, request.app, config_.escape);
    if (!config_.signSecret.empty()) call.headers.emplace_back(config_.signHeader, signature(call, token));
    call.deadlineNs = std::min(host_.nowNs() + config_.timeoutMs * 1'000'000, request.deadlineNs);
    call.maxResponse = kMaxAnswer;
    auto held = std::make_shared<chatd_sdk::Job>(std::move(job));
    const bool asked = host_.fetch(call, [held, grants = config_.grantsClaim](const chatd_sdk::HttpResponse& response) {
      if (response.status < 0) {
        return held->answer(
            chatd_sdk::Answer::unavailable(fmt::format("the verification URL cannot be asked: {}", response.error)));
      }
      held->answer(judge(response.status, response.body, grants));
    });
    if (!asked) held->answer(chatd_sdk::Answer::unavailable("the verification URL cannot be asked"));
  }

 private:
  [[nodiscard]] std::string signature(const chatd_sdk::HttpRequest& call, std::string_view token) const {
    const std::int64_t seconds = host_.unixMs() / 1000;
    const std::string text =
        fmt::format("{}\n{}\n{}\n{}\n{}", seconds, call.method, call.url, toHex(plugins::sha256(token)), call.body);
    return fmt::format("t={},v1={}", seconds, toHex(plugins::hmacSha256(config_.signSecret, text)));
  }

  const chatd_sdk::Host host_;
  const Config config_;
};

}  // namespace

}  // namespace chatd::http_plugin

CHATD_PLUGIN_AS(chatd_http_plugin_entry, chatd::http_plugin::HttpVerifier, 0, "http", "HTTP", "1.0.0", "chatd",
                chatd::http_plugin::kSchema)

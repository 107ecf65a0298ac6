// A host of the test's own for one bundled verifier: it keeps what the plugin asks for, and the test answers.
#pragma once

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

#include "sdk/chatd_plugin.h"

namespace chatd::test {

inline std::string text(chatd_str s) { return s.ptr == nullptr ? std::string() : std::string(s.ptr, s.len); }
inline chatd_str str(const std::string& s) { return {s.data(), s.size()}; }

struct Completed {
  chatd_job job = 0;
  std::int32_t verdict = 0;
  std::string user, display, claims, detail;
  std::int64_t expiresAtMs = 0;
  std::int64_t cacheTtlMs = 0;
};

struct Fetched {
  std::string method, url, body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t deadlineNs = 0;
  std::uint64_t maxResponse = 0;
  void (*done)(void*, const chatd_http_resp*) = nullptr;
  void* user = nullptr;
};

}  // namespace chatd::test

/// The host: keeps what the plugin asked for; the test answers.
struct chatd_host_ctx {
  std::vector<chatd::test::Completed> completed;
  std::vector<chatd::test::Fetched> fetched;
  std::vector<std::string> logged;
  std::int64_t now = 1'000'000'000;
  bool hasHttp = true;
  bool takesCalls = true;
};

namespace chatd::test {

inline std::int32_t fetch(chatd_host_ctx* ctx, const chatd_http_req* r, void (*done)(void*, const chatd_http_resp*),
                          void* user) {
  if (!ctx->takesCalls) return 1;
  Fetched f{text(r->method), text(r->url), text(r->body), {}, r->deadline_ns, r->max_response, done, user};
  for (std::uint32_t i = 0; i < r->kv_count; ++i) f.headers.emplace_back(text(r->headers[i].key), text(r->headers[i].value));
  ctx->fetched.push_back(std::move(f));
  return 0;
}

class PluginFixture {
 public:
  const chatd_plugin* plugin;
  chatd_host_ctx ctx;
  chatd_host host{};
  chatd_instance* instance = nullptr;

  explicit PluginFixture(const chatd_plugin* of) : plugin(of) {
    host.struct_size = sizeof host;
    host.abi_minor = CHATD_ABI_MINOR;
    host.ctx = &ctx;
    host.complete = [](chatd_host_ctx* c, chatd_job job, const chatd_result* r) {
      c->completed.push_back({job, r->verdict, text(r->user_id), text(r->display_name), text(r->claims_json),
                              text(r->error_detail), r->expires_at_ms, r->cache_ttl_ms});
    };
    host.log = [](chatd_host_ctx* c, std::int32_t, chatd_str line, const chatd_kv*, std::uint32_t) {
      c->logged.push_back(text(line));
    };
    host.now_ns = [](chatd_host_ctx* c) { return c->now; };
    host.unix_ms = [](chatd_host_ctx*) { return std::int64_t{1'000'000}; };
    host.service = [](chatd_host_ctx* c, const char* id) -> const void* {
      static const chatd_http_v1 http = {sizeof http, &fetch};
      return c->hasHttp && std::string(id) == "chatd.http/1" ? &http : nullptr;
    };
  }
  ~PluginFixture() {
    if (instance != nullptr) plugin->destroy(instance);
  }
  PluginFixture(const PluginFixture&) = delete;
  PluginFixture& operator=(const PluginFixture&) = delete;

  /// "" if taken, else the reason.
  std::string create(const std::string& config) {
    char err[200] = {};
    const std::string app = "7";
    return plugin->create(&host, str(app), str(config), &instance, err, sizeof err) == 0 ? "" : err;
  }
  std::int32_t verify(const std::string& token, chatd_job job = 42, std::int64_t within = 60'000'000'000) {
    chatd_verify_req request{};
    request.struct_size = sizeof request;
    request.token = str(token);
    request.deadline_ns = ctx.now + within;
    return plugin->verify(instance, &request, job);
  }
  void answer(std::int32_t status, const std::string& body, const std::string& error = "") {
    chatd_http_resp response{};
    response.struct_size = sizeof response;
    response.status = status;
    response.body = str(body);
    response.error = str(error);
    const Fetched call = ctx.fetched.at(0);
    ctx.fetched.erase(ctx.fetched.begin());
    call.done(call.user, &response);
  }
  /// What one answer of the URL comes to.
  Completed judged(std::int32_t status, const std::string& body) {
    BOOST_REQUIRE(verify("t") == 0);
    answer(status, body);
    BOOST_REQUIRE(ctx.completed.size() == 1U);
    const Completed c = ctx.completed.at(0);
    ctx.completed.clear();
    return c;
  }
};

}  // namespace chatd::test

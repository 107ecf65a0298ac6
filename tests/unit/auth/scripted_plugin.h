// ScriptedPlugin: verifier plugins, through the C ABI, that do what the test says. "script" and "second" see no peer data,
// "peer" does. The config names nothing; {"refuse":true} is refused. One test at a time uses it.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "auth/plugin_host.h"
#include "sdk/chatd_plugin.h"

namespace chatd::test {

struct Asked {
  const chatd_host* host = nullptr;
  chatd_job job = 0;
  std::string plugin;
  std::string token;
  std::string clientIp;
  std::string origin;
  std::int64_t deadlineNs = 0;

  /// Answers this job.
  void complete(std::int32_t verdict, const std::string& user = "", std::int64_t ttlMs = -1, std::int64_t expiresMs = 0,
                const std::string& claims = "", const std::string& code = "",
                const std::vector<chatd_grant>& grants = {}) const {
    chatd_result result{};
    result.struct_size = sizeof result;
    result.verdict = verdict;
    result.user_id = {user.data(), user.size()};
    result.cache_ttl_ms = ttlMs;
    result.expires_at_ms = expiresMs;
    result.claims_json = {claims.data(), claims.size()};
    result.error_code = {code.data(), code.size()};
    result.grants = grants.data();
    result.grant_count = grants.size();
    host->complete(host->ctx, job, &result);
  }
};

class ScriptedPlugins {
 public:
  using Script = std::function<void(const Asked&)>;

  static ScriptedPlugins& get() {
    static ScriptedPlugins all;
    return all;
  }
  void reset() {
    const std::lock_guard g(mutex_);
    script_ = nullptr;
    asked_.clear();
    created_ = destroyed_ = cancelled_ = 0;
    fail_ = false;
  }
  void on(Script script) {
    const std::lock_guard g(mutex_);
    script_ = std::move(script);
  }
  /// verify() returns an error from now on.
  void failVerify() {
    const std::lock_guard g(mutex_);
    fail_ = true;
  }
  [[nodiscard]] std::vector<Asked> asked() const {
    const std::lock_guard g(mutex_);
    return asked_;
  }
  [[nodiscard]] int created() const { return count(created_); }
  [[nodiscard]] int destroyed() const { return count(destroyed_); }
  [[nodiscard]] int cancelled() const { return count(cancelled_); }

  /// For VerifierOptions::plugins.
  static std::vector<PluginEntry> entries() {
    return {{"script", [](std::uint32_t) { return plugin<0>(); }},
            {"second", [](std::uint32_t) { return plugin<1>(); }},
            {"peer", [](std::uint32_t) { return plugin<2>(); }}};
  }

 private:
  struct Instance {
    const chatd_host* host;
    const char* plugin;
  };
  static constexpr const char* kNames[] = {"script", "second", "peer"};

  template <int kIndex>
  static const chatd_plugin* plugin() {
    static const chatd_plugin it = {sizeof(chatd_plugin),
                                    kIndex == 2 ? static_cast<std::uint32_t>(CHATD_PF_USES_PEER) : 0U,
                                    kNames[kIndex],
                                    kNames[kIndex],
                                    "1",
                                    "tests",
                                    nullptr,
                                    &create<kIndex>,
                                    &destroy,
                                    &verify,
                                    &cancel,
                                    nullptr,
                                    nullptr};
    return &it;
  }
  template <int kIndex>
  static std::int32_t create(const chatd_host* host, chatd_str, chatd_str config, chatd_instance** out, char* err,
                             std::uint64_t) {
    if (std::string(config.ptr, config.len).find("refuse") != std::string::npos) {
      std::string("refuse: must not be set").copy(err, 100);
      return 1;
    }
    get().add(get().created_);
    *out = reinterpret_cast<chatd_instance*>(new Instance{host, kNames[kIndex]});
    return 0;
  }
  static void destroy(chatd_instance* instance) {
    get().add(get().destroyed_);
    delete reinterpret_cast<Instance*>(instance);
  }
  static void cancel(chatd_instance*, chatd_job) { get().add(get().cancelled_); }
  static std::int32_t verify(chatd_instance* instance, const chatd_verify_req* request, chatd_job job) {
    const auto text = [](chatd_str s) { return s.ptr == nullptr ? std::string() : std::string(s.ptr, s.len); };
    const auto* self = reinterpret_cast<const Instance*>(instance);
    const Asked asked{
        self->host,          job, self->plugin, text(request->token), text(request->client_ip), text(request->origin),
        request->deadline_ns};
    Script script;
    {
      const std::lock_guard g(get().mutex_);
      get().asked_.push_back(asked);
      if (get().fail_) return 1;
      script = get().script_;
    }
    if (script) script(asked);
    return 0;
  }

  void add(int& counter) {
    const std::lock_guard g(mutex_);
    ++counter;
  }
  [[nodiscard]] int count(const int& counter) const {
    const std::lock_guard g(mutex_);
    return counter;
  }

  mutable std::mutex mutex_;
  Script script_;
  std::vector<Asked> asked_;
  int created_ = 0;
  int destroyed_ = 0;
  int cancelled_ = 0;
  bool fail_ = false;
};

}  // namespace chatd::test

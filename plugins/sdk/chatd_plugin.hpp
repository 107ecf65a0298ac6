// chatd_plugin.hpp - a thin C++17 layer over chatd_plugin.h. Header only, no dependencies, and no exception ever crosses the
// C boundary: what a verifier throws becomes an UNAVAILABLE answer, or the reason why create failed.
//
//   class Mine : public chatd_sdk::Verifier {
//    public:
//     Mine(chatd_sdk::Host host, std::string_view app, std::string_view config);  // throws std::exception to refuse
//     void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
//       job.answer(chatd_sdk::Answer::allow("ann"));
//     }
//   };
//   CHATD_PLUGIN(Mine, 0, "com.example.mine", "Mine", "1.0.0", "Example", nullptr)
//
// A Job is answered exactly once: by answer(), or, if it is dropped without one, as UNAVAILABLE by its destructor. It may be
// moved to another thread or into a callback, and must be gone before the verifier is destroyed.
#ifndef CHATD_PLUGIN_HPP
#define CHATD_PLUGIN_HPP

#include "chatd_plugin.h"

#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace chatd_sdk {

inline std::string_view view(chatd_str s) noexcept {
  return s.ptr == nullptr ? std::string_view() : std::string_view(s.ptr, static_cast<std::size_t>(s.len));
}
inline chatd_str str(std::string_view s) noexcept { return {s.data(), s.size()}; }

/// A question. Views are valid until verify() returns.
struct Request {
  std::string_view app, token, claimedUserId, clientIp, origin, traceId;
  const chatd_kv* kv = nullptr;
  std::uint32_t kvCount = 0;
  std::int64_t deadlineNs = 0;

  explicit Request(const chatd_verify_req& r) noexcept
      : app(view(r.app_id)), token(view(r.token)), claimedUserId(view(r.claimed_user_id)), clientIp(view(r.client_ip)),
        origin(view(r.origin)), traceId(view(r.trace_id)), kv(r.kv), kvCount(r.kv_count), deadlineNs(r.deadline_ns) {}

  /// The value of a handshake header or query field (names in lower case); empty if it was not passed on.
  std::string_view field(std::string_view name) const noexcept {
    for (std::uint32_t i = 0; i < kvCount; ++i) {
      if (view(kv[i].key) == name) return view(kv[i].value);
    }
    return {};
  }
};

struct Grant {
  std::uint32_t perms = 0;  ///< CHATD_PERM_*
  std::string roomGlob;
};

/// What is answered; see chatd_result for the meaning of each member.
struct Answer {
  std::int32_t verdict = CHATD_UNAVAILABLE;
  std::string userId, displayName, avatarUrl;
  std::int64_t expiresAtMs = 0;
  std::int64_t cacheTtlMs = -1;
  std::vector<Grant> grants;
  std::string claimsJson, errorCode, errorDetail;

  static Answer allow(std::string user) {
    Answer a;
    a.verdict = CHATD_ALLOW;
    a.userId = std::move(user);
    return a;
  }
  /// `code` is shown to the client, `detail` to operators only.
  static Answer deny(std::string detail, std::string code = {}) { return refusal(CHATD_DENY, std::move(detail), std::move(code)); }
  static Answer defer(std::string detail = {}) { return refusal(CHATD_DEFER, std::move(detail), {}); }
  static Answer unavailable(std::string detail) { return refusal(CHATD_UNAVAILABLE, std::move(detail), {}); }

 private:
  static Answer refusal(std::int32_t verdict, std::string detail, std::string code) {
    Answer a;
    a.verdict = verdict;
    a.errorDetail = std::move(detail);
    a.errorCode = std::move(code);
    return a;
  }
};

struct HttpRequest {
  std::string method = "GET", url, body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t deadlineNs = 0;             ///< Host::nowNs() scale
  std::uint64_t maxResponse = 64 * 1024;   ///< bytes of the body
};

/// An answer; valid during the callback.
struct HttpResponse {
  std::int32_t status = -1;  ///< < 0: there was none, and error says why
  std::string_view body, error;
  const chatd_kv* headers = nullptr;
  std::uint64_t headerCount = 0;

  std::string_view header(std::string_view lowerCaseName) const noexcept {
    for (std::uint64_t i = 0; i < headerCount; ++i) {
      if (view(headers[i].key) == lowerCaseName) return view(headers[i].value);
    }
    return {};
  }
};

/// What the daemon offers. A cheap value; valid until the verifier's destructor returns. Thread: any.
class Host {
 public:
  explicit Host(const chatd_host* host) noexcept : host_(host) {}

  void log(std::int32_t level, std::string_view line) const noexcept { host_->log(host_->ctx, level, str(line), nullptr, 0); }
  std::int64_t nowNs() const noexcept { return host_->now_ns(host_->ctx); }
  std::int64_t unixMs() const noexcept { return host_->unix_ms(host_->ctx); }
  void metricAdd(std::string_view name, double by) const noexcept { host_->metric_add(host_->ctx, str(name), by, nullptr, 0); }
  std::optional<std::string> secret(std::string_view name) const {
    std::string value(256, '\0');
    for (int tries = 0; tries < 2; ++tries) {
      std::uint64_t length = 0;
      if (host_->secret(host_->ctx, str(name), value.data(), value.size(), &length) == 0) {
        value.resize(static_cast<std::size_t>(length));
        return value;
      }
      if (length <= value.size() || length > 1024 * 1024) return std::nullopt;
      value.resize(static_cast<std::size_t>(length));
    }
    return std::nullopt;
  }
  bool hasHttp() const noexcept { return http() != nullptr; }
  /// False: `done` will not be called. Else it is, once, on any thread, also before this returns; it must not block. What it
  /// throws is logged.
  bool fetch(const HttpRequest& request, std::function<void(const HttpResponse&)> done) const {
    const chatd_http_v1* client = http();
    if (client == nullptr) return false;
    std::vector<chatd_kv> headers;
    for (const auto& field : request.headers) headers.push_back({str(field.first), str(field.second)});
    chatd_http_req call{};
    call.struct_size = sizeof call;
    call.kv_count = static_cast<std::uint32_t>(headers.size());
    call.method = str(request.method);
    call.url = str(request.url);
    call.body = str(request.body);
    call.headers = headers.data();
    call.deadline_ns = request.deadlineNs;
    call.max_response = request.maxResponse;
    auto pending = std::make_unique<Pending>(Pending{host_, std::move(done)});
    if (client->fetch(host_->ctx, &call, &fetched, pending.get()) != 0) return false;
    static_cast<void>(pending.release());  // fetched() owns it, and may have run already
    return true;
  }
  const chatd_host* raw() const noexcept { return host_; }

 private:
  struct Pending {
    const chatd_host* host;
    std::function<void(const HttpResponse&)> done;
  };
  static void fetched(void* user, const chatd_http_resp* given) noexcept;
  const chatd_http_v1* http() const noexcept {
    return static_cast<const chatd_http_v1*>(host_->service(host_->ctx, "chatd.http/1"));
  }

  const chatd_host* host_;
};

inline void Host::fetched(void* user, const chatd_http_resp* given) noexcept {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(user));
  HttpResponse response;
  response.status = given->status;
  response.body = view(given->body);
  response.error = view(given->error);
  response.headers = given->headers;
  response.headerCount = given->header_count;
  try {
    pending->done(response);
  } catch (const std::exception& e) {
    Host(pending->host).log(CHATD_LOG_ERROR, e.what());
  } catch (...) {
    Host(pending->host).log(CHATD_LOG_ERROR, "an HTTP callback threw something that is no std::exception");
  }
}

/// One verification that an answer is owed for. Move-only. Thread: one at a time.
class Job {
 public:
  Job(const chatd_host* host, chatd_job id) noexcept : host_(host), id_(id) {}
  Job(Job&& other) noexcept : host_(std::exchange(other.host_, nullptr)), id_(other.id_) {}
  Job& operator=(Job&& other) noexcept {
    if (this != &other) {
      drop("the verifier dropped the question");
      host_ = std::exchange(other.host_, nullptr);
      id_ = other.id_;
    }
    return *this;
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() { drop("the verifier dropped the question"); }

  chatd_job id() const noexcept { return id_; }
  /// Answers; a second answer does nothing.
  void answer(const Answer& a) noexcept {
    const chatd_host* host = std::exchange(host_, nullptr);
    if (host == nullptr) return;
    chatd_result result{};
    result.struct_size = sizeof result;
    result.verdict = a.verdict;
    result.user_id = str(a.userId);
    result.display_name = str(a.displayName);
    result.avatar_url = str(a.avatarUrl);
    result.expires_at_ms = a.expiresAtMs;
    result.cache_ttl_ms = a.cacheTtlMs;
    result.claims_json = str(a.claimsJson);
    result.error_code = str(a.errorCode);
    result.error_detail = str(a.errorDetail);
    std::vector<chatd_grant> grants;
    try {
      for (const Grant& g : a.grants) grants.push_back({sizeof(chatd_grant), g.perms, str(g.roomGlob)});
    } catch (...) {
      // Without its grants an ALLOW would be too wide.
      result.verdict = CHATD_UNAVAILABLE;
      grants.clear();
    }
    result.grants = grants.data();
    result.grant_count = grants.size();
    host->complete(host->ctx, id_, &result);
  }
  /// Answers UNAVAILABLE, if nothing was answered yet.
  void drop(std::string_view why) noexcept {
    const chatd_host* host = std::exchange(host_, nullptr);
    if (host == nullptr) return;
    chatd_result result{};
    result.struct_size = sizeof result;
    result.verdict = CHATD_UNAVAILABLE;
    result.cache_ttl_ms = -1;
    result.error_detail = str(why);
    host->complete(host->ctx, id_, &result);
  }

 private:
  const chatd_host* host_;
  chatd_job id_;
};

/// Base of a verifier. Threads as in chatd_plugin.h.
class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual void verify(const Request& request, Job job) = 0;
  virtual void cancel(chatd_job) {}
  /// Empty: well. Else what is wrong, for operators.
  virtual std::string health() { return {}; }
  // A verifier that can take another configuration while it works has, beside these,
  //   void reconfigure(std::string_view config);  // throws std::exception to refuse, and goes on as it was
  // Without it a change of configuration makes a new verifier.
};

template <class T, class = void>
struct CanReconfigure : std::false_type {};
template <class T>
struct CanReconfigure<T, std::void_t<decltype(std::declval<T&>().reconfigure(std::string_view()))>> : std::true_type {};

/// The C functions of a plugin whose verifier is T. Instances travel as opaque pointers, so that plugins linked into one
/// program share no type.
template <class T>
struct Functions {
  struct Held {
    const chatd_host* host;
    std::unique_ptr<T> verifier;
  };
  static Held* held(chatd_instance* instance) noexcept { return reinterpret_cast<Held*>(instance); }

  static void tell(char* to, std::uint64_t capacity, std::string_view what) noexcept {
    if (to == nullptr || capacity == 0) return;
    const std::size_t length = what.size() < capacity ? what.size() : static_cast<std::size_t>(capacity - 1);
    std::memcpy(to, what.data(), length);
    to[length] = '\0';
  }
  static std::int32_t create(const chatd_host* host, chatd_str app, chatd_str config, chatd_instance** out, char* err,
                             std::uint64_t capacity) noexcept {
    try {
      auto made = std::make_unique<Held>();
      made->host = host;
      made->verifier = std::make_unique<T>(Host(host), view(app), view(config));
      *out = reinterpret_cast<chatd_instance*>(made.release());
      return 0;
    } catch (const std::exception& e) {
      tell(err, capacity, e.what());
    } catch (...) {
      tell(err, capacity, "the constructor threw something that is no std::exception");
    }
    return 1;
  }
  static void destroy(chatd_instance* instance) noexcept { delete held(instance); }
  static std::int32_t verify(chatd_instance* instance, const chatd_verify_req* request, chatd_job id) noexcept {
    Held* self = held(instance);
    try {
      // If verify() throws, the Job that it took is destroyed on the way and answers.
      self->verifier->verify(Request(*request), Job(self->host, id));
    } catch (const std::exception& e) {
      Host(self->host).log(CHATD_LOG_ERROR, e.what());
    } catch (...) {
      Host(self->host).log(CHATD_LOG_ERROR, "verify() threw something that is no std::exception");
    }
    return 0;
  }
  static void cancel(chatd_instance* instance, chatd_job id) noexcept {
    try {
      held(instance)->verifier->cancel(id);
    } catch (...) {
      Host(held(instance)->host).log(CHATD_LOG_ERROR, "cancel() threw");
    }
  }
  static std::int32_t reconfigure(chatd_instance* instance, chatd_str config, char* err, std::uint64_t capacity) noexcept {
    if constexpr (CanReconfigure<T>::value) {
      try {
        held(instance)->verifier->reconfigure(view(config));
        return 0;
      } catch (const std::exception& e) {
        tell(err, capacity, e.what());
      } catch (...) {
        tell(err, capacity, "reconfigure() threw something that is no std::exception");
      }
    }
    return 1;
  }
  static std::int32_t health(chatd_instance* instance, char* message, std::uint64_t capacity) noexcept {
    try {
      const std::string what = held(instance)->verifier->health();
      tell(message, capacity, what);
      return what.empty() ? 0 : 1;
    } catch (const std::exception& e) {
      tell(message, capacity, e.what());
    } catch (...) {
      tell(message, capacity, "health() threw");
    }
    return 1;
  }
};

/// The plugin's table, for a static variable.
template <class T>
constexpr chatd_plugin table(std::uint32_t flags, const char* id, const char* name, const char* version, const char* vendor,
                             const char* schema) noexcept {
  using F = Functions<T>;
  return {sizeof(chatd_plugin), flags,      id,         name,       version,    vendor, schema,
          &F::create,           &F::destroy, &F::verify, &F::cancel, &F::health, CanReconfigure<T>::value ? &F::reconfigure : nullptr};
}

}  // namespace chatd_sdk

/// The entry under another name, for plugins that are linked into a program. TYPE has no commas.
#define CHATD_PLUGIN_AS(ENTRY, TYPE, FLAGS, ID, NAME, VERSION, VENDOR, SCHEMA)                       \
  extern "C" const chatd_plugin* ENTRY(uint32_t) {                                                   \
    static const chatd_plugin kTable = ::chatd_sdk::table<TYPE>(FLAGS, ID, NAME, VERSION, VENDOR, SCHEMA); \
    return &kTable;                                                                                  \
  }
/// Exports the plugin of a shared library. Once in one of its files.
#define CHATD_PLUGIN(TYPE, FLAGS, ID, NAME, VERSION, VENDOR, SCHEMA) \
  CHATD_PLUGIN_AS(chatd_plugin_entry_v1, TYPE, FLAGS, ID, NAME, VERSION, VENDOR, SCHEMA)

#endif

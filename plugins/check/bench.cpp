#include "check/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/json.h"
#include "base/text.h"

namespace chatd::plugin_check {

namespace {

std::string_view view(chatd_str s) {
  return s.ptr == nullptr ? std::string_view() : std::string_view(s.ptr, static_cast<std::size_t>(s.len));
}
chatd_str str(std::string_view s) { return {s.data(), s.size()}; }
std::int64_t nowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Empty: the answer keeps the contract.
std::string faultOf(const chatd_result& r) {
  constexpr std::size_t kMostId = 255;
  if (r.struct_size < offsetof(chatd_result, verdict) + sizeof r.verdict) return "gave a result without struct_size";
  if (r.verdict < CHATD_ALLOW || r.verdict > CHATD_UNAVAILABLE) return fmt::format("gave the unknown verdict {}", r.verdict);
  if (r.verdict != CHATD_ALLOW) return {};
  const std::string_view user = view(r.user_id);
  if (user.empty()) return "allowed without naming a user";
  if (user.size() > kMostId || !isUtf8(user)) return "named a user by something that is not UTF-8 of 255 bytes at most";
  if (r.expires_at_ms < 0) return "gave a negative expiry";
  if (r.claims_json.len > 16 * 1024) return "gave claims of more than 16 KiB";
  if (r.claims_json.len > 0) {
    const auto claims = parseJson(view(r.claims_json));
    if (!claims.ok() || !claims->IsObject()) return "gave claims that are no JSON object";
  }
  return {};
}

}  // namespace

struct Bench::Functions {
  static void complete(chatd_host_ctx* ctx, chatd_job job, const chatd_result* result) {
    ctx->bench->completed(job, result);
  }
  static void log(chatd_host_ctx* ctx, std::int32_t, chatd_str, const chatd_kv*, std::uint32_t) {
    ctx->bench->called("log");
  }
  static std::int64_t steady(chatd_host_ctx* ctx) {
    ctx->bench->called("now_ns");
    return nowNs();
  }
  static std::int64_t wall(chatd_host_ctx* ctx) {
    ctx->bench->called("unix_ms");
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  static void metric(chatd_host_ctx* ctx, chatd_str, double, const chatd_kv*, std::uint32_t) {
    ctx->bench->called("metric_add");
  }
  static std::int32_t secret(chatd_host_ctx* ctx, chatd_str, char*, std::uint64_t, std::uint64_t* length) {
    ctx->bench->called("secret");
    if (length != nullptr) *length = 0;
    return 1;
  }
  static const void* service(chatd_host_ctx* ctx, const char* id) {
    static const chatd_http_v1 http = {sizeof(chatd_http_v1), &fetch};
    ctx->bench->called("service");
    return id != nullptr && std::string_view(id) == "chatd.http/1" ? &http : nullptr;
  }
  static std::int32_t fetch(chatd_host_ctx* ctx, const chatd_http_req*, void (*done)(void*, const chatd_http_resp*),
                            void* user) {
    Bench& self = *ctx->bench;
    self.called("fetch");
    const std::lock_guard lock(self.mutex_);
    self.fetches_.emplace_back(done, user);
    // One thread for all: a thread each would leave memory of its own behind, which the search for leaks would find.
    if (!self.network_.joinable()) self.network_ = std::thread([&self] { self.answerFetches(); });
    self.changed_.notify_all();
    return 0;
  }
};

Bench::Bench(const chatd_plugin* plugin) : plugin_(plugin), serialized_((plugin->flags & CHATD_PF_SERIALIZED) != 0) {
  using F = Functions;
  context_.bench = this;
  host_ = {sizeof(chatd_host), CHATD_ABI_MINOR, &context_,  &F::complete, &F::log,
           &F::steady,         &F::wall,        &F::metric, &F::secret,   &F::service};
}

Bench::~Bench() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (network_.joinable()) network_.join();
}

void Bench::answerFetches() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !fetches_.empty(); });
    if (fetches_.empty()) return;
    const auto [done, user] = fetches_.front();
    fetches_.pop_front();
    lock.unlock();
    chatd_http_resp response{};
    response.struct_size = sizeof response;
    response.status = -1;
    response.error = str("the checker has no network");
    done(user, &response);
    lock.lock();
  }
}

void Bench::fault(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++faults_[what];
}

void Bench::called(const char* what) {
  const std::lock_guard lock(mutex_);
  if (destroyed_) ++faults_[fmt::format("called {} after destroy() had returned", what)];
}

void Bench::completed(chatd_job job, const chatd_result* result) {
  called("complete");
  std::string wrong = result == nullptr ? "completed without a result" : faultOf(*result);
  std::string answer = "nothing";
  if (result != nullptr && wrong.empty()) {
    constexpr std::array kNames = {"", "ALLOW", "DENY", "DEFER", "UNAVAILABLE"};
    const std::string_view more = result->verdict == CHATD_ALLOW ? view(result->user_id) : view(result->error_detail);
    answer = fmt::format("{} {}", kNames.at(static_cast<std::size_t>(result->verdict)), more.substr(0, 100));
  }
  {
    const std::lock_guard lock(mutex_);
    const auto it = jobs_.find(job);
    if (it == jobs_.end()) {
      ++faults_["completed a job that it was never given"];
    } else if (it->second.refused) {
      ++faults_["completed a job that its verify() had refused"];
    } else if (++it->second.completions > 1) {
      ++faults_["completed a job twice"];
    } else {
      --open_;
    }
    if (!wrong.empty()) ++faults_[wrong];
    last_ = answer;
  }
  changed_.notify_all();
}

std::string Bench::create(const std::string& config) {
  std::array<char, 512> why{};
  const std::int32_t failed = plugin_->create(&host_, str("1"), str(config), &instance_, why.data(), why.size());
  why.back() = '\0';
  if (failed == 0 && instance_ != nullptr) return {};
  return why[0] != '\0' ? why.data() : "create() failed and wrote no reason";
}

void Bench::destroy() {
  plugin_->destroy(instance_);
  const std::lock_guard lock(mutex_);
  destroyed_ = true;
}

chatd_job Bench::verify(const std::string& token, std::chrono::milliseconds timeout) {
  chatd_job job = 0;
  {
    const std::lock_guard lock(mutex_);
    job = next_++;
    jobs_[job] = {};
    ++open_;
  }
  chatd_verify_req request{};
  request.struct_size = sizeof request;
  request.app_id = str("1");
  // A copy that ends with the call, as the daemon's does.
  const auto copy = std::make_unique<char[]>(token.size());
  std::memcpy(copy.get(), token.data(), token.size());
  request.token = {copy.get(), token.size()};
  request.deadline_ns = nowNs() + std::chrono::nanoseconds(timeout).count();
  const bool peer = (plugin_->flags & CHATD_PF_USES_PEER) != 0;
  if (peer) request.client_ip = str("192.0.2.1");
  std::unique_lock turn(serial_, std::defer_lock);
  if (serialized_) turn.lock();
  if (plugin_->verify(instance_, &request, job) == 0) return job;
  const std::lock_guard lock(mutex_);
  Job& mine = jobs_[job];
  mine.refused = true;
  if (mine.completions > 0) {
    ++faults_["completed a job and then returned an error from verify()"];
  } else {
    --open_;
  }
  return job;
}

void Bench::cancel(chatd_job job) {
  if (!CHATD_HAS(plugin_, cancel) || plugin_->cancel == nullptr) return;
  std::unique_lock turn(serial_, std::defer_lock);
  if (serialized_) turn.lock();
  plugin_->cancel(instance_, job);
}

bool Bench::settled(std::chrono::milliseconds within) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, within, [this] { return open_ == 0; })) return true;
  faults_[fmt::format("did not complete within {} ms of the deadline", within.count())] += static_cast<int>(open_);
  return false;
}

std::vector<std::string> Bench::faults() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [what, times] : faults_) out.push_back(times > 1 ? fmt::format("{} ({} times)", what, times) : what);
  return out;
}

std::string Bench::lastAnswer() {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace chatd::plugin_check

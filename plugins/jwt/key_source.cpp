#include "jwt/key_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/config_reader.h"

namespace chatd::jwt {

namespace {
constexpr std::size_t kMaxWaiting = 1024;
constexpr std::uint64_t kMaxDocument = 256 * 1024;
constexpr std::int64_t kReadNs = 5'000'000'000;
// While nothing could be read yet: how long a failure is the answer before it is tried again.
constexpr std::int64_t kAgainMs = 1000;
}  // namespace

bool KeySource::has(const std::string& kid) const {
  if (!keys_) return false;
  if (kid.empty()) return true;
  return std::any_of(keys_->begin(), keys_->end(), [&](const Key& k) { return k.kid() == kid; });
}

void KeySource::find(const std::string& kid, Then then) {
  const std::int64_t now = host_.nowNs() / 1'000'000;
  Found found;
  bool start = false;
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t age = now - readAtMs_;
    const bool usable = keys_ && age < settings_.refreshMs + settings_.staleMs;
    const bool tried = triedAtMs_ != 0;
    const bool rested = !tried || now - triedAtMs_ >= (usable ? settings_.cooldownMs : kAgainMs);
    const bool old = usable && age >= settings_.refreshMs;
    const bool missing = !usable || !has(kid);
    const bool wait = missing && (reading_ || rested);
    start = !reading_ && ((missing && rested) || (old && rested));
    if (start) reading_ = true;
    if (wait && waiting_.size() < kMaxWaiting) {
      waiting_.push_back(std::move(then));
      then = nullptr;
    } else if (wait) {
      found.fault = "too many tokens wait for the issuer's keys";
    } else if (usable && !(missing && !fault_.empty())) {
      found.keys = keys_;
    } else {
      // The key may exist, and we could not find out: not the token's fault.
      found.fault = fault_;
    }
  }
  if (start) read();
  if (then) then(found);
}

void KeySource::read() {
  // Not by the question's deadline: others wait for the same keys.
  const std::int64_t deadline = host_.nowNs() + kReadNs;
  if (settings_.jwksUrl.empty()) return fetch(settings_.discovery, deadline, true);
  fetch(settings_.jwksUrl, deadline, false);
}

void KeySource::fetch(const std::string& url, std::int64_t deadlineNs, bool metadata) {
  chatd_sdk::HttpRequest request;
  request.url = url;
  request.headers = {{"Accept", "application/json"}};
  request.deadlineNs = deadlineNs;
  request.maxResponse = kMaxDocument;
  const bool asked = host_.fetch(request, [self = shared_from_this(), deadlineNs, metadata](const auto& response) {
    self->taken(response, deadlineNs, metadata);
  });
  if (!asked) ended(nullptr, "the issuer's keys cannot be asked for");
}

void KeySource::taken(const chatd_sdk::HttpResponse& response, std::int64_t deadlineNs, bool metadata) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    ++taking_;
  }
  arrived(response, deadlineNs, metadata);
  {
    const std::lock_guard lock(mutex_);
    --taking_;
  }
  idle_.notify_all();
}

void KeySource::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  idle_.wait(lock, [this] { return taking_ == 0; });
}

void KeySource::arrived(const chatd_sdk::HttpResponse& response, std::int64_t deadlineNs, bool metadata) {
  const char* what = metadata ? "the issuer's metadata" : "the issuer's keys";
  if (response.status < 0) return ended(nullptr, fmt::format("{} cannot be read: {}", what, response.error));
  if (response.status != 200) return ended(nullptr, fmt::format("{} were answered with {}", what, response.status));
  if (!metadata) {
    auto keys = keysOfSet(response.body, settings_.algorithms);
    if (!keys.ok()) return ended(nullptr, fmt::format("the issuer's key set {}", keys.error().detail()));
    return ended(std::make_shared<const Keys>(std::move(*keys)), {});
  }
  const auto json = parseJson(response.body);
  if (!json.ok() || !json->IsObject()) return ended(nullptr, "the issuer's metadata are no JSON object");
  // OpenID Connect Discovery, section 4.3: it must be the issuer that was asked for.
  if (plugins::textOr(*json, "issuer") != settings_.issuer) return ended(nullptr, "the metadata are of another issuer");
  const std::string url = plugins::textOr(*json, "jwks_uri");
  if (!url.starts_with("https://") && !(url.starts_with("http://") && settings_.issuer.starts_with("http://"))) {
    return ended(nullptr, "the metadata have no jwks_uri that can be trusted");
  }
  fetch(url, deadlineNs, false);
}

void KeySource::ended(std::shared_ptr<const Keys> keys, const std::string& fault) {
  const std::int64_t now = host_.nowNs() / 1'000'000;
  std::vector<Then> waiting;
  Found found;
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    triedAtMs_ = now;
    fault_ = fault;
    if (keys) {
      keys_ = std::move(keys);
      readAtMs_ = now;
      found.keys = keys_;
    } else {
      found.fault = fault;
    }
    waiting.swap(waiting_);
  }
  if (!fault.empty()) host_.log(CHATD_LOG_WARN, fault);
  for (const Then& then : waiting) then(found);
}

std::string KeySource::fault() {
  const std::lock_guard lock(mutex_);
  return fault_;
}

}  // namespace chatd::jwt

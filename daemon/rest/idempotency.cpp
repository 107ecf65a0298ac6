#include "rest/idempotency.h"

#include <openssl/evp.h>

#include <array>

#include "base/assert.h"
#include "rest/problem.h"

namespace chatd::rest {

namespace {

constexpr std::size_t kKeyBytes = 255;

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  CHATD_ASSERT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

bool isSane(std::string_view key) {
  if (key.empty() || key.size() > kKeyBytes) return false;
  for (const char c : key) {
    if (c < 0x21 || c > 0x7E) return false;
  }
  return true;
}

/// NUL parts cannot occur in a method, a path or a header, so two different requests never share a scope.
std::string scopeOf(const Call& call, const std::string& key) {
  std::string text = call.principal.subject();
  for (const std::string_view part :
       {std::string_view(call.request.method), std::string_view(call.request.path), std::string_view(key)}) {
    text.push_back('\0');
    text.append(part);
  }
  return sha256(text);
}

void replay(Call& call, const KeptAnswer& answer) {
  if (answer.status == 0) {
    const std::optional<std::int64_t> id = parseId(answer.body);
    return call.refuse(Error(Code::AlreadyDone), id);
  }
  net::HttpResponse response;
  response.status = answer.status;
  response.body = answer.body;
  response.headers.emplace_back("Idempotency-Replayed", "true");
  if (!answer.body.empty()) {
    response.headers.emplace_back("Content-Type", answer.status >= 400 ? "application/problem+json" : "application/json");
  }
  call.send(std::move(response));
}

}  // namespace

bool beginIdempotency(Credentials& credentials, Call& call) {
  if (call.route->method != "POST" || !call.route->keepsAnswers) return true;
  const std::string* key = call.request.header("Idempotency-Key");
  if (key == nullptr) return true;
  if (!isSane(*key)) {
    call.refuse(Error::field("Idempotency-Key", "must be 1 to 255 visible ASCII characters"));
    return false;
  }
  std::string scope = scopeOf(call, *key);
  const Result<IdempotencyState> state =
      credentials.beginIdempotent(scope, sha256(call.request.body), call.context.services.clock.wall());
  if (!state.ok()) {
    call.refuse(state.error());
    return false;
  }
  switch (state->kind) {
    case IdempotencyState::Kind::New:
      call.idempotency = std::move(scope);
      return true;
    case IdempotencyState::Kind::Running:
      call.refuse(Error(Code::IdempotencyRunning).after(std::chrono::seconds(1)));
      return false;
    case IdempotencyState::Kind::Lost:
      call.refuse(Error(Code::OutcomeUnknown,
                        "The first request with this key was cut off. Look at what it did, then use another key."));
      return false;
    case IdempotencyState::Kind::Mismatch:
      call.refuse(Error(Code::IdempotencyMismatch));
      return false;
    case IdempotencyState::Kind::Done:
      replay(call, state->answer);
      return false;
  }
  assertionFailed("a known idempotency state", __FILE__, __LINE__);
}

void settleIdempotency(Credentials& credentials, const std::string& scope, const Result<Reply>& result,
                       const std::string& requestId) {
  // What may have been done is not done again. A store that cannot be reached now leaves the key "running".
  const bool unknown = !result.ok() && result.error().code() == Code::OutcomeUnknown;
  const bool again = !result.ok() && !unknown && (result.error().status() >= 500 || result.error().retryable());
  if (again) {
    static_cast<void>(credentials.dropIdempotent(scope));
  } else if (!result.ok()) {
    const int status = result.error().status();
    static_cast<void>(credentials.finishIdempotent(scope, {status, problemBody(result.error(), status, requestId)}));
  } else if (result->secretOf) {
    static_cast<void>(credentials.finishIdempotent(scope, {0, std::to_string(*result->secretOf)}));
  } else {
    static_cast<void>(credentials.finishIdempotent(scope, {result->status, result->body}));
  }
}

}  // namespace chatd::rest

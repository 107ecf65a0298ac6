#include "cli/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <syncstream>
#include <thread>

#include <fmt/format.h>

#include "base/random.h"
#include "base/text.h"
#include "cli/guess.h"
#include "cli/redact.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::milliseconds kLeastTry{10};  // what a pause may have eaten of the last try's time
constexpr std::uint64_t kPage = 100;

struct HintRow {
  std::string_view code;
  std::string_view hint;
};
// What to do about a code of the server's; a code without a row goes by its status.
constexpr std::array<HintRow, 10> kHints = {{
    {"already_done",
     "An earlier try did it; its answer, with the secrets, was lost. Look at it with `get`, rotate the key."},
    {"outcome_unknown", "It may have been stored. Repeat with the same --client-msg-id, then it cannot be stored twice."},
    {"store_unavailable", "Nothing was stored. Look at the daemon's log and its database, then repeat."},
    {"idempotency_running", "The first try is still at work: wait and look with `get`."},
    {"too_large", "The limits are `limits.body_bytes` and `limits.message_bytes` of the daemon."},
    {"user_not_found", "`chatctl user list` shows the users of the app."},
    {"room_not_found", "`chatctl room list` shows the rooms of the app."},
    {"message_not_found", "`chatctl message list` shows the messages of a room."},
    {"banned", "`chatctl user unban` lifts a ban."},
    {"rate_limited", "Wait, then repeat; --retries N does both."},
}};

/// What to do if a credential, or none, is not taken. A login helps nobody whose token comes from elsewhere: that one wins.
std::string hintOfCredential(const Settings& settings) {
  const std::string login = fmt::format("`chatctl login --server {}`", settings.server.text);
  if (!settings.token && settings.server.kind == ServerAddress::Kind::Unix)
    return "The socket trusts root, the daemon's own user and the group chatd; else run `chatctl login`.";
  if (!settings.token) return fmt::format("Nobody is logged in there: run {}, or name a token by --token-file.", login);
  if (settings.tokenFrom.starts_with("context"))
    return fmt::format("The token of {} has ended: run {}.", settings.tokenFrom, login);
  return fmt::format("The token is the one of {}: name another, or leave it out and run {}.", settings.tokenFrom, login);
}

std::string hintOf(std::string_view code, int status, const Settings& settings) {
  for (const HintRow& row : kHints) {
    if (row.code == code) return std::string(row.hint);
  }
  switch (exitOfStatus(status)) {
    case Exit::NotLoggedIn:
      return hintOfCredential(settings);
    case Exit::Forbidden:
      return "`chatctl whoami` shows who you are and for which apps.";
    case Exit::NotFound:
      return "Look at the spelling; the noun's `list` shows what there is.";
    case Exit::Conflict:
      return "`get` or `list` shows what is there; `ensure`, where a noun has it, takes it.";
    case Exit::Unreachable:
      return "Repeat later; --retries N repeats what is safe to repeat.";
    default:
      return {};
  }
}

bool worthRepeating(Outcome<HttpAnswer>& outcome) {
  if (!outcome.ok()) return true;
  const int status = outcome.value().status;
  return status == 429 || status == 502 || status == 503 || status == 504;
}

std::string targetOf(const Call& call) {
  std::string target = call.path;
  char separator = target.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [key, value] : call.query) {
    target += fmt::format("{}{}={}", separator, percentEncode(key), percentEncode(value));
    separator = '&';
  }
  return target;
}

/// Doubles from kFirstPause, half of it random so that a crowd of scripts does not come back together.
std::chrono::milliseconds pauseBefore(int attempt, std::chrono::seconds asked) {
  const auto step = std::min(kLongestPause, kFirstPause * (1 << std::min(attempt, 10)));
  const auto jitter = static_cast<std::int64_t>(randomNumber() % static_cast<std::uint64_t>(step.count() / 2 + 1));
  return std::max<std::chrono::milliseconds>(step / 2 + std::chrono::milliseconds(jitter), asked);
}

}  // namespace

bool isDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Outcome<std::int64_t> integerField(const JsonValue& object, std::string_view key) {
  const JsonValue* value = object.IsObject() ? find(object, key) : nullptr;
  if (value == nullptr || !value->IsInt64())
    return other("bad_answer", fmt::format("the server's answer has no integer {}", key));
  return value->GetInt64();
}

std::string textOf(const JsonValue& value) { return value.IsString() ? std::string(asView(value)) : toText(value); }

std::optional<std::string> stringField(const JsonValue& object, std::string_view key) {
  const JsonValue* value = object.IsObject() ? find(object, key) : nullptr;
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return std::string(asView(*value));
}

Failure AdminClient::failureOf(const HttpAnswer& answer) const {
  Failure failure;
  failure.exit = exitOfStatus(answer.status);
  failure.requestId = answer.requestId;
  failure.code = fmt::format("http_{}", answer.status);
  failure.message = fmt::format("the server answered with status {}", answer.status);
  if (auto problem = parseJson(answer.body); problem.ok() && problem->IsObject()) {
    failure.code = stringField(*problem, "code").value_or(failure.code);
    const auto title = stringField(*problem, "title");
    failure.message = stringField(*problem, "detail").value_or(title.value_or(failure.message));
    if (failure.requestId.empty()) failure.requestId = stringField(*problem, "requestId").value_or("");
    if (const JsonValue* made = find(*problem, "id"); made != nullptr && made->IsInt64()) {
      failure.message += fmt::format(" (id {})", made->GetInt64());
    }
    const JsonValue* fields = find(*problem, "errors");
    if (fields != nullptr && fields->IsArray()) {
      for (const JsonValue& entry : fields->GetArray()) {
        const std::string fault = fmt::format("{}: {}", stringField(entry, "field").value_or("?"),
                                              stringField(entry, "detail").value_or("not valid"));
        // With one field at fault the detail is often just that.
        if (failure.message != fault) failure.message += "\n  " + fault;
      }
    }
  }
  // "There is no such thing" is believed of chatd alone: a script may go on to make the thing.
  if (answer.status == 404 && failure.code == "http_404") return notChatd("its 404 is not chatd's");
  failure.hint = hintOf(failure.code, answer.status, settings_);
  return failure;
}

Failure AdminClient::notChatd(const std::string& why) const {
  return other("not_chatd", fmt::format("what answers at {} is not chatd: {}", settings_.server.text, why),
               fmt::format("--server or CHATCTL_SERVER names another; this one is from {}.", settings_.serverFrom));
}

void AdminClient::log(const HttpRequest& request, const Outcome<HttpAnswer>& outcome, std::chrono::milliseconds took) const {
  if (!settings_.verbose && !settings_.debug) return;
  std::osyncstream out(log_);  // of an import, several clients write here
  out << "chatctl: " << request.method << ' ' << redactTarget(request.target) << " -> "
      << (outcome.ok() ? fmt::format("{} {}", outcome.value().status, visible(outcome.value().requestId))
                       : outcome.error().code)
      << " in " << took.count() << " ms\n";
  out << std::flush;  // at the end, when it goes out: the log is for who watches
  if (!settings_.debug) return;
  for (const auto& [name, value] : request.headers)
    out << "> " << name << ": " << (name == "Authorization" ? "Bearer ***" : visible(value)) << '\n';
  if (request.body) out << "> " << redactBody(*request.body) << '\n';
  if (outcome.ok() && !outcome.value().body.empty()) out << "< " << redactBody(outcome.value().body) << '\n';
}

Outcome<HttpAnswer> AdminClient::raw(const Call& call) {
  HttpRequest request{call.method, targetOf(call), {}, call.body};
  const bool written =
      std::any_of(call.query.begin(), call.query.end(), [](const auto& entry) { return entry.first == "dryRun"; });
  if (settings_.dryRun && call.method != "GET" && !written)
    request.target += (request.target.find('?') == std::string::npos ? "?" : "&") + std::string("dryRun=true");
  request.headers.emplace_back("Accept", "application/json, application/problem+json");
  request.headers.emplace_back("User-Agent", "chatctl/" CHATCTL_VERSION);
  if (settings_.token) request.headers.emplace_back("Authorization", "Bearer " + *settings_.token);
  if (call.createOnly) request.headers.emplace_back("If-None-Match", "*");
  if (call.method == "POST" && call.once == Call::Once::No && !call.setsState)
    request.headers.emplace_back("Idempotency-Key", toHex(randomBytes(16)));
  const int tries = call.once == Call::Once::Yes ? 1 : 1 + settings_.retries;
  using std::chrono::milliseconds;
  const auto end = std::chrono::steady_clock::now() + settings_.timeout;
  for (int attempt = 0;; ++attempt) {
    const auto begun = std::chrono::steady_clock::now();
    const auto left = std::chrono::duration_cast<milliseconds>(end - begun);
    auto outcome = exchange(settings_.server, request, std::max(left, kLeastTry));
    const auto now = std::chrono::steady_clock::now();
    log(request, outcome, std::chrono::duration_cast<milliseconds>(now - begun));
    if (attempt + 1 >= tries || !worthRepeating(outcome)) return outcome;
    // Not if the time is up, or the server asks for more patience than the user has.
    const auto pause = pauseBefore(attempt, outcome.ok() ? outcome.value().retryAfter : std::chrono::seconds(0));
    if (now + pause >= end) return outcome;
    std::this_thread::sleep_for(pause);
  }
}

Outcome<Answer> AdminClient::call(const Call& call) {
  CHATD_TRY(answer, raw(call));
  if (answer.status >= 400) {
    Failure failure = failureOf(answer);
    // The server's words are the same for everything that it has none for.
    if (failure.message == "There is no such thing.")
      failure.message = fmt::format("there is nothing at {}", call.path.substr(0, call.path.find('?')));
    return failure;
  }
  if (answer.status >= 300) {
    return other("redirected",
                 fmt::format("the server answered with status {}, which chatctl does not follow", answer.status),
                 "Name the daemon itself by --server.");
  }
  Answer result;
  result.status = answer.status;
  result.body = std::move(answer.body);
  if (result.body.empty()) return result;
  auto document = parseJson(result.body);
  if (!document.ok()) {
    return notChatd(fmt::format("its answer is not JSON: {}", document.error().detail()));
  }
  result.document = std::move(*document);
  return result;
}

Outcome<std::optional<std::string>> AdminClient::pages(const ListCall& list,
                                                       const std::function<Outcome<void>(const JsonValue&)>& each) {
  std::optional<std::string> cursor;
  for (std::uint64_t left = list.limit; left > 0;) {
    Query query = list.query;
    if (list.paged) query.emplace_back("limit", fmt::format("{}", std::min(left, kPage)));
    if (cursor) {
      query.emplace_back("cursor", *cursor);
    } else {
      query.insert(query.end(), list.firstPage.begin(), list.firstPage.end());
    }
    CHATD_TRY(answer, get(list.path, query));
    const JsonValue* items = answer.document.IsObject() ? find(answer.document, "items") : nullptr;
    if (items == nullptr || !items->IsArray()) return other("bad_answer", "the server's answer is no list");
    CHATD_CHECK(each(*items));
    auto next = stringField(answer.document, "nextCursor");
    // A cursor that does not move would loop for ever.
    if (next && next == cursor) return other("bad_answer", "the server's list does not advance");
    cursor = std::move(next);
    if (!cursor) break;
    left -= std::min<std::uint64_t>(left, list.limit == kAllItems ? 0 : items->Size());
  }
  return cursor;
}

Outcome<std::optional<std::int64_t>> AdminClient::appId() {
  if (!settings_.app) {
    if (settings_.credentialNamesApp()) return std::optional<std::int64_t>();
    return usage("which app? -a/--app is missing", "Give its name or id; `chatctl app list` shows them.");
  }
  const std::string& app = *settings_.app;
  if (isDigits(app)) {
    std::int64_t id = 0;
    const auto [end, fault] = std::from_chars(app.data(), app.data() + app.size(), id);
    if (fault != std::errc()) return usage(fmt::format("not an app id: {}", app));
    return std::optional<std::int64_t>(id);
  }
  if (appId_) return appId_;
  auto answer = get("/app/" + percentEncode(app));
  if (!answer.ok()) return withGuess(std::move(answer).error(), {"/app", {}}, "name", app);
  CHATD_TRY(id, integerField(answer.value().document, "appId"));
  appId_ = id;
  return appId_;
}

Outcome<Query> AdminClient::appQuery() {
  CHATD_TRY(app, appId());
  Query query;
  if (app) query.emplace_back("appId", fmt::format("{}", *app));
  return query;
}

Failure AdminClient::withGuess(Failure failure, const ListCall& list, std::string_view field, const std::string& typed) {
  if (failure.exit != Exit::NotFound) return failure;
  const std::string noun = list.path.substr(1);
  // Their texts are the same for everything.
  if (failure.code == "not_found" || failure.code == "room_not_found")
    failure.message = fmt::format("there is no {} {}", noun, visible(typed));
  const bool inApp = !list.query.empty() && settings_.app;
  failure.hint = fmt::format("`chatctl {} list{}` shows them.", noun, inApp ? " -a " + visible(*settings_.app) : "");
  Query query = list.query;
  if (list.paged) query.emplace_back("limit", fmt::format("{}", kPage));
  auto page = get(list.path, query);
  const JsonValue* items = page.ok() && page.value().document.IsObject() ? find(page.value().document, "items") : nullptr;
  if (items == nullptr || !items->IsArray()) return failure;
  std::vector<std::string> known;
  for (const JsonValue& item : items->GetArray()) {
    const JsonValue* value = item.IsObject() ? find(item, field) : nullptr;
    if (value != nullptr) known.push_back(textOf(*value));
  }
  const std::string meant = closest(typed, known);
  if (!meant.empty()) failure.hint = fmt::format("Did you mean {}?", visible(meant));
  return failure;
}

}  // namespace chatd::cli

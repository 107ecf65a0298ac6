// app key: the secrets by which an app's backend calls. REST: /app/{appId}/keys.
#include <memory>

#include <fmt/format.h>

#include "cli/nouns/apps.h"

namespace chatd::cli {

namespace {

// A backend needs time to take the new key; who cannot wait says --grace 0.
constexpr std::chrono::seconds kGrace{3600};

const View kKeys{
    "id",
    "id",
    {{"ID", "id"}, {"HINT", "hint"}, {"CREATED", "createdAt"}, {"EXPIRES", "expiresAt"}, {"APP ID", "appId", true}}};

void bindApp(CLI::App& command, std::optional<std::string>& app) {
  bindWord(command, "APP", app, "name or id; -a names it as well");
}

/// POST /app/{appId}/keys; `grace` as JSON: seconds, or null if the other keys stay.
Outcome<void> makeKey(Invocation& run, const std::optional<std::string>& word, const std::string& grace) {
  CHATD_TRY(app, appWord(run, word));
  CHATD_TRY(found, findApp(run, app));
  CHATD_TRY(id, integerField(found.document, "appId"));
  const std::string body = fmt::format(R"({{"graceSeconds":{}}})", grace);
  CHATD_TRY(answer, run.client.call({"POST", fmt::format("/app/{}/keys", id), {}, body}));
  return printSecrets(run, newKeys(), answer, "app " + app);
}

}  // namespace

const View& newKeys() {
  static const View view = [] {
    View keys = kKeys;
    keys.id = keys.name = "apiKey";
    keys.columns.push_back({"API KEY", "apiKey"});
    return keys;
  }();
  return view;
}

Handler appKeyList(CLI::App& command) {
  auto word = std::make_shared<std::optional<std::string>>();
  bindApp(command, *word);
  return [word](Invocation& run) -> Outcome<void> {
    CHATD_TRY(app, appWord(run, *word));
    CHATD_TRY(found, findApp(run, app));
    CHATD_TRY(id, integerField(found.document, "appId"));
    CHATD_TRY(answer, run.client.get(fmt::format("/app/{}/keys", id)));
    const JsonValue* items = answer.document.IsObject() ? find(answer.document, "items") : nullptr;
    if (items == nullptr || !items->IsArray()) return other("bad_answer", "the server's answer is no list");
    return run.printer.items(kKeys, *items);
  };
}

Handler appKeyCreate(CLI::App& command) {
  auto word = std::make_shared<std::optional<std::string>>();
  bindApp(command, *word);
  return [word](Invocation& run) -> Outcome<void> { return makeKey(run, *word, "null"); };
}

Handler appKeyRotate(CLI::App& command) {
  struct Words {
    std::optional<std::string> app, grace;
  };
  auto words = std::make_shared<Words>();
  bindApp(command, words->app);
  bindWord(command, "--grace", words->grace, "how long the other keys go on working: 0, 90, 15m, 24h; 1h by itself")
      ->type_name("TIME");
  return [words](Invocation& run) -> Outcome<void> {
    std::chrono::seconds grace = kGrace;
    if (words->grace == "0") {
      grace = std::chrono::seconds{0};
    } else if (words->grace) {
      CHATD_TRY(time, parseDuration(*words->grace, "--grace"));
      grace = time;
    }
    if (grace == std::chrono::seconds{0}) {
      CHATD_TRY(app, appWord(run, words->app));
      CHATD_CHECK(confirm(run, fmt::format("Rotate the key of {}? The others end at once.", app)));
    }
    return makeKey(run, words->app, fmt::format("{}", grace.count()));
  };
}

Handler appKeyRevoke(CLI::App& command) {
  struct Words {
    std::string first;
    std::optional<std::string> second;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "APP", words->first, "name or id; if -a names it, the only word is the KEYID");
  bindWord(command, "KEYID", words->second, "the id of the key; `app key list` shows them");
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(app, appWord(run, words->second ? std::optional(words->first) : std::nullopt));
    const std::string& key = words->second ? *words->second : words->first;
    CHATD_TRY(found, findApp(run, app));
    CHATD_TRY(id, integerField(found.document, "appId"));
    CHATD_CHECK(confirm(run, fmt::format("Revoke key {} of app {}?", key, app)));
    auto gone = run.client.call({"DELETE", fmt::format("/app/{}/keys/{}", id, percentEncode(key)), {}, {}});
    if (!gone.ok() && gone.error().exit == Exit::NotFound) {
      Failure failure = std::move(gone).error();
      failure.message = fmt::format("app {} has no key {}", app, key);
      failure.hint = fmt::format("`chatctl app key list {}` shows them.", app);
      return failure;
    }
    if (!gone.ok()) return std::move(gone).error();
    note(run, fmt::format("key {} is revoked", key));
    return {};
  };
}

}  // namespace chatd::cli

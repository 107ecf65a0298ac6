// account: those who administer. REST: /account, /auth/register.
#include <memory>

#include <fmt/format.h>

#include "cli/nouns/apps.h"
#include "cli/nouns/nouns.h"
#include "cli/nouns/passwords.h"

namespace chatd::cli {

namespace {

const View kAccounts{"id",
                     "login",
                     {{"ID", "id"},
                      {"LOGIN", "login"},
                      {"ROLE", "role"},
                      {"APP IDS", "appIds"},
                      {"CREATED", "createdAt"},
                      {"UPDATED", "updatedAt", true}}};

struct AccountWords {
  std::string login;
  std::optional<std::string> role, apps;
  bool passwordFromInput = false;
};

void bindAccountWords(CLI::App& command, AccountWords& words) {
  bindWord(command, "LOGIN", words.login, "the name to log in by");
  bindWord(command, "--role", words.role, "operator (all apps) or owner (those of --apps)")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"operator", "owner"}));
  bindWord(command, "--apps", words.apps, "the apps of an owner, by id or name")->type_name("A,B");
  command.add_flag("--password-stdin", words.passwordFromInput, "read the password from standard input");
}

/// `role` and `appIds`, as far as they are given. Names of apps become ids here, because REST takes ids alone.
Outcome<void> writeRights(Invocation& run, const AccountWords& words, JsonWriter& json) {
  if (words.role) json.field("role", *words.role);
  if (!words.apps) return {};
  json.key("appIds").beginArray();
  if (!words.apps->empty()) {
    CHATD_TRY(apps, commaList(*words.apps, "--apps"));
    for (const std::string& app : apps) {
      CHATD_TRY(found, findApp(run, app));
      CHATD_TRY(id, integerField(found.document, "appId"));
      json.integer(id);
    }
  }
  json.endArray();
  return {};
}

/// The account by login or id. There is no path for one: the list is walked. Errors: Exit::NotFound.
Outcome<JsonDocument> findAccount(Invocation& run, const std::string& word) {
  JsonDocument account;
  CHATD_CHECK(run.client.pages({"/account", {}}, [&](const JsonValue& items) -> Outcome<void> {
    for (const JsonValue& item : items.GetArray()) {
      const auto id = integerField(item, "id");
      const bool byId = isDigits(word) && id.ok() && fmt::format("{}", id.value()) == word;
      if (byId || stringField(item, "login") == word) account.CopyFrom(item, account.GetAllocator());
    }
    return {};
  }));
  if (account.IsObject()) return account;
  Failure failure{
      Exit::NotFound, "not_found", fmt::format("there is no account {}", word), "`chatctl account list` shows them.", {}};
  return run.client.withGuess(std::move(failure), {"/account", {}}, "login", word);
}

Handler accountList(CLI::App& command) {
  auto limit = std::make_shared<std::uint64_t>(kAllItems);
  bindLimit(command, *limit);
  return [limit](Invocation& run) { return run.printer.list(kAccounts, run.client, {"/account", {}, *limit}); };
}

Handler accountGet(CLI::App& command) {
  auto login = std::make_shared<std::string>();
  bindWord(command, "LOGIN", *login, "login or id");
  return [login](Invocation& run) -> Outcome<void> {
    CHATD_TRY(account, findAccount(run, *login));
    return run.printer.one(kAccounts, toText(account), account);
  };
}

Handler accountCreate(CLI::App& command) {
  auto words = std::make_shared<AccountWords>();
  bindAccountWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(password, newPassword(run, words->passwordFromInput));
    std::string body;
    JsonWriter json(body);
    json.beginObject().field("login", words->login).field("password", password);
    CHATD_CHECK(writeRights(run, *words, json));
    json.endObject();
    CHATD_TRY(answer, run.client.call({"POST", "/auth/register", {}, body}));
    return run.printer.one(kAccounts, answer);
  };
}

Handler accountUpdate(CLI::App& command) {
  auto words = std::make_shared<AccountWords>();
  bindAccountWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    std::string body;
    JsonWriter json(body);
    json.beginObject();
    if (words->passwordFromInput) {
      CHATD_TRY(password, newPassword(run, true));
      json.field("password", password);
    }
    CHATD_CHECK(writeRights(run, *words, json));
    json.endObject();
    if (body == "{}") return usage("nothing to change", "Give --role, --apps or --password-stdin.");
    CHATD_TRY(account, findAccount(run, words->login));
    CHATD_TRY(id, integerField(account, "id"));
    CHATD_TRY(answer, run.client.call({"PATCH", fmt::format("/account/{}", id), {}, body}));
    return run.printer.one(kAccounts, answer);
  };
}

Handler accountDelete(CLI::App& command) {
  auto login = std::make_shared<std::string>();
  bindWord(command, "LOGIN", *login, "login or id");
  return [login](Invocation& run) -> Outcome<void> {
    CHATD_TRY(account, findAccount(run, *login));
    CHATD_TRY(id, integerField(account, "id"));
    const std::string name = stringField(account, "login").value_or(*login);
    CHATD_CHECK(confirm(run, fmt::format("Delete account {}?", name)));
    CHATD_CHECK(run.client.call({"DELETE", fmt::format("/account/{}", id), {}, {}}));
    note(run, fmt::format("account {} is deleted", name));
    return {};
  };
}

}  // namespace

const Noun& accountNoun() {
  static const Noun noun{"account",
                         "Those who administer: operators and owners",
                         {{"list", "List the accounts", accountList},
                          {"get", "Show an account", accountGet},
                          {"create", "Create an account", accountCreate, &kAccounts},
                          {"update", "Change role, apps or password of an account", accountUpdate, &kAccounts},
                          {"delete", "Delete an account; its tokens end", accountDelete}}};
  return noun;
}

}  // namespace chatd::cli

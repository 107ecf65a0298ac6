// login, logout, whoami: who the daemon takes us for. REST: /auth.
#include <memory>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/nouns/nouns.h"
#include "cli/nouns/passwords.h"

namespace chatd::cli {

namespace {

const View kIdentity{
    "subject", "subject", {{"KIND", "kind"}, {"SUBJECT", "subject"}, {"ROLE", "role"}, {"EXPIRES", "expiresAt"}}};

struct LoginWords {
  std::optional<std::string> login;
  bool passwordFromInput = false;
};

Outcome<std::string> askFor(Invocation& run, const std::string& prompt, bool secret, const std::string& hint) {
  if (run.settings.noInput) return usage("--no-input: nothing may be asked", hint);
  const auto word = run.io.ask(prompt, secret);
  if (!word || word->empty()) return usage("there is no terminal to ask at, or no answer", hint);
  if (!isUtf8(*word)) return usage("that is not UTF-8");
  return *word;
}

/// The context that keeps the token: the one in force if it is this server's, else one of this server, else a new one.
std::string contextFor(const Settings& settings) {
  const Context* inForce = settings.contexts.find(settings.contextName);
  if (inForce != nullptr && inForce->server == settings.server.text) return settings.contextName;
  const std::string* known = settings.contexts.nameOfServer(settings.server.text);
  if (known != nullptr) return *known;
  if (settings.server.kind == ServerAddress::Kind::Unix) return "local:" + settings.server.path;
  return fmt::format("{}:{}", settings.server.host, settings.server.port);
}

/// Why a login failed: the server does not say which of the two words was wrong, and to log in is no advice here.
Failure refused(Failure failure) {
  if (failure.exit != Exit::NotLoggedIn) return failure;
  failure.message = "the login or the password is wrong";
  failure.hint =
      "On the daemon's machine `chatctl account list` shows the logins, and `chatctl account update LOGIN "
      "--password-stdin` sets a password.";
  return failure;
}

Handler login(CLI::App& command) {
  auto words = std::make_shared<LoginWords>();
  bindWord(command, "--login", words->login, "the account; asked for without it");
  command.add_flag("--password-stdin", words->passwordFromInput, "read the password from standard input");
  return [words](Invocation& run) -> Outcome<void> {
    if (run.settings.dryRun) return usage("--dry-run: a login cannot be tried without logging in");
    std::string name = words->login.value_or("");
    if (name.empty()) {
      CHATD_TRY(asked, askFor(run, "Login: ", false, "Name the account by --login."));
      name = asked;
    }
    CHATD_TRY(secret, password(run, words->passwordFromInput));
    std::string body;
    JsonWriter json(body);
    json.beginObject().field("login", name).field("password", secret).endObject();
    run.settings.token.reset();  // an old token says nothing about who logs in now
    auto answered = run.client.call({"POST", "/auth/login", {}, body, false, Call::Once::Yes});
    if (!answered.ok()) return refused(std::move(answered).error());
    const Answer& answer = answered.value();
    const auto token = stringField(answer.document, "token");
    if (!token) return other("bad_answer", "the server's answer has no token");
    CHATD_TRY(clean, cleanToken(*token, "the server's answer"));

    const std::string contextName = contextFor(run.settings);
    Context& context = run.settings.contexts.byName[contextName];
    context.server = run.settings.server.text;
    context.token = clean;
    run.settings.contexts.current = contextName;
    CHATD_CHECK(run.settings.contexts.save());
    note(run, fmt::format("logged in to {} as {}, kept in context {} until {}", run.settings.server.text, name, contextName,
                          stringField(answer.document, "expiresAt").value_or("revoked")));
    return {};
  };
}

Handler logout(CLI::App&) {
  return [](Invocation& run) -> Outcome<void> {
    if (run.settings.dryRun) return usage("--dry-run: a logout cannot be tried without logging out");
    const std::string name = contextFor(run.settings);
    Context* context = run.settings.contexts.find(name);
    if (context == nullptr || !context->token) {
      note(run, fmt::format("not logged in to {}", run.settings.server.text));
      return {};
    }
    run.settings.token = context->token;
    const auto ended = run.client.call({"POST", "/auth/logout", {}, {}, false, Call::Once::Yes});
    // A token that the server does not take any more is as good as logged out; any other failure keeps it, to try again.
    if (!ended.ok() && ended.error().exit != Exit::NotLoggedIn) return ended.error();
    context->token.reset();
    CHATD_CHECK(run.settings.contexts.save());
    note(run, fmt::format("logged out of {}", run.settings.server.text));
    return {};
  };
}

Handler whoami(CLI::App&) {
  return [](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, run.client.get("/auth/verify"));
    return run.printer.one(kIdentity, answer);
  };
}

constexpr const char* kPipe = "Pipe it in and add --password-stdin.";

}  // namespace

Outcome<std::string> password(Invocation& run, bool fromInput) {
  if (!fromInput) return askFor(run, "Password: ", true, kPipe);
  CHATD_TRY(input, readInput(run));
  while (input.ends_with('\n') || input.ends_with('\r')) input.pop_back();
  if (input.empty() || !isUtf8(input)) return usage("there is no password on standard input");
  return std::move(input);
}

Outcome<std::string> newPassword(Invocation& run, bool fromInput) {
  if (fromInput) return password(run, true);
  CHATD_TRY(first, askFor(run, "New password: ", true, kPipe));
  CHATD_TRY(second, askFor(run, "The same again: ", true, kPipe));
  if (first != second) return usage("the two passwords differ");
  return std::move(first);
}

const Noun& loginNoun() {
  static const Noun noun{"",
                         "Who you are",
                         {{"login", "Log in and keep the token (0600)", login},
                          {"logout", "Revoke the token and forget it", logout},
                          {"whoami", "Show whom the daemon takes you for", whoami}}};
  return noun;
}

}  // namespace chatd::cli

// wait, reload, loglevel, drain: what operators do to the daemon itself. REST: /server, /healthz, /readyz.
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "cli/nouns/nouns.h"
#include "cli/nouns/servers.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::chrono::milliseconds kPoll{200};
constexpr std::chrono::seconds kPatience{60};

const View kReloads{
    "applied", "applied", {{"APPLIED", "applied"}, {"NEED RESTART", "needRestart"}, {"WARNINGS", "warnings", true}}};

const View kLevel{"logLevel", "logLevel", {{"LOG LEVEL", "logLevel"}}, serverView().members};

/// Asks `good` every 200 ms until it is true. Errors: Exit::Unhealthy with what it said last, Exit::Unreachable.
Outcome<void> waitUntil(std::chrono::seconds patience, const std::string& what, const std::function<Outcome<bool>()>& good) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto outcome = good();
    if (outcome.ok() && outcome.value()) return {};
    // What cannot get better by waiting is told at once: a wrong token, a wrong command line.
    if (!outcome.ok() && outcome.error().exit != Exit::Unreachable) return std::move(outcome).error();
    if (std::chrono::steady_clock::now() + kPoll > until) {
      if (!outcome.ok()) return std::move(outcome).error();
      return Failure{Exit::Unhealthy,
                     "unhealthy",
                     fmt::format("not {} within {} s", what, patience.count()),
                     "`chatctl status` says why; --within waits longer.",
                     {}};
    }
    std::this_thread::sleep_for(kPoll);
  }
}

Handler wait(CLI::App& command) {
  struct Words {
    std::optional<std::string> goal, within;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "--for", words->goal, "ready, healthy or drained; ready by itself")
      ->type_name("STATE")
      ->check(CLI::IsMember({"ready", "healthy", "drained"}));
  bindWord(command, "--within", words->within, "how long to wait: 30, 5m; 60 s by itself")->type_name("TIME");
  return [words](Invocation& run) -> Outcome<void> {
    auto patience = kPatience;
    if (words->within) {
      CHATD_TRY(time, parseDuration(*words->within, "--within"));
      patience = time;
    }
    const std::string goal = words->goal.value_or("ready");
    return waitUntil(patience, goal, [&]() -> Outcome<bool> {
      if (goal == "drained") {
        CHATD_TRY(answer, run.client.get("/server"));
        CHATD_TRY(open, integerField(answer.document, "transports"));
        const JsonValue* draining = find(answer.document, "draining");
        if (draining == nullptr || !draining->IsTrue()) {
          return other("not_draining", "the daemon is not being drained", "`chatctl drain` begins it.");
        }
        return open == 0;
      }
      CHATD_TRY(answer, probe(run, goal == "ready" ? "/readyz" : "/healthz"));
      return answer.status < 300;
    });
  };
}

Handler reload(CLI::App&) {
  return [](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, run.client.call({"POST", "/server/reload", {}, {}, false, Call::Once::Yes}));
    const JsonValue* warnings = answer.document.IsObject() ? find(answer.document, "warnings") : nullptr;
    for (rapidjson::SizeType i = 0; warnings != nullptr && warnings->IsArray() && i < warnings->Size(); ++i) {
      if ((*warnings)[i].IsString()) note(run, "warning: " + visible(asView((*warnings)[i])));
    }
    return run.printer.one(kReloads, answer);
  };
}

Handler logLevel(CLI::App& command) {
  auto level = std::make_shared<std::optional<std::string>>();
  bindWord(command, "LEVEL", *level, "debug, info, warning or error; without it the present one is shown")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  return [level](Invocation& run) -> Outcome<void> {
    Call call{"GET", "/server", {}, {}};
    if (*level) call = {"PUT", "/server/log-level", {}, fmt::format(R"({{"level":"{}"}})", **level)};
    CHATD_TRY(answer, run.client.call(call));
    const bool people = run.settings.format == Format::Table || run.settings.format == Format::Wide;
    const auto present = stringField(answer.document, "logLevel");
    // The daemon's whole object is for programs; who asks for one word gets it.
    if (people && present && !run.settings.quiet && run.settings.fields.empty()) return run.printer.text(*present + "\n");
    return run.printer.one(kLevel, answer);
  };
}

Handler drain(CLI::App& command) {
  auto off = std::make_shared<bool>(false);
  command.add_flag("--off", *off, "end the drain: let sessions in again");
  return [off](Invocation& run) -> Outcome<void> {
    if (!*off)
      CHATD_CHECK(confirm(run, "Drain the daemon? It lets nobody new in, and its sessions are asked to go elsewhere."));
    CHATD_TRY(answer, run.client.call({*off ? "DELETE" : "PUT", "/server/drain", {}, {}}));
    note(run, *off ? "sessions are let in again" : "draining; `chatctl wait --for drained` waits for the last session");
    return run.printer.one(serverView(), answer);
  };
}

}  // namespace

const Noun& daemonNoun() {
  static const Noun noun{"",
                         "The daemon",
                         {{"wait", "Wait until the daemon is ready, healthy or drained", wait},
                          {"reload", "Read the configuration again; say what was applied", reload, &kReloads},
                          {"loglevel", "Show or set the level of the log, until the next reload", logLevel, &kLevel},
                          {"drain", "Ask sessions to go elsewhere and let nobody new in", drain, &serverView()}}};
  return noun;
}

}  // namespace chatd::cli

// apply, diff, delete: what is declared in files against what the server has. REST: /app, /user, /room.
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "cli/declared.h"
#include "cli/layout.h"
#include "cli/nouns/nouns.h"
#include "cli/nouns/rooms.h"
#include "cli/plan.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

const View kChanges{"name",
                    "name",
                    {{"CHANGE", "change"}, {"KIND", "kind"}, {"APP", "app"}, {"NAME", "name"}},
                    {"apiKey", "login", "code", "message"}};

const View kDifferences{kChanges.id, kChanges.name, kChanges.columns, {"differences"}};

struct FileWords {
  std::string file;
  bool prune = false;
};

std::shared_ptr<FileWords> bindFile(CLI::App& command) {
  auto words = std::make_shared<FileWords>();
  bindWord(command, "-f,--file", words->file, "a file, a folder of *.yaml, *.yml and *.json, or - for standard input")
      ->type_name("FILE")
      ->required();
  return words;
}

Outcome<std::vector<DeclaredApp>> declaredIn(Invocation& run, const std::string& file) {
  if (file == "-") sayReading(run);
  return readDeclared(file, run.io.in);
}

void bindPrune(CLI::App& command, FileWords& words) {
  command.add_flag("--prune", words.prune,
                   "users, rooms and members that are not declared go, in apps that are declared; apps stay");
}

struct Tally {
  std::size_t created = 0, changed = 0, deleted = 0, unchanged = 0, failed = 0, unchecked = 0;
  [[nodiscard]] std::size_t writes() const { return created + changed + deleted; }
  void count(Change change) { ++(change == Change::Create ? created : change == Change::Update ? changed : deleted); }
};

/// A line of the result, as an object.
void writeStep(JsonWriter& json, const std::string& app, const Step& step, std::string_view change) {
  json.beginObject().field("change", change).field("kind", step.kind).field("app", app).field("name", step.name);
}

Failure at(const DeclaredApp& app, Failure failure) {
  failure.message = fmt::format("{} (app {}): {}", app.where, app.name, failure.message);
  return failure;
}

Outcome<std::vector<AppPlan>> plans(Invocation& run, const std::vector<DeclaredApp>& declared, bool prune) {
  std::vector<AppPlan> all;
  for (const DeclaredApp& app : declared) {
    auto plan = planApp(run, app, prune);
    if (!plan.ok()) return at(app, std::move(plan).error());
    all.push_back(std::move(plan.value()));
  }
  return all;
}

/// How the end is told: by apply and by delete.
struct Words {
  std::string_view verb;          ///< "apply"
  std::string_view unchanged[2];  ///< of one thing for which there was nothing to do, and of several
};

/// Does the steps of one app. What fails is told and counted; what hangs on an app that could not be made is not tried.
class Runner {
 public:
  Runner(Invocation& run, Words words) : run_(run), words_(words), json_(text_) { json_.beginArray(); }

  void doAll(const AppPlan& plan);
  Outcome<void> finish();
  Tally tally;

 private:
  bool doStep(const AppPlan& plan, const Step& step, std::optional<std::int64_t>& appId);
  Outcome<Answer> perform(const Step& step, std::int64_t appId);
  [[nodiscard]] bool isTable() const {
    return !run_.settings.quiet && (run_.settings.format == Format::Table || run_.settings.format == Format::Wide);
  }

  Invocation& run_;
  const Words words_;
  std::string text_;
  JsonWriter json_;
  std::vector<Answer> newApps_;
  std::optional<Failure> firstFailure_;
};

Outcome<Answer> Runner::perform(const Step& step, std::int64_t appId) {
  CHATD_TRY(call, step.call(run_.client, appId));
  CHATD_TRY(answer, run_.client.call(call));
  if (step.kind == "room" && step.change == Change::Create) CHATD_CHECK(madeAs(answer.document, step.name, "declared"));
  return std::move(answer);
}

bool Runner::doStep(const AppPlan& plan, const Step& step, std::optional<std::int64_t>& appId) {
  if (run_.settings.dryRun && (step.later || (!appId && step.kind != "app"))) {
    // Without what comes before it the server has nothing to judge it against.
    ++tally.unchecked;
    tally.count(step.change);
    writeStep(json_, plan.name, step, wordOf(step.change));
    json_.endObject();
    return true;
  }
  auto answer = perform(step, appId.value_or(0));
  if (!answer.ok()) {
    ++tally.failed;
    const Failure& failure = answer.error();
    note(run_, fmt::format("{} {} of app {}: {}", step.kind, step.name, plan.name, failure.message));
    if (!firstFailure_) firstFailure_ = failure;
    writeStep(json_, plan.name, step, "failed");
    json_.field("code", failure.code).field("message", failure.message).endObject();
    return false;
  }
  tally.count(step.change);
  writeStep(json_, plan.name, step, wordOf(step.change));
  if (step.kind == "app" && step.change == Change::Create && !run_.settings.dryRun) {
    const JsonValue& app = answer.value().document;
    if (const auto id = integerField(app, "appId"); id.ok()) appId = id.value();
    for (const char* secret : {"apiKey", "login"}) {
      const JsonValue* value = app.IsObject() ? find(app, secret) : nullptr;
      if (value != nullptr) json_.key(secret).raw(toText(*value));
    }
    newApps_.push_back(std::move(answer.value()));
  }
  json_.endObject();
  return true;
}

void Runner::doAll(const AppPlan& plan) {
  tally.unchanged += plan.unchanged;
  std::optional<std::int64_t> appId = plan.appId;
  bool roomFailed = false;
  for (const Step& step : plan.steps) {
    if (run_.io.interrupted && run_.io.interrupted()) return;
    // What could not be made may be there under another name: a direct room that its pair has.
    if (roomFailed && step.kind == "room" && step.change == Change::Delete) {
      note(run_, fmt::format("room {} of app {} stays: not every declared room could be made", step.name, plan.name));
      continue;
    }
    const bool done = doStep(plan, step, appId);
    if (!done && step.kind == "app" && !appId) return;
    roomFailed = roomFailed || (!done && step.kind == "room");
  }
}

Outcome<void> Runner::finish() {
  json_.endArray();
  const auto array = parseJson(text_);
  if (!array.ok()) return other("bad_answer", "an answer of the server's is not UTF-8");
  if (!array->Empty() || !isTable()) CHATD_CHECK(run_.printer.items(kChanges, *array));
  for (const Answer& app : newApps_) {
    // A list for people has no place for them: as an object of its own.
    if (isTable() && run_.settings.fields.empty()) {
      CHATD_CHECK(run_.printer.text("\n"));
      CHATD_CHECK(run_.printer.one(kChanges, app));
    }
    tellSecrets(run_, kChanges, app.document, "app " + stringField(app.document, "name").value_or("?"));
  }
  const std::string writes = run_.settings.dryRun ? "" : fmt::format("; {}", counted(tally.writes(), "write"));
  if (tally.writes() + tally.failed == 0) {
    note(run_, fmt::format("unchanged: {} {}{}", counted(tally.unchanged, "thing"),
                           words_.unchanged[tally.unchanged == 1 ? 0 : 1], writes));
  } else {
    note(run_, fmt::format("{} created, {} changed, {} deleted, {} unchanged, {} failed{}", tally.created, tally.changed,
                           tally.deleted, tally.unchanged, tally.failed, writes));
  }
  if (tally.unchecked > 0)
    note(run_, fmt::format("{} of them need what is not there yet, and can be checked once it is", tally.unchecked));
  if (run_.io.interrupted && run_.io.interrupted())
    return Failure{Exit::Interrupted,
                   "interrupted",
                   "interrupted",
                   fmt::format("Repeat the {}: what is done stays done.", words_.verb),
                   {}};
  if (tally.failed == 0) return {};
  // By what is so in the end and not by what this run wrote: the next run of the same file must end alike.
  if (tally.writes() + tally.unchanged == 0) return *firstFailure_;
  return Failure{Exit::Partial,
                 "partial",
                 fmt::format("{} of {} changes failed", tally.failed, tally.failed + tally.writes()),
                 fmt::format("Mend what is named above and repeat the {}: what is done stays done.", words_.verb),
                 {}};
}

Outcome<void> differs(std::size_t count, std::string hint) {
  if (count == 0) return {};
  return Failure{Exit::Differs, "differs", counted(count, "difference"), std::move(hint), {}};
}

constexpr const char* kApplyIt = "`chatctl apply` with the same words makes them equal.";
constexpr Words kApply{"apply", {"is as declared", "are as declared"}};
constexpr Words kDelete{"delete", {"is not there", "are not there"}};

/// Has the server judge what would be written of each app itself: its settings and the configuration of its verifiers.
/// Errors: Exit::Invalid, and as AdminClient::call, with the place in the file.
Outcome<void> judge(Invocation& run, const DeclaredApp& declared, const AppPlan& plan) {
  for (const Step& step : plan.steps) {
    if (step.kind != "app") continue;
    CHATD_TRY(call, step.call(run.client, plan.appId.value_or(0)));
    call.query.emplace_back("dryRun", "true");
    auto judged = run.client.call(call);
    if (!judged.ok()) return at(declared, std::move(judged).error());
  }
  return {};
}

Handler apply(CLI::App& command) {
  auto words = bindFile(command);
  bindPrune(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(declared, declaredIn(run, words->file));
    CHATD_TRY(all, plans(run, declared, words->prune));
    std::size_t deletions = 0;
    for (const AppPlan& plan : all) {
      for (const Step& step : plan.steps) deletions += step.change == Change::Delete ? 1 : 0;
    }
    if (deletions > 0)
      CHATD_CHECK(confirm(run, fmt::format("Delete what is not declared: {}?", counted(deletions, "thing"))));
    if (run.io.deferInterrupt) run.io.deferInterrupt();
    Runner runner(run, kApply);
    for (const AppPlan& plan : all) runner.doAll(plan);
    CHATD_CHECK(runner.finish());
    return run.settings.dryRun ? differs(runner.tally.writes(), kApplyIt) : Outcome<void>();
  };
}

void printDifferences(Invocation& run, const AppPlan& plan) {
  for (const Step& step : plan.steps) {
    const bool ofApp = step.kind == "app";
    const char* sign = step.change == Change::Create ? "+" : step.change == Change::Update ? "~" : "-";
    const Colour colour = step.change == Change::Create   ? Colour::Green
                          : step.change == Change::Update ? Colour::Yellow
                                                          : Colour::Red;
    const std::string line =
        fmt::format("{} {} {}", sign, step.kind, visible(ofApp ? step.name : plan.name + "/" + step.name));
    run.io.out << coloured(line, colour, run.settings.colorOut) << '\n';
    for (const std::string& difference : step.lines) run.io.out << "    " << visible(difference) << '\n';
  }
}

Handler diff(CLI::App& command) {
  auto words = bindFile(command);
  bindPrune(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(declared, declaredIn(run, words->file));
    CHATD_TRY(all, plans(run, declared, words->prune));
    for (std::size_t i = 0; i < all.size(); ++i) CHATD_CHECK(judge(run, declared[i], all[i]));
    const bool forPeople =
        !run.settings.quiet && (run.settings.format == Format::Table || run.settings.format == Format::Wide);
    std::size_t count = 0;
    std::size_t unchanged = 0;
    std::string text;
    JsonWriter json(text);
    json.beginArray();
    for (const AppPlan& plan : all) {
      count += plan.steps.size();
      unchanged += plan.unchanged;
      if (forPeople) printDifferences(run, plan);
      for (const Step& step : plan.steps) {
        writeStep(json, plan.name, step, wordOf(step.change));
        json.key("differences").beginArray();
        for (const std::string& line : step.lines) json.string(line);
        json.endArray().endObject();
      }
    }
    json.endArray();
    if (!forPeople) {
      const auto array = parseJson(text);
      if (!array.ok()) return other("bad_answer", "an answer of the server's is not UTF-8");
      CHATD_CHECK(run.printer.items(kDifferences, *array));
    }
    if (count == 0)
      note(run, fmt::format("no differences: {} {}", counted(unchanged, "thing"), kApply.unchanged[unchanged == 1 ? 0 : 1]));
    return differs(count, kApplyIt);
  };
}

Handler removeDeclared(CLI::App& command) {
  auto words = bindFile(command);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(declared, declaredIn(run, words->file));
    std::vector<AppPlan> all;
    std::string names;
    for (const DeclaredApp& app : declared) {
      CHATD_TRY(plan, planDelete(run, app));
      if (!plan.steps.empty()) names += (names.empty() ? "" : ", ") + plan.name;
      all.push_back(std::move(plan));
    }
    if (!names.empty())
      CHATD_CHECK(confirm(run, fmt::format("Delete the apps {} with their users, rooms and messages?", names)));
    Runner runner(run, kDelete);
    for (const AppPlan& plan : all) runner.doAll(plan);
    CHATD_CHECK(runner.finish());
    return run.settings.dryRun ? differs(runner.tally.writes(), "`chatctl delete` without --dry-run deletes them.")
                               : Outcome<void>();
  };
}

}  // namespace

const Noun& applyNoun() {
  static const Noun noun{
      "",
      "Declared state",
      {{"apply", "Make the server have what files declare; what is so already is left alone", apply, &kChanges},
       {"diff", "Show what apply would do; exit code 10 if there is anything", diff},
       {"delete", "Delete the apps that files declare, with everything in them", removeDeclared, &kChanges}}};
  return noun;
}

}  // namespace chatd::cli

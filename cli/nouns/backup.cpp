// backup, migrate-store: copies of everything. REST: /backup for what the daemon does while it serves; what needs a stopped
// daemon is chatd-store's, the program beside this one, which is run for it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <ostream>
#include <thread>

#include "cli/layout.h"
#include "cli/nouns/nouns.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::chrono::milliseconds kPoll{200};

const View kBackups{"name",
                    "name",
                    {{"NAME", "name"},
                     {"STATE", "state"},
                     {"PERCENT", "percent"},
                     {"BYTES", "bytes"},
                     {"CREATED", "createdAt"},
                     {"ERROR", "error"}}};

// What chatd-store tells of a backup and of a move.
const View kBackupFile{
    "file",
    "file",
    {{"FILE", "file"}, {"CREATED", "createdAt"}, {"CHATD", "chatd"}, {"SCHEMA", "schema"}, {"ROWS", "rows"}},
    {"serverKey", "tables"}};
const View kMigrated{"to", "to", {{"FROM", "from"}, {"TO", "to"}, {"ROWS", "rows"}}, {"tables"}};

/// How far the work is: a line that is drawn over on a terminal, else a line every tenth.
class Progress {
 public:
  explicit Progress(Invocation& run) : run_(run) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (said_ >= 0 && draws()) run_.io.err << "\r\x1b[K" << std::flush;
  }

  /// `name` with the blank before it, or empty.
  void show(const std::string& state, const std::string& name, std::int64_t percent) {
    if (draws()) {
      const std::string bar(static_cast<std::size_t>(std::clamp<std::int64_t>(percent, 0, 100) / 5), '#');
      run_.io.err << fmt::format("\r{}{} [{:<20}] {:>3}%\x1b[K", state, cut(visible(name), 40), bar, percent) << std::flush;
    } else if (said_ < 0 || percent / 10 != said_ / 10) {
      note(run_, fmt::format("{}{} {}%", state, name, percent));
    }
    said_ = percent;
  }

 private:
  [[nodiscard]] bool draws() const { return run_.io.errIsTerminal && !run_.settings.quiet; }

  Invocation& run_;
  std::int64_t said_ = -1;
};

/// Asks until the work on the backup is done, and says how far it is.
Outcome<void> follow(Invocation& run, Answer answer) {
  const auto name = stringField(answer.document, "name");
  if (!name) return other("bad_answer", "the server's answer names no backup");
  Progress progress(run);
  for (;;) {
    const std::string state = stringField(answer.document, "state").value_or("");
    if (state == "failed") {
      return other("backup_failed", fmt::format("the backup {} failed: {}", *name,
                                                stringField(answer.document, "error").value_or("no reason was given")));
    }
    if (state != "creating" && state != "verifying") return run.printer.one(kBackups, answer);
    CHATD_TRY(percent, integerField(answer.document, "percent"));
    progress.show(state, " " + *name, percent);
    std::this_thread::sleep_for(kPoll);
    CHATD_TRY(next, run.client.get("/backup/" + percentEncode(*name)));
    answer = std::move(next);
  }
}

Exit exitOf(int code) {
  const auto& rows = exitTable();
  const auto row =
      std::find_if(rows.begin(), rows.end(), [&](const ExitRow& one) { return static_cast<int>(one.exit) == code; });
  return row == rows.end() ? Exit::Other : row->exit;
}

/// Runs chatd-store: its progress is drawn as ours, its words and exit code become a failure of ours, and the object that it
/// prints is printed by the format, `file` in front of it if there is one.
Outcome<void> runStoreTool(Invocation& run, const View& view, const std::vector<std::string>& arguments,
                           const std::optional<std::string>& file) {
  constexpr std::string_view kSays = "chatd-store: ";
  if (!run.io.runBeside) return other("no_store_tool", "chatd-store cannot be run here");
  // So that it ends first, at a place from where it can go on.
  if (run.io.deferInterrupt) run.io.deferInterrupt();
  std::string why;
  BesideRun ran;
  {
    Progress progress(run);
    ran = run.io.runBeside("chatd-store", arguments, [&](const std::string& line) {
      const std::size_t blank = line.find(' ');
      int percent = 0;
      const char* const end = line.data() + line.size();
      const bool counts = blank != std::string::npos && line.ends_with('%') &&
                          std::from_chars(line.data() + blank + 1, end, percent).ptr == end - 1;
      if (counts) return progress.show(line.substr(0, blank), "", percent);
      if (!why.empty()) note(run, why);
      why = line.starts_with(kSays) ? line.substr(kSays.size()) : line;
    });
  }
  if (ran.code < 0)
    return other("no_store_tool", "chatd-store cannot be run: " + ran.why, "It is installed with chatd, beside chatctl.");
  if (ran.code != 0) {
    const Exit exit = exitOf(ran.code);
    if (why.empty()) why = fmt::format("chatd-store ended with {}", ran.code);
    return Failure{exit, exit == Exit::NotFound ? "not_found" : "store_tool", why, {}, {}};
  }
  if (!why.empty()) note(run, why);
  const auto report = parseJson(ran.out);
  if (!report.ok() || !report->IsObject()) return other("bad_answer", "what chatd-store printed is no JSON object");
  const bool forPeople = run.settings.format == Format::Table || run.settings.format == Format::Wide;
  std::string text;
  JsonWriter json(text);
  json.beginObject();
  if (file) json.field("file", visible(*file));
  for (const auto& member : report->GetObject()) {
    // The sums of a dozen tables are for programs.
    if (forPeople && run.settings.fields.empty() && asView(member.name) == "tables") continue;
    json.key(asView(member.name)).raw(toText(member.value));
  }
  json.endObject();
  const auto shown = parseJson(text);
  CHATD_ASSERT(shown.ok());  // written from parsed values just above
  return run.printer.one(view, text, *shown);
}

/// A NotFound of one of the daemon's backups, with a guess at its name.
Failure missing(Invocation& run, Failure failure, const std::string& name) {
  return run.client.withGuess(std::move(failure), {.path = "/backup", .query = {}, .paged = false}, "name", name);
}

Handler create(CLI::App& command) {
  struct Words {
    std::optional<std::string> name;
    bool noWait = false;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "--name", words->name, "of the file; by itself the time");
  command.add_flag("--no-wait", words->noWait, "do not wait until it is done");
  return [words](Invocation& run) -> Outcome<void> {
    if (run.settings.dryRun) return usage("--dry-run: a backup cannot be tried without making it");
    std::string body;
    JsonWriter json(body);
    json.beginObject();
    if (words->name) json.field("name", *words->name);
    json.endObject();
    CHATD_TRY(begun, run.client.call({"POST", "/backup", {}, body}));
    return words->noWait ? run.printer.one(kBackups, begun) : follow(run, std::move(begun));
  };
}

Handler list(CLI::App&) {
  return [](Invocation& run) {
    return run.printer.list(kBackups, run.client, {.path = "/backup", .query = {}, .paged = false});
  };
}

Handler verify(CLI::App& command) {
  auto backup = std::make_shared<std::string>();
  bindWord(command, "BACKUP", *backup, "the name of one of the daemon's, or the path of a file: it has a /");
  return [backup](Invocation& run) -> Outcome<void> {
    if (backup->find('/') != std::string::npos) return runStoreTool(run, kBackupFile, {"verify", *backup}, *backup);
    const Call call{"POST", fmt::format("/backup/{}/verify", percentEncode(*backup)), {}, {}};
    auto begun = run.client.call(call);
    if (!begun.ok()) return missing(run, std::move(begun).error(), *backup);
    return run.settings.dryRun ? run.printer.one(kBackups, begun.value()) : follow(run, std::move(begun.value()));
  };
}

Handler restore(CLI::App& command) {
  struct Words {
    std::string file;
    std::optional<std::string> folder, store;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "FILE", words->file, "the backup");
  bindWord(command, "--data-dir", words->folder,
           "data directory of a stopped daemon, without a database: "
           "/var/lib/chatd by itself")
      ->type_name("DIR");
  bindWord(command, "--store", words->store, "an empty database to fill instead of sqlite:chatd.db: URL, @FILE or env:NAME")
      ->type_name("URL");
  return [words](Invocation& run) -> Outcome<void> {
    if (run.settings.dryRun) return usage("--dry-run: a restore cannot be tried; `backup verify FILE` reads all of it");
    std::vector<std::string> arguments{"restore", words->file};
    if (words->folder) arguments.insert(arguments.end(), {"--data-dir", *words->folder});
    if (words->store) arguments.insert(arguments.end(), {"--store", *words->store});
    return runStoreTool(run, kBackupFile, arguments, words->file);
  };
}

Handler remove(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "BACKUP", *name, "its name");
  return [name](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(confirm(run, fmt::format("Delete the backup {}?", visible(*name))));
    auto gone = run.client.call({"DELETE", "/backup/" + percentEncode(*name), {}, {}});
    if (!gone.ok()) return missing(run, std::move(gone).error(), *name);
    note(run, fmt::format("backup {} is deleted", *name));
    return {};
  };
}

Handler migrateStore(CLI::App& command) {
  struct Words {
    std::string from, to;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "FROM", words->from, "the store to copy: sqlite:FILE, postgresql://…, @FILE or env:NAME");
  bindWord(command, "TO", words->to, "the empty store to fill, or one that this command has begun to fill");
  return [words](Invocation& run) -> Outcome<void> {
    if (run.settings.dryRun)
      return usage("--dry-run: a migration cannot be tried; FROM is only read, so try it into an empty TO");
    return runStoreTool(run, kMigrated, {"migrate", words->from, words->to}, std::nullopt);
  };
}

}  // namespace

const Noun& backupNoun() {
  static const Noun noun{"backup",
                         "Backups of the whole store",
                         {{"create", "Make one while the daemon serves, into its backup folder", create, &kBackups},
                          {"list", "List those in the daemon's backup folder", list},
                          {"verify", "Read all of one and compare it with its sums", verify},
                          {"restore", "Fill the data directory of a stopped daemon from one", restore, &kBackupFile},
                          {"delete", "Delete one", remove}}};
  return noun;
}

const Noun& storeNoun() {
  static const Noun noun{"",
                         "The store",
                         {{"migrate-store", "Copy everything from one database to another, with the daemon stopped",
                           migrateStore, &kMigrated}}};
  return noun;
}

}  // namespace chatd::cli

// backup, migrate-store: copies of everything. REST: /backup for what the daemon does while it serves; what needs a stopped
// daemon is chatd-store's, the program beside this one, which takes this process over.
#include <fmt/format.h>

#include <algorithm>
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

/// Does not come back if it can be done.
Failure becomeStoreTool(Invocation& run, const std::vector<std::string>& arguments) {
  run.io.out.flush();
  const std::string why =
      run.io.becomeStoreTool ? run.io.becomeStoreTool(arguments) : std::string("it is not available here");
  return other("no_store_tool", fmt::format("chatd-store cannot be run: {}", why),
               "It is installed with chatd, beside chatctl.");
}

/// How far the work is: a line that is drawn over on a terminal, else a line every tenth.
class Progress {
 public:
  explicit Progress(Invocation& run) : run_(run) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (said_ >= 0 && draws()) run_.io.err << "\r\x1b[K" << std::flush;
  }

  void show(const std::string& state, const std::string& name, std::int64_t percent) {
    if (draws()) {
      const std::string bar(static_cast<std::size_t>(std::clamp<std::int64_t>(percent, 0, 100) / 5), '#');
      run_.io.err << fmt::format("\r{} {} [{:<20}] {:>3}%\x1b[K", state, cut(visible(name), 40), bar, percent) << std::flush;
    } else if (said_ < 0 || percent / 10 > said_ / 10) {
      note(run_, fmt::format("{} {} {}%", state, name, percent));
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
    progress.show(state, *name, percent);
    std::this_thread::sleep_for(kPoll);
    CHATD_TRY(next, run.client.get("/backup/" + percentEncode(*name)));
    answer = std::move(next);
  }
}

Outcome<void> started(Invocation& run, const Call& call, bool wait) {
  CHATD_TRY(answer, run.client.call(call));
  if (!wait) return run.printer.one(kBackups, answer);
  return follow(run, std::move(answer));
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
    return started(run, {"POST", "/backup", {}, body}, !words->noWait);
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
    if (backup->find('/') != std::string::npos) return becomeStoreTool(run, {"verify", *backup});
    return started(run, {"POST", fmt::format("/backup/{}/verify", percentEncode(*backup)), {}, {}}, true);
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
    return becomeStoreTool(run, arguments);
  };
}

Handler remove(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "NAME", *name, "the backup");
  return [name](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(confirm(run, fmt::format("Delete the backup {}?", visible(*name))));
    CHATD_CHECK(run.client.call({"DELETE", "/backup/" + percentEncode(*name), {}, {}}));
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
    return becomeStoreTool(run, {"migrate", words->from, words->to});
  };
}

}  // namespace

const Noun& backupNoun() {
  static const Noun noun{"backup",
                         "Backups of the whole store",
                         {{"create", "Make one while the daemon serves, into its backup folder", create},
                          {"list", "List those in the daemon's backup folder", list},
                          {"verify", "Read all of one and compare it with its sums", verify},
                          {"restore", "Fill the data directory of a stopped daemon from one", restore},
                          {"delete", "Delete one", remove}}};
  return noun;
}

const Noun& storeNoun() {
  static const Noun noun{
      "",
      "The store",
      {{"migrate-store", "Copy everything from one database to another, with the daemon stopped", migrateStore}}};
  return noun;
}

}  // namespace chatd::cli

// export, import: an app's users, rooms and messages as lines of JSON. REST: /user, /room, /chats/{id}/messages.
#include <memory>

#include "cli/export_job.h"
#include "cli/import_job.h"
#include "cli/nouns/nouns.h"

namespace chatd::cli {

namespace {

constexpr std::uint64_t kMostWorkers = 64;

// What export and import share.
struct BulkWords {
  std::string onError = "continue";
  std::uint64_t concurrency = 8;
  bool gzip = false, resume = false;
};

void bindBulk(CLI::App& command, BulkWords& words, const std::string& onError) {
  command.add_option("--concurrency", words.concurrency, "how many requests at once; 8 by itself")
      ->type_name("N")
      ->check(CLI::Validator(CLI::Range(std::uint64_t{1}, kMostWorkers)).description(""));
  bindWord(command, "--on-error", words.onError, onError)->type_name("WHAT")->check(CLI::IsMember({"continue", "stop"}));
}

Handler exportRows(CLI::App& command) {
  struct Words : BulkWords {
    std::optional<std::string> file;
    bool messages = false;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "-f,--file", words->file, "write to this file (0600); the standard output by itself")->type_name("FILE");
  command.add_flag("--gzip", words->gzip, "compress");
  command.add_flag("--messages", words->messages, "also the messages, room after room, oldest first");
  command.add_flag("--resume", words->resume, "go on where an export to this file stopped");
  bindBulk(command, *words, "continue (a room that is deleted meanwhile is left out) or stop at it");
  return [words](Invocation& run) -> Outcome<void> {
    return ExportJob(run, {.file = words->file,
                           .gzip = words->gzip,
                           .messages = words->messages,
                           .resume = words->resume,
                           .stopOnError = words->onError == "stop",
                           .concurrency = words->concurrency})
        .work();
  };
}

Handler importRows(CLI::App& command) {
  struct Words : BulkWords {
    std::string file;
    std::optional<std::string> rejects;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "FILE", words->file, "lines of JSON as `export` writes them, also gzipped; - for standard input");
  command.add_flag("--gzip", words->gzip, "the input is gzipped; a file says so by itself");
  command.add_flag("--resume", words->resume, "go on where an import of this file stopped");
  bindBulk(command, *words, "continue (rejected rows go to a file) or stop at the first");
  bindWord(command, "--rejects", words->rejects,
           "the file of rejected rows; by itself FILE.rejects.ndjson, of - a new import.rejects.ndjson")
      ->type_name("FILE");
  return [words](Invocation& run) -> Outcome<void> {
    if (words->rejects && words->rejects->empty()) return usage("--rejects names no file");
    ImportOptions options;
    options.file = words->file;
    options.gzip = words->gzip;
    options.resume = words->resume;
    options.stopOnError = words->onError == "stop";
    options.concurrency = words->concurrency;
    options.rejects = words->rejects.value_or(words->file == "-" ? "" : words->file + ".rejects.ndjson");
    return ImportJob(run, std::move(options)).work();
  };
}

}  // namespace

const Noun& bulkNoun() {
  static const Noun noun{
      "",
      "Bulk work",
      {{"export", "Write users, rooms and messages of an app as lines of JSON; can be resumed", exportRows},
       {"import", "Read users, rooms and messages from lines of JSON; can be resumed", importRows, &importResult()}}};
  return noun;
}

}  // namespace chatd::cli

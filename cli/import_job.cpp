#include "cli/import_job.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ostream>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/gunzip.h"
#include "cli/layout.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kQueue = 16;            // rows that wait for one worker
constexpr std::size_t kMaxLine = 4UL << 20U;  // more than any body that the server takes
constexpr int kRetries = 4;                   // a moment of overload must not end a long job
constexpr std::chrono::milliseconds kSaveEach{500};
constexpr std::chrono::milliseconds kShowEach{100};
constexpr std::size_t kBar = 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // that some editors put in front of UTF-8
constexpr std::size_t kTold = 20;                            // rows that a dry run names

const View kTried{
    "passed", "passed", {{"ROWS", "rows"}, {"PASSED", "passed"}, {"REJECTED", "rejected"}, {"UNCHECKED", "unchecked"}}};
const View kResult{"imported",
                   "imported",
                   {{"ROWS", "rows"}, {"IMPORTED", "imported"}, {"REJECTED", "rejected"}, {"ROWS/S", "rowsPerSecond"}},
                   {"line", "complete", "seconds", "rejects", "dryRun", "passed", "unchecked"}};

/// A failure of the row and not of the job: the next row may be better.
bool isOfTheRow(const Failure& failure) {
  return failure.exit == Exit::Invalid || failure.exit == Exit::NotFound || failure.exit == Exit::Conflict ||
         (failure.exit == Exit::Forbidden && failure.code != "app_disabled" && failure.code != "forbidden");
}

/// The file for the rejects of an input that has no name, made here: those of another one are not ours to take.
Outcome<std::string> newRejects() {
  for (int i = 1;; ++i) {
    const std::string name = i == 1 ? "import.rejects.ndjson" : fmt::format("import.rejects.{}.ndjson", i);
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file >= 0) {
      ::close(file);
      return name;
    }
    if (errno != EEXIST)
      return usage(fmt::format("cannot write {}: {}", name, std::strerror(errno)), "Name another file with --rejects.");
  }
}

}  // namespace

struct ImportJob::Worker {
  Worker(ImportJob& job, std::ostream& log) : client(job.settings_, log), importer(client, job.app_) {}

  AdminClient client;
  RowImporter importer;
  std::deque<ImportRow> queue;  // guarded by the job's mutex
  std::condition_variable changed;
  bool closing = false;
  std::thread thread;
};

const View& importResult() { return kResult; }

ImportJob::ImportJob(Invocation& run, ImportOptions options)
    : run_(run), options_(std::move(options)), settings_(run.settings) {
  settings_.retries = std::max(settings_.retries, kRetries);
}

ImportJob::~ImportJob() { stopWorkers(); }

/// What waits in the queues is left undone; what is being sent is finished.
void ImportJob::stopWorkers() {
  for (const auto& worker : workers_) {
    {
      std::lock_guard g(mutex_);
      worker->closing = true;
      worker->queue.clear();
    }
    worker->changed.notify_all();
    if (worker->thread.joinable()) worker->thread.join();
  }
}

Outcome<void> ImportJob::open() {
  if (options_.file == "-") {
    if (options_.resume) return usage("--resume needs a file: what came by the standard input cannot be read again");
    keepsPlace_ = false;
    sayReading(run_);
    return {};
  }
  struct stat found {};
  int fault = ::stat(options_.file.c_str(), &found) != 0 ? errno : 0;
  if (fault == 0 && S_ISDIR(found.st_mode)) fault = EISDIR;
  if (fault != 0) return usage(fmt::format("cannot read {}: {}", visible(options_.file), std::strerror(fault)));
  keepsPlace_ = S_ISREG(found.st_mode);
  if (keepsPlace_ && !run_.settings.dryRun) {
    CHATD_TRY(lock, FileLock::take(options_.file, false));
    lock_ = std::move(lock);
  }
  if (options_.resume && !keepsPlace_)
    return usage(fmt::format("--resume needs a file: {} is none", visible(options_.file)));
  file_.open(options_.file, std::ios::binary);
  if (!file_) return usage(fmt::format("cannot read {}", visible(options_.file)));
  place_.size = static_cast<std::uint64_t>(found.st_size);
  place_.modified = found.st_mtim.tv_sec * std::int64_t{1'000'000'000} + found.st_mtim.tv_nsec;
  return {};
}

Outcome<void> ImportJob::loadPlace() {
  if (!options_.resume) return {};
  const auto kept = readPlace(placePath());
  if (!kept) {
    note(run_, "there is nothing to resume: it begins at line 1");
    return {};
  }
  const auto number = [&](const char* key) { return static_cast<std::uint64_t>(placeNumber(*kept, key)); };
  const std::string mend = "Remove it, or import without --resume.";
  if (!kept->IsObject() || number("size") != place_.size ||
      number("modified") != static_cast<std::uint64_t>(place_.modified))
    return usage(fmt::format("{} is of another file, or of this one as it was", visible(placePath())), mend);
  // The lines that were done were done there, and not here.
  if (stringField(*kept, "server") != place_.server || stringField(*kept, "app") != place_.app)
    return usage(fmt::format("{} is of an import into another app or server", visible(placePath())), mend);
  place_.line = number("line");
  place_.imported = number("imported");
  place_.rejected = number("rejected");
  const JsonValue* complete = find(*kept, "complete");
  place_.complete = complete != nullptr && complete->IsTrue();
  before_ = place_.imported + place_.rejected;
  resumeAfter_ = place_.line;
  note(run_, place_.complete ? "all of it is imported already: nothing is done; without --resume it is imported again"
                             : fmt::format("resuming after line {}", place_.line));
  return {};
}

/// Beginning anew drops the rejects of before; resuming keeps those of lines that are not done again.
Outcome<void> ImportJob::openRejects() {
  if (run_.settings.dryRun) return {};  // its rejects are told, and the file of a real run stays
  if (options_.rejects.empty()) {
    CHATD_TRY(made, newRejects());
    options_.rejects = std::move(made);
    madeRejects_ = true;
    return {};
  }
  CHATD_TRY(rejects, fileToReplace(options_.rejects));
  options_.rejects = std::move(rejects);
  std::error_code none;
  if (std::filesystem::equivalent(options_.rejects, options_.file, none))
    return usage(fmt::format("{} is the file to import: name another for --rejects", visible(options_.rejects)));
  std::string kept;
  if (options_.resume) {
    std::ifstream before(options_.rejects, std::ios::binary);
    for (std::string line; std::getline(before, line);) {
      const auto parsed = parseJson(line);
      const auto number = parsed.ok() ? integerField(*parsed, "line") : Outcome<std::int64_t>(0);
      if (number.ok() && number.value() > 0 && static_cast<std::uint64_t>(number.value()) <= place_.line)
        kept += line + "\n";
    }
  }
  std::error_code ignored;
  // Tried before anything is sent: a row that is refused must not be lost for want of a place.
  if (!std::ofstream(options_.rejects, std::ios::binary | std::ios::app))
    return usage(fmt::format("cannot write {}", visible(options_.rejects)), "Name another file with --rejects.");
  std::filesystem::remove(options_.rejects, ignored);
  if (!kept.empty()) writePrivately(options_.rejects, kept);
  return {};
}

Outcome<void> ImportJob::startWorkers() {
  for (std::size_t i = 0; i < options_.concurrency; ++i) {
    auto worker = std::make_unique<Worker>(*this, run_.io.err);
    Worker* const own = worker.get();
    own->thread = std::thread([this, own] {
      for (;;) {
        std::unique_lock lock(mutex_);
        own->changed.wait(lock, [own] { return own->closing || !own->queue.empty(); });
        if (own->queue.empty()) return;
        const ImportRow row = std::move(own->queue.front());
        own->queue.pop_front();
        const bool skip = skipped(row.line);
        lock.unlock();
        settled_.notify_all();
        // What is left undone is left for --resume.
        if (!skip) finished(row, own->importer(row));
      }
    });
    workers_.push_back(std::move(worker));
  }
  return {};
}

void ImportJob::finished(const ImportRow& row, Outcome<void> outcome) {
  std::lock_guard g(mutex_);
  if (outcome.ok()) {
    settle(row.line, End::Imported);
  } else if (row.needsEarlier && isOfTheRow(outcome.error())) {
    settle(row.line, End::Unchecked);
  } else if (isOfTheRow(outcome.error())) {
    reject(row.line, row.text, outcome.error());
  } else {
    stopAt(0, std::move(outcome).error());
  }
  settled_.notify_all();
}

/// Under the mutex. The job ends with `why`; lines before `line` are finished first. The lowest line wins.
void ImportJob::stopAt(std::uint64_t line, Failure why) {
  if (skipped(line)) return;
  fatal_ = std::move(why);
  stopLine_ = line;
}

/// Under the mutex.
void ImportJob::reject(std::uint64_t line, const std::string& text, const Failure& why) {
  if (run_.settings.dryRun) {
    if (++told_ <= kTold) note(run_, fmt::format("line {}: {}", line, why.message));
    if (told_ == kTold + 1) note(run_, "more rows would be rejected, and are counted only");
  } else {
    writeReject(line, text, why);
  }
  settle(line, End::Rejected);
  if (rejects_.is_open() && !rejects_) stopAt(0, other("output", fmt::format("cannot write {}", visible(options_.rejects))));
  if (!options_.stopOnError) return;
  Failure failure = why;
  failure.message = fmt::format("line {}: {}", line, why.message);
  stopAt(line, std::move(failure));
}

void ImportJob::writeReject(std::uint64_t line, const std::string& text, const Failure& why) {
  if (!rejects_.is_open()) {
    rejects_.open(options_.rejects, std::ios::binary | std::ios::app);
    ::chmod(options_.rejects.c_str(), S_IRUSR | S_IWUSR);  // a row may hold a token
    // A stream that could not be opened is not open, but stays bad.
    if (!rejects_) return stopAt(0, other("output", fmt::format("cannot write {}", visible(options_.rejects))));
  }
  std::string out;
  JsonWriter json(out);
  json.beginObject().field("line", line).field("code", why.code).field("message", why.message).key("row");
  const auto row = parseJson(text);
  if (row.ok()) {
    json.raw(toText(*row));
  } else {
    json.string(isUtf8(text) ? text : visible(text));
  }
  json.endObject();
  rejects_ << out << '\n' << std::flush;
}

/// Under the mutex. The place moves up to below the lowest line that is still under way, and counts what it passes: rows
/// beyond it are done again by --resume, and counted then.
void ImportJob::settle(std::uint64_t line, End end) {
  underWay_.erase(line);
  beyond_.emplace(line, end);
  place_.line = underWay_.empty() ? taken_ : *underWay_.begin() - 1;
  while (!beyond_.empty() && beyond_.begin()->first <= place_.line) {
    if (beyond_.begin()->second == End::Imported) ++place_.imported;
    if (beyond_.begin()->second == End::Rejected) ++place_.rejected;
    if (beyond_.begin()->second == End::Unchecked) ++place_.unchecked;
    beyond_.erase(beyond_.begin());
  }
}

bool ImportJob::stopping() {
  if (run_.io.interrupted && run_.io.interrupted()) return true;
  std::lock_guard g(mutex_);
  return fatal_.has_value();
}

/// In a dry run nothing of the file is made, so what needs an earlier row of it cannot be judged. Keeps what `row` makes.
bool ImportJob::needsEarlier(const ImportRow& row) {
  if (!run_.settings.dryRun) return false;
  const auto known = [this](char kind, const JsonValue* name) {
    return name != nullptr && coming_.count(kind + toText(*name)) > 0;
  };
  bool needs = row.kind != RowKind::User && known('u', find(row.object, "appUserId"));
  if (row.kind == RowKind::Message) needs = needs || known('r', find(row.object, "room"));
  const JsonValue* users = find(row.object, "users");
  if (row.kind == RowKind::Room && users != nullptr && users->IsArray()) {
    for (const JsonValue& user : users->GetArray()) needs = needs || known('u', &user);
  }
  if (row.kind == RowKind::User) coming_.insert('u' + toText(*find(row.object, "appUserId")));
  if (row.kind == RowKind::Room) coming_.insert('r' + toText(*find(row.object, "room")));
  return needs;
}

/// Messages of one room keep their order by going to one worker; kinds keep theirs by waiting for the kind before.
void ImportJob::hand(ImportRow row) {
  if (kind_ && *kind_ != row.kind) drain(row.line);
  kind_ = row.kind;
  const std::size_t index =
      row.kind == RowKind::Message ? std::hash<std::string>{}(row.room) % workers_.size() : next_++ % workers_.size();
  Worker& worker = *workers_[index];
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return worker.queue.size() < kQueue || fatal_; });
  if (fatal_) return;
  worker.queue.push_back(std::move(row));
  worker.changed.notify_one();
}

/// Waits until nothing but `own` (a line that was not handed out yet; 0: none) is under way, or the job is to stop.
void ImportJob::drain(std::uint64_t own) {
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return underWay_.size() == underWay_.count(own) || (fatal_ && skipped(*underWay_.begin())); });
}

void ImportJob::readLines(std::istream& in, const std::function<bool()>& cut) {
  for (std::string line; !stopping() && std::getline(in, line);) {
    if (in.eof() && cut && cut()) return;  // the half of a line is none
    std::uint64_t number = 0;
    {
      std::lock_guard g(mutex_);
      number = ++taken_;
      if (number <= resumeAfter_) continue;
      underWay_.insert(number);
    }
    if (line.ends_with('\r')) line.pop_back();
    if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (line.find_first_not_of(" \t") == std::string::npos) {
      std::lock_guard g(mutex_);
      settle(number, End::Blank);
      continue;
    }
    auto row = line.size() > kMaxLine ? Outcome<ImportRow>(Failure{Exit::Invalid, "invalid", "longer than 4 MiB", {}, {}})
                                      : readRow(number, line);
    if (row.ok()) {
      row.value().needsEarlier = needsEarlier(row.value());
      hand(std::move(row.value()));
    } else {
      std::lock_guard g(mutex_);
      reject(number, line.substr(0, kMaxLine), row.error());
    }
    savePlace(false);
    showProgress(false);
  }
}

void ImportJob::savePlace(bool force) {
  if (!keepsPlace_ || run_.settings.dryRun) return;
  const auto now = Clock::now();
  if (!force && now - saved_ < kSaveEach) return;
  saved_ = now;
  ImportPlace place;
  {
    std::lock_guard g(mutex_);
    place = place_;
  }
  std::string text;
  JsonWriter json(text);
  json.beginObject().field("size", place.size).field("modified", place.modified).field("server", place.server);
  json.field("app", place.app).field("line", place.line).field("imported", place.imported);
  json.field("rejected", place.rejected).field("complete", place.complete).endObject();
  writePrivately(placePath(), text + "\n");
}

void ImportJob::showProgress(bool last) {
  if (!run_.io.errIsTerminal || run_.settings.quiet) return;
  const auto now = Clock::now();
  if (!last && now - shown_ < kShowEach) return;
  shown_ = now;
  if (last) {
    run_.io.err << "\r\x1b[K" << std::flush;
    return;
  }
  ImportPlace place;
  {
    std::lock_guard g(mutex_);
    place = place_;
  }
  std::string bar;
  const auto at = file_.is_open() ? static_cast<std::int64_t>(file_.tellg()) : -1;
  if (place.size > 0 && at >= 0) {
    const std::size_t filled = static_cast<std::size_t>(at) * kBar / place.size;
    bar = fmt::format("[{:<{}}] {:>3}%  ", std::string(std::min(filled, kBar), '#'), kBar,
                      static_cast<std::size_t>(at) * 100 / place.size);
  }
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const auto rows = place.imported + place.rejected;
  const std::string line = fmt::format("import {}{} rows  {:.0f}/s  {} rejected", bar, rows,
                                       static_cast<double>(rows - before_) / std::max(seconds, 0.001), place.rejected);
  run_.io.err << '\r' << cut(line, 78) << "\x1b[K" << std::flush;
}

Outcome<void> ImportJob::report(bool interrupted) {
  const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  const std::uint64_t rows = place_.imported + place_.rejected + place_.unchecked;
  const bool dry = run_.settings.dryRun;
  const bool inFile = place_.rejected > 0 && !dry;
  std::string text;
  JsonWriter json(text);
  json.beginObject().field("rows", rows).field("imported", dry ? 0 : place_.imported).field("rejected", place_.rejected);
  json.field("line", place_.line).field("complete", place_.complete);
  json.key("seconds").raw(fmt::format("{:.3f}", seconds));
  json.key("rowsPerSecond").raw(fmt::format("{:.0f}", static_cast<double>(rows - before_) / std::max(seconds, 0.001)));
  json.field("rejects", inFile ? std::optional(visible(options_.rejects)) : std::nullopt);
  if (dry) json.field("dryRun", true).field("passed", place_.imported).field("unchecked", place_.unchecked);
  json.endObject();
  const auto result = parseJson(text);
  CHATD_ASSERT(result.ok());  // written by us just above
  CHATD_CHECK(run_.printer.one(dry ? kTried : kResult, text, *result));
  if (dry) {
    note(run_, fmt::format("{} would be sent and pass the server's checks, {} would be rejected, {} cannot be judged before "
                           "the users and rooms of earlier rows are there",
                           counted(place_.imported, "row"), place_.rejected, place_.unchecked));
  }
  const bool canResume = keepsPlace_ && !dry && !damaged_;
  const std::string resume =
      canResume ? fmt::format("Import it again with --resume: it goes on after line {}.", place_.line) : std::string();
  if (interrupted)
    return Failure{Exit::Interrupted, "interrupted", fmt::format("interrupted after line {}", place_.line), resume, {}};
  if (fatal_) {
    Failure failure = *fatal_;
    failure.message += fmt::format("\nthe import stopped after line {}", place_.line);
    if (!resume.empty()) failure.hint += (failure.hint.empty() ? "" : " ") + resume;
    return failure;
  }
  if (place_.rejected == 0) return {};
  return Failure{
      Exit::Partial,
      "partial",
      fmt::format("{} of {} {} rejected", place_.rejected, counted(rows, "row"), dry ? "would be" : "were"),
      dry ? "Nothing was changed." : fmt::format("They are in {}, with line, reason and row.", visible(options_.rejects)),
      {}};
}

/// All lines, through gunzip if the file is packed.
void ImportJob::readFile() {
  std::istream& in = options_.file == "-" ? run_.io.in : file_;
  // The first byte of gzip (RFC 1952) begins no JSON.
  if (!options_.gzip && in.peek() != 0x1F) return readLines(in, {});
  Gunzip content(in);
  std::istream unpacked(&content);
  readLines(unpacked, [&content] { return content.damaged(); });
  std::lock_guard g(mutex_);
  damaged_ = content.damaged();
  // No place helps: another file is another input.
  const char* const mend = "Get it again whole and import it without --resume: rows that are there stay as they are.";
  if (damaged_)
    stopAt(taken_ + 1, Failure{Exit::Invalid, "bad_file", "the compressed input is cut short or damaged", mend, {}});
}

Outcome<void> ImportJob::work() {
  CHATD_CHECK(open());
  CHATD_TRY(app, run_.client.appId());
  app_ = app;
  place_.server = run_.settings.server.text;
  place_.app = app ? fmt::format("{}", *app) : "";
  CHATD_CHECK(loadPlace());
  begun_ = saved_ = Clock::now();
  if (place_.complete) return report(false);
  CHATD_CHECK(openRejects());
  CHATD_CHECK(startWorkers());
  if (run_.io.deferInterrupt) run_.io.deferInterrupt();
  readFile();
  // Also after Ctrl-C: what is under way is finished and counted, so that the place is exact.
  drain(0);
  stopWorkers();
  showProgress(true);
  std::error_code ignored;
  if (madeRejects_ && !rejects_.is_open()) std::filesystem::remove(options_.rejects, ignored);
  const bool interrupted = run_.io.interrupted && run_.io.interrupted();
  // Kept also then: a script that repeats itself with --resume does nothing twice.
  place_.complete = !interrupted && !fatal_;
  savePlace(true);
  return report(interrupted);
}

}  // namespace chatd::cli

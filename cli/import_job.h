// ImportJob: rows of a file through several workers, with the place where it stopped kept beside the file. The reading
// thread is the one of run(); each worker has a thread, a client and a short queue of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "cli/command.h"
#include "cli/import_rows.h"
#include "cli/private_file.h"

namespace chatd::cli {

struct ImportOptions {
  std::string file;   ///< "-": the standard input
  bool gzip = false;  ///< also if the file says so itself by its first bytes
  bool resume = false;
  bool stopOnError = false;  ///< the first bad row ends the job
  std::size_t concurrency = 8;
  std::string rejects;  ///< the file of rejected rows; empty: one that is not there yet
};

/// Where an import has come to, in a file beside the input. Lines up to `line` are done and not done again.
struct ImportPlace {
  // What must be the same for the rest to mean anything.
  std::uint64_t size = 0;     ///< of the input
  std::int64_t modified = 0;  ///< when it was written, nanoseconds since 1970
  std::string server, app;    ///< as the settings name the one, the id of the other; empty: the credential names it

  std::uint64_t line = 0, imported = 0, rejected = 0;
  std::uint64_t unchecked = 0;  ///< of a dry run: rows that need what is not there yet
  bool complete = false;        ///< the whole file was read
};

/// How the result of an import looks.
[[nodiscard]] const View& importResult();

class ImportJob {
 public:
  ImportJob(Invocation& run, ImportOptions options);
  ~ImportJob();
  ImportJob(const ImportJob&) = delete;
  ImportJob& operator=(const ImportJob&) = delete;

  /// Errors: Exit::Usage (no such file), Exit::Partial (rows were rejected), Exit::Interrupted, and what made it stop.
  [[nodiscard]] Outcome<void> work();

 private:
  struct Worker;

  [[nodiscard]] Outcome<void> open();
  [[nodiscard]] Outcome<void> loadPlace();
  [[nodiscard]] Outcome<void> openRejects();
  [[nodiscard]] Outcome<void> startWorkers();
  void readFile();
  /// `cut`: asked behind the last line; true: it is a half one.
  void readLines(std::istream& in, const std::function<bool()>& cut);
  void hand(ImportRow row);
  void finished(const ImportRow& row, Outcome<void> outcome);
  void reject(std::uint64_t line, const std::string& text, const Failure& why);
  void writeReject(std::uint64_t line, const std::string& text, const Failure& why);
  enum class End { Imported, Rejected, Blank, Unchecked };
  void stopAt(std::uint64_t line, Failure why);
  [[nodiscard]] bool skipped(std::uint64_t line) const { return fatal_ && line >= stopLine_; }
  bool needsEarlier(const ImportRow& row);
  void settle(std::uint64_t line, End end);
  void drain(std::uint64_t own);
  void stopWorkers();
  [[nodiscard]] bool stopping();
  void savePlace(bool force);
  void showProgress(bool last);
  [[nodiscard]] Outcome<void> report(bool interrupted);
  [[nodiscard]] std::string placePath() const { return options_.file + ".chatctl-resume"; }

  Invocation& run_;
  ImportOptions options_;
  bool keepsPlace_ = true;    ///< it can be read again
  bool madeRejects_ = false;  ///< the file of rejects has a name of ours
  Settings settings_;         // of the workers' clients: with retries
  FileLock lock_;             // of the file: its place and its rejects have one name
  std::ifstream file_;
  std::optional<std::int64_t> app_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t next_ = 0;  // worker that gets the next row
  std::optional<RowKind> kind_;

  // Of several threads.
  std::mutex mutex_;
  std::condition_variable settled_;
  std::uint64_t taken_ = 0;              // lines read
  std::set<std::uint64_t> underWay_;     // lines handed out and not settled
  std::map<std::uint64_t, End> beyond_;  // settled lines above the place
  ImportPlace place_;
  std::optional<Failure> fatal_;
  bool damaged_ = false;        // the input: another run of it would end there again
  std::uint64_t stopLine_ = 0;  // with fatal_: lines before it are still to be done, those from it on are not
  std::size_t told_ = 0;        // rejected rows that a dry run has named
  std::ofstream rejects_;

  // Of the reading thread.
  std::unordered_set<std::string> coming_;  // in a dry run: users and rooms of earlier rows, which are not there
  std::uint64_t before_ = 0;                // rows of earlier runs
  std::uint64_t resumeAfter_ = 0;           // lines of earlier runs
  std::chrono::steady_clock::time_point begun_, saved_, shown_;
};

}  // namespace chatd::cli

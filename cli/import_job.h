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
#include <vector>

#include "cli/command.h"
#include "cli/import_rows.h"

namespace chatd::cli {

struct ImportOptions {
  std::string file;   ///< "-": the standard input
  bool gzip = false;  ///< also if the file says so itself by its first bytes
  bool resume = false;
  bool stopOnError = false;  ///< the first bad row ends the job
  std::size_t concurrency = 8;
  std::string rejects;  ///< the file of rejected rows
};

/// Where an import has come to, in a file beside the input. Lines up to `line` are done and not done again.
struct ImportPlace {
  std::uint64_t size = 0;  ///< of the input: another size is another file
  std::uint64_t line = 0, imported = 0, rejected = 0;
};

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
  void readLines(std::istream& in);
  void hand(ImportRow row);
  void finished(const ImportRow& row, Outcome<void> outcome);
  void reject(std::uint64_t line, const std::string& text, const Failure& why);
  enum class End { Imported, Rejected, Blank };
  void settle(std::uint64_t line, End end);
  void drain(std::uint64_t own);
  void stopWorkers();
  [[nodiscard]] bool stopping();
  void savePlace(bool force);
  void showProgress(bool last);
  [[nodiscard]] Outcome<void> report(bool interrupted);
  [[nodiscard]] std::string placePath() const { return options_.file + ".chatctl-resume"; }

  Invocation& run_;
  const ImportOptions options_;
  Settings settings_;  // of the workers' clients: with retries
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
  std::ofstream rejects_;

  // Of the reading thread.
  std::uint64_t before_ = 0;       // rows of earlier runs
  std::uint64_t resumeAfter_ = 0;  // lines of earlier runs
  std::chrono::steady_clock::time_point begun_, saved_, shown_;
};

}  // namespace chatd::cli

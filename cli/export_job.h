// ExportJob: the users, rooms, messages and bans of one app as lines of JSON, in the order in which an import can take them.
// Written to a neighbour of the file, with the place where it stopped beside that, so that a broken export can go on. The
// writing thread is the one of run(); rooms and messages are fetched by several threads, each with a client of its own.
#pragma once

#include <Poco/DeflatingStream.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/in_order.h"
#include "cli/private_file.h"

namespace chatd::cli {

struct ExportOptions {
  std::optional<std::string> file;  ///< nothing: the standard output
  bool gzip = false;
  bool messages = false;
  bool resume = false;
  bool stopOnError = false;  ///< what cannot be read ends the job; else it is left out and told
  std::size_t concurrency = 4;
};

/// Where an export has come to. What is counted here is in the first `bytes` of the file; ids rise in every list.
struct ExportPlace {
  std::uint64_t bytes = 0, rows = 0, leftOut = 0;
  std::int64_t user = 0, room = 0;         ///< ids of the last ones written
  std::int64_t roomDone = 0;               ///< id of the last room whose messages are all written
  std::int64_t roomUnderWay = 0, seq = 0;  ///< id of the one whose messages are written up to this seq
};

class ExportJob {
 public:
  ExportJob(Invocation& run, ExportOptions options);
  ExportJob(const ExportJob&) = delete;
  ExportJob& operator=(const ExportJob&) = delete;

  /// Errors: Exit::Usage (a file that cannot be written, another place), Exit::Partial (some was left out),
  /// Exit::Interrupted, and what made it stop.
  [[nodiscard]] Outcome<void> work();

 private:
  using Room = std::pair<std::int64_t, std::string>;  // id and name

  [[nodiscard]] Outcome<void> loadPlace();
  [[nodiscard]] Outcome<void> openFile();
  [[nodiscard]] Outcome<void> rows();
  [[nodiscard]] Outcome<void> users();
  [[nodiscard]] Outcome<void> userRow(const JsonValue& user, std::string& lines, std::uint64_t& count);
  [[nodiscard]] Outcome<void> rooms();
  [[nodiscard]] Outcome<void> pageOfRooms(const std::vector<const JsonValue*>& page);
  [[nodiscard]] Outcome<void> messages();
  [[nodiscard]] Outcome<void> messagesOf(AdminClient& client, const Room& room, std::int64_t after,
                                         const std::function<bool(Part)>& give) const;
  [[nodiscard]] Outcome<void> messageRow(const JsonValue& message, const std::string& room, Part& part) const;
  [[nodiscard]] Outcome<void> leaveOut(const std::string& what, const Failure& why);
  [[nodiscard]] Outcome<void> write(const std::string& lines, std::uint64_t count);
  [[nodiscard]] Outcome<void> wrote();
  [[nodiscard]] Outcome<void> endMember();
  [[nodiscard]] Outcome<void> savePlace();
  [[nodiscard]] Outcome<void> finish(Outcome<void> outcome);
  void showProgress(bool last);
  [[nodiscard]] std::string partPath() const { return *options_.file + ".part"; }
  [[nodiscard]] std::string placePath() const { return partPath() + ".chatctl-resume"; }
  [[nodiscard]] std::string identity() const;

  Invocation& run_;
  ExportOptions options_;
  Settings settings_;  // of the threads' clients: with retries
  Query app_;
  std::vector<std::unique_ptr<AdminClient>> clients_;  // one a thread
  FileLock lock_;                                      // of the part
  std::ofstream file_;
  std::ostream* out_;
  std::optional<Poco::DeflatingOutputStream> member_;  // of gzip (RFC 1952), which may have several
  ExportPlace place_;
  std::map<std::int64_t, std::string> names_;  // user id → appUserId as JSON
  std::vector<Room> rooms_;                    // for the messages
  std::string bans_;                           // rows, for the end
  std::uint64_t banRows_ = 0;
  std::uint64_t before_ = 0;  // rows of earlier runs
  std::chrono::steady_clock::time_point begun_, saved_, shown_;
};

}  // namespace chatd::cli

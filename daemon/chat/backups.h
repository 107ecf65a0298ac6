// Port: backups of the whole store, made while it is in use. Implemented by store/. One job runs at a time, on a thread of
// its own; what it does is asked for by name. Every call may look at files: worker threads only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace chatd {

struct BackupStatus {
  enum class State : std::uint8_t {
    Creating,
    Verifying,
    Stored,    ///< whole; not verified since this daemon began
    Verified,  ///< made or verified by this daemon, and found good
    Failed,    ///< the last job on it failed: `error` says why
  };
  std::string name;
  State state = State::Stored;
  int percent = 100;       ///< of the job under way
  std::int64_t bytes = 0;  ///< of the file; 0 until it is there
  std::optional<std::string> error;
  Timestamp createdAt{};
};

class Backups {
 public:
  virtual ~Backups() = default;

  /// Starts one; nothing: a name by the time. Errors: Invalid ("name"), AlreadyExists, Conflict (another job runs, or the
  /// database is one in memory), Restarting, StoreUnavailable (the folder cannot be used).
  virtual Result<BackupStatus> create(const std::optional<std::string>& name) = 0;
  /// Starts a check of every row and sum. Errors: NotFound, Conflict, Restarting.
  virtual Result<BackupStatus> verify(const std::string& name) = 0;
  /// By name. Errors: StoreUnavailable.
  virtual Result<std::vector<BackupStatus>> list() = 0;
  /// Errors: NotFound.
  virtual Result<BackupStatus> status(const std::string& name) = 0;
  /// Errors: NotFound, Conflict (a job works on it).
  virtual Result<void> remove(const std::string& name) = 0;
};

}  // namespace chatd

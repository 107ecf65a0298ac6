// StoreBackups: the Backups port: files in one folder, and one job at a time on a thread of its own, so that neither the
// commit thread nor a worker waits for a disk. Owned by Store. Thread: any; blocks for the time of looking into a folder.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "chat/backups.h"

namespace chatd::store {

class Dialect;

struct BackupOptions {
  std::filesystem::path folder;  ///< made when first needed, mode 0700
  std::string version;
  std::string serverKey;
};

class StoreBackups final : public Backups {
 public:
  StoreBackups(BackupOptions options, Dialect& dialect, const Clock& clock)
      : options_(std::move(options)), dialect_(dialect), clock_(clock) {}
  /// Stops.
  ~StoreBackups() override;

  Result<BackupStatus> create(const std::optional<std::string>& name) override;
  Result<BackupStatus> verify(const std::string& name) override;
  Result<std::vector<BackupStatus>> list() override;
  Result<BackupStatus> status(const std::string& name) override;
  Result<void> remove(const std::string& name) override;

  /// Ends the job under way, which leaves nothing behind. Takes no other.
  void stop();

 private:
  struct Outcome {  // of the last job on a name
    BackupStatus::State state = BackupStatus::State::Stored;
    std::optional<std::string> error;
  };
  using Work = std::function<Result<void>(const std::function<bool(int)>& percent)>;

  [[nodiscard]] std::filesystem::path pathOf(const std::string& name) const { return options_.folder / name; }
  [[nodiscard]] Result<void> ready() CHATD_REQUIRES(mutex_);
  Result<BackupStatus> start(const std::string& name, BackupStatus::State state, Work work) CHATD_REQUIRES(mutex_);
  void run(const std::string& name, const Work& work);
  [[nodiscard]] BackupStatus statusOf(const std::string& name) CHATD_REQUIRES(mutex_);
  Result<void> write(const std::string& name, const std::function<bool(int)>& percent);

  const BackupOptions options_;
  Dialect& dialect_;
  const Clock& clock_;

  Mutex mutex_;
  bool stopping_ CHATD_GUARDED_BY(mutex_) = false;
  std::string running_ CHATD_GUARDED_BY(mutex_);  // name that the job works on; empty: none
  std::map<std::string, Outcome> outcomes_ CHATD_GUARDED_BY(mutex_);
  std::thread thread_ CHATD_GUARDED_BY(mutex_);
  std::atomic<int> percent_{0};
  std::atomic<bool> cancel_{false};
};

}  // namespace chatd::store

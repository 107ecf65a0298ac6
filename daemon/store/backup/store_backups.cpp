#include "store/backup/store_backups.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <Poco/Exception.h>

#include <algorithm>
#include <chrono>

#include "store/backup/backup_file.h"
#include "store/backup/plain_file.h"
#include "store/copy/rows.h"
#include "store/dialect.h"

namespace chatd::store {

namespace {

using State = BackupStatus::State;

constexpr std::size_t kLongestName = 100;
constexpr std::string_view kPart = ".part";
// How many outcomes of jobs are remembered; the files of forgotten ones are Stored.
constexpr std::size_t kOutcomes = 1000;

/// A plain file name that is not hidden: it can neither leave the folder nor be one of ours that is not whole.
bool isName(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::string nameOf(Timestamp now) {
  std::string name = "chatd-";
  for (const char c : toRfc3339(now)) {
    if (c != '-' && c != ':' && c != '.') name += c;
  }
  return name + ".backup";
}

Timestamp changedAt(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return fromMicros(status.st_mtim.tv_sec * 1'000'000 + status.st_mtim.tv_nsec / 1000);
}

Error unusable(const std::filesystem::path& folder, const std::string& why) {
  return {Code::StoreUnavailable, fmt::format("The backup folder {} cannot be used: {}.", folder.string(), why)};
}

}  // namespace

StoreBackups::~StoreBackups() { stop(); }

void StoreBackups::stop() {
  cancel_.store(true);
  std::thread last;
  {
    LockGuard g(mutex_);
    stopping_ = true;
    last.swap(thread_);
  }
  if (last.joinable()) last.join();
}

Result<void> StoreBackups::ready() {
  if (stopping_) return Code::Restarting;
  if (!running_.empty()) return Error(Code::Conflict, fmt::format("A job works on the backup {}.", running_));
  return {};
}

Result<BackupStatus> StoreBackups::create(const std::optional<std::string>& wanted) {
  if (wanted && !isName(*wanted)) {
    return Error::field("name", "must be 1 to 100 of A-Z a-z 0-9 . _ - and not begin with a dot");
  }
  if (dialect_.readersShareWriter()) {
    return Error(Code::Conflict, "A database in memory has no backups.");
  }
  const std::string name = wanted ? *wanted : nameOf(clock_.wall());
  LockGuard g(mutex_);
  CHATD_CHECK(ready());
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (error) return unusable(options_.folder, error.message());
  ::chmod(options_.folder.c_str(), 0700);
  if (std::filesystem::exists(pathOf(name), error)) {
    return Error(Code::AlreadyExists, fmt::format("There is a backup {}.", name));
  }
  return start(name, State::Creating, [this, name](const auto& percent) { return write(name, percent); });
}

Result<BackupStatus> StoreBackups::verify(const std::string& name) {
  if (!isName(name)) return Code::NotFound;
  LockGuard g(mutex_);
  CHATD_CHECK(ready());
  std::error_code error;
  if (!std::filesystem::is_regular_file(pathOf(name), error)) return Code::NotFound;
  return start(name, State::Verifying, [file = pathOf(name)](const auto& percent) -> Result<void> {
    CHATD_CHECK(verifyBackup(file, percent));
    return {};
  });
}

Result<BackupStatus> StoreBackups::start(const std::string& name, State state, Work work) {
  if (thread_.joinable()) thread_.join();  // it has said that it is done
  if (outcomes_.size() >= kOutcomes) outcomes_.erase(outcomes_.begin());
  outcomes_[name] = {state, std::nullopt};
  running_ = name;
  percent_.store(0);
  thread_ = std::thread([this, name, work = std::move(work)] { run(name, work); });
  return statusOf(name);
}

// Thread: the job's.
void StoreBackups::run(const std::string& name, const Work& work) {
  const auto outcome = work([this](int percent) {
    percent_.store(percent, std::memory_order_relaxed);
    return !cancel_.load(std::memory_order_relaxed);
  });
  LockGuard g(mutex_);
  running_.clear();
  outcomes_[name] = outcome.ok() ? Outcome{State::Verified, std::nullopt} : Outcome{State::Failed, outcome.error().detail()};
}

Result<void> StoreBackups::write(const std::string& name, const std::function<bool(int)>& percent) {
  const std::filesystem::path part = options_.folder / ("." + name + std::string(kPart));
  std::string fault;
  try {
    std::filesystem::remove(part);  // of a daemon that was killed
    writeBackup(dialect_, part, {options_.version, options_.serverKey, clock_.wall()}, percent);
    keepFile(part, pathOf(name));
    return {};
  } catch (const Poco::Exception& e) {
    fault = e.displayText();
  } catch (const std::exception& e) {
    fault = e.what();
  }
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  return Error(Code::StoreUnavailable, fault);
}

Result<std::vector<BackupStatus>> StoreBackups::list() {
  LockGuard g(mutex_);
  std::vector<BackupStatus> found;
  std::error_code error;
  if (!std::filesystem::exists(options_.folder, error)) return found;
  for (auto it = std::filesystem::directory_iterator(options_.folder, error); !error && it != decltype(it)();
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (isName(name) && name != running_ && it->is_regular_file(error)) found.push_back(statusOf(name));
  }
  if (error) return unusable(options_.folder, error.message());
  if (!running_.empty()) found.push_back(statusOf(running_));
  std::sort(found.begin(), found.end(), [](const BackupStatus& a, const BackupStatus& b) { return a.name < b.name; });
  return found;
}

Result<BackupStatus> StoreBackups::status(const std::string& name) {
  LockGuard g(mutex_);
  std::error_code error;
  const bool known = outcomes_.contains(name);
  if (!isName(name) || (!known && !std::filesystem::is_regular_file(pathOf(name), error))) return Code::NotFound;
  return statusOf(name);
}

BackupStatus StoreBackups::statusOf(const std::string& name) {
  BackupStatus status;
  status.name = name;
  if (const auto it = outcomes_.find(name); it != outcomes_.end()) {
    status.state = it->second.state;
    status.error = it->second.error;
  }
  if (name == running_) status.percent = std::min(99, percent_.load(std::memory_order_relaxed));
  std::error_code error;
  const auto bytes = std::filesystem::file_size(pathOf(name), error);
  status.bytes = error ? 0 : static_cast<std::int64_t>(bytes);
  status.createdAt = error ? clock_.wall() : changedAt(pathOf(name));
  return status;
}

Result<void> StoreBackups::remove(const std::string& name) {
  if (!isName(name)) return Code::NotFound;
  LockGuard g(mutex_);
  if (name == running_) return Error(Code::Conflict, fmt::format("A job works on the backup {}.", name));
  const bool known = outcomes_.erase(name) > 0;
  std::error_code error;
  if (!std::filesystem::remove(pathOf(name), error) && !known) return Code::NotFound;
  if (error) return unusable(options_.folder, error.message());
  return {};
}

}  // namespace chatd::store

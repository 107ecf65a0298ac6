// A dialect that fails when it is told to, around a real one: the store above it is the whole store. Also how a test holds
// the commit thread, so that what it sends meets in one batch.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "store/batch_writer.h"
#include "store/connection.h"
#include "store/dialect.h"

namespace chatd::test {

/// What FaultyDialect throws; it judges itself.
struct InjectedFault : std::runtime_error {
  explicit InjectedFault(store::FaultKind k) : std::runtime_error("injected fault"), kind(k) {}
  store::FaultKind kind;
};

/// Shared by the test and the dialect. Thread: any.
class Faults {
 public:
  /// The next `count` commits fail so. `stored`: after they have been made (the answer is lost, the rows are not).
  void failCommits(int count, store::FaultKind kind, bool stored = false) {
    LockGuard g(mutex_);
    commits_ = count;
    kind_ = kind;
    stored_ = stored;
  }
  /// An append of this text breaks a rule of the database.
  void blame(std::string text) {
    LockGuard g(mutex_);
    guilty_ = std::move(text);
  }
  /// More than so many rows at once do not get done in time, whether they were stored or not; 0: any number does.
  void tooManyAt(std::size_t rows) {
    LockGuard g(mutex_);
    tooMany_ = rows;
  }
  /// Runs a constant statement on the writing connection before its next transaction, a pragma that narrows the disk, say.
  void runNext(const char* sql) {
    LockGuard g(mutex_);
    sql_ = sql;
  }
  [[nodiscard]] const char* takeSql() {
    LockGuard g(mutex_);
    return std::exchange(sql_, nullptr);
  }
  /// The commit thread waits before its next transaction until release().
  void hold() {
    LockGuard g(mutex_);
    held_ = true;
  }
  void release() {
    {
      LockGuard g(mutex_);
      held_ = false;
    }
    released_.notifyAll();
  }

  void beforeBegin() {
    UniqueLock lock(mutex_);
    while (held_) released_.wait(lock);
  }
  /// `commit` is called unless the fault comes before it.
  template <class F>
  void atCommit(F&& commit) {
    bool fail = false;
    bool stored = false;
    store::FaultKind kind{};
    {
      LockGuard g(mutex_);
      fail = commits_ > 0;
      if (fail) --commits_;
      stored = stored_;
      kind = kind_;
    }
    if (!fail || stored) commit();
    if (fail) throw InjectedFault(kind);
  }
  void check(std::span<store::LogItem> items) {
    LockGuard g(mutex_);
    if (tooMany_ != 0 && items.size() >= tooMany_) throw InjectedFault(store::FaultKind::Unknown);
    if (guilty_.empty()) return;
    for (const store::LogItem& item : items) {
      const auto* append = std::get_if<Append>(&item.request);
      if (append != nullptr && append->text == guilty_) throw InjectedFault(store::FaultKind::Constraint);
    }
  }

 private:
  Mutex mutex_;
  Condition released_;
  bool held_ CHATD_GUARDED_BY(mutex_) = false;
  int commits_ CHATD_GUARDED_BY(mutex_) = 0;
  bool stored_ CHATD_GUARDED_BY(mutex_) = false;
  store::FaultKind kind_ CHATD_GUARDED_BY(mutex_) = store::FaultKind::NothingStored;
  std::size_t tooMany_ CHATD_GUARDED_BY(mutex_) = 0;
  const char* sql_ CHATD_GUARDED_BY(mutex_) = nullptr;
  std::string guilty_ CHATD_GUARDED_BY(mutex_);
};

class FaultyBatchWriter final : public store::BatchWriter {
 public:
  /// `alone`: its writes are transactions of their own.
  FaultyBatchWriter(std::unique_ptr<store::BatchWriter> inner, std::shared_ptr<Faults> faults, store::Connection& connection,
                    bool alone)
      : inner_(std::move(inner)), faults_(std::move(faults)), connection_(connection), alone_(alone) {}
  void write(std::span<store::LogItem> items, std::chrono::milliseconds wait) override {
    faults_->check(items);
    if (!alone_) return inner_->write(items, wait);
    faults_->beforeBegin();
    if (const char* sql = faults_->takeSql()) connection_.execute(sql);
    faults_->atCommit([&] { inner_->write(items, wait); });
  }
  void committed() override { inner_->committed(); }
  void rolledBack() override { inner_->rolledBack(); }

 private:
  std::unique_ptr<store::BatchWriter> inner_;
  std::shared_ptr<Faults> faults_;
  store::Connection& connection_;
  const bool alone_;
};

class FaultyDialect final : public store::Dialect {
 public:
  FaultyDialect(std::unique_ptr<store::Dialect> inner, std::shared_ptr<Faults> faults)
      : inner_(std::move(inner)), faults_(std::move(faults)) {}

  std::string shown() const override { return inner_->shown(); }
  Result<void> claim() override { return inner_->claim(); }
  void release() override { inner_->release(); }
  std::unique_ptr<store::Dialect> another(std::size_t number) const override {
    auto inner = inner_->another(number);
    return inner ? std::make_unique<FaultyDialect>(std::move(inner), faults_) : nullptr;
  }
  std::unique_ptr<store::Connection> connectWriter(Time until) override { return inner_->connectWriter(until); }
  std::unique_ptr<store::BatchWriter> batchWriter(store::Connection& c) override {
    return std::make_unique<FaultyBatchWriter>(inner_->batchWriter(c), faults_, c, inner_->batchesCommitThemselves());
  }
  std::unique_ptr<store::Connection> connectReader(Time until) override { return inner_->connectReader(until); }
  bool exclusive() const override { return inner_->exclusive(); }
  bool readersShareWriter() const override { return inner_->readersShareWriter(); }
  bool batchesCommitThemselves() const override { return inner_->batchesCommitThemselves(); }
  void begin(store::Connection& c) override {
    faults_->beforeBegin();
    if (const char* sql = faults_->takeSql()) c.execute(sql);
    inner_->begin(c);
  }
  void commit(store::Connection& c) override {
    faults_->atCommit([&] { inner_->commit(c); });
  }
  void rollback(store::Connection& c) override { inner_->rollback(c); }
  std::string mark() const override { return inner_->mark(); }
  std::optional<bool> committed(store::Connection& c, const std::string& mark) override {
    return inner_->committed(c, mark);
  }
  bool lockSchema(store::Connection& c) override { return inner_->lockSchema(c); }
  const std::vector<store::Migration>& migrations() const override { return inner_->migrations(); }
  void runScript(store::Connection& c, const std::string& sql) override { inner_->runScript(c, sql); }
  bool copyToFile(store::Connection& reader, const std::filesystem::path& file,
                  const std::function<bool(int)>& progress) override {
    return inner_->copyToFile(reader, file, progress);
  }
  const store::CopySql& copySql() const override { return inner_->copySql(); }
  std::string wordsOf(const std::exception& e) const override { return inner_->wordsOf(e); }
  store::Fault judge(store::Connection& c, const std::exception& e, bool committing) const override {
    if (const auto* injected = dynamic_cast<const InjectedFault*>(&e)) return {injected->kind, injected->what()};
    return inner_->judge(c, e, committing);
  }
  bool tend(store::Connection& c, bool idle) override { return inner_->tend(c, idle); }

 private:
  std::unique_ptr<store::Dialect> inner_;
  std::shared_ptr<Faults> faults_;
};

}  // namespace chatd::test

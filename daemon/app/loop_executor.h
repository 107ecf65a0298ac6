// LoopExecutor: the domain's Executor on net's event loops and worker pool. Owned by Daemon. Thread: any.
#pragma once

#include "chat/executor.h"
#include "net/server.h"
#include "net/worker_pool.h"

namespace chatd {

class LoopExecutor final : public Executor {
 public:
  /// Before the server is started: the loops learn their number from their first letter.
  LoopExecutor(net::Server& server, net::WorkerPool& workers);

  [[nodiscard]] std::size_t loops() const override { return server_.loopCount(); }
  [[nodiscard]] std::size_t here() const override { return here_; }
  [[nodiscard]] bool post(std::size_t loop, Mail mail, Task task) override {
    return server_.loop(loop).post(mail, std::move(task));
  }
  void after(std::size_t loop, std::chrono::milliseconds delay, Task task) override {
    CHATD_ASSERT(here_ == loop);
    server_.loop(loop).after(delay, std::move(task));
  }
  void atTurnEnd(std::size_t loop, Task task) override {
    CHATD_ASSERT(here_ == loop);
    server_.loop(loop).defer(std::move(task));
  }
  [[nodiscard]] Offer work(AppId app, Task task) override { return workers_.submit(app, std::move(task)); }

 private:
  static thread_local std::size_t here_;
  net::Server& server_;
  net::WorkerPool& workers_;
};

}  // namespace chatd

#include "app/loop_executor.h"

#include "base/assert.h"

namespace chatd {

thread_local std::size_t LoopExecutor::here_ = Executor::kNoLoop;

LoopExecutor::LoopExecutor(net::Server& server, net::WorkerPool& workers) : server_(server), workers_(workers) {
  for (std::size_t i = 0; i < server.loopCount(); ++i) {
    CHATD_ASSERT(server.loop(i).post(Mail::Completion, [i] { here_ = i; }));
  }
}

}  // namespace chatd

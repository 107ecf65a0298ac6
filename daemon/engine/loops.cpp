#include "engine/loops.h"

#include "base/assert.h"
#include "net/server.h"

namespace chatd::engine {

namespace {

net::EventLoop& loopOfThisThread() {
  net::EventLoop* loop = net::EventLoop::ofThisThread();
  CHATD_ASSERT(loop != nullptr);
  return *loop;
}

}  // namespace

std::size_t ServerLoops::count() const { return server_.loopCount(); }

std::size_t ServerLoops::here() const {
  const net::EventLoop* loop = net::EventLoop::ofThisThread();
  return loop == nullptr ? kNoLoop : loop->index();
}

bool ServerLoops::post(std::size_t loop, Mail mail, Task task) { return server_.loop(loop).post(mail, std::move(task)); }

void ServerLoops::atTurnEnd(Task task) { loopOfThisThread().defer(std::move(task)); }

Steady ServerLoops::now() const { return loopOfThisThread().now(); }

void ServerLoops::arm(net::Timer& timer, std::chrono::milliseconds delay) { loopOfThisThread().arm(timer, delay); }

net::EventLoop* ServerLoops::loop(std::size_t index) { return &server_.loop(index); }

}  // namespace chatd::engine

// Loops: where sessions live, as a port, so that tests can step them. ServerLoops: the loops of a server. Thread: any,
// unless said otherwise.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/task.h"
#include "chat/executor.h"
#include "net/timer_wheel.h"

namespace chatd::net {
class EventLoop;
class Server;
}  // namespace chatd::net

namespace chatd::engine {

class Loops {
 public:
  virtual ~Loops() = default;
  static constexpr std::size_t kNoLoop = Executor::kNoLoop;

  [[nodiscard]] virtual std::size_t count() const = 0;
  /// The loop that this thread is, or kNoLoop.
  [[nodiscard]] virtual std::size_t here() const = 0;
  /// As EventLoop::post().
  [[nodiscard]] virtual bool post(std::size_t loop, Mail mail, Task task) = 0;
  /// At the end of this turn of this loop. Thread: a loop.
  virtual void atTurnEnd(Task task) = 0;
  /// Steady time of this turn. Thread: a loop.
  [[nodiscard]] virtual Steady now() const = 0;
  /// On this loop. Thread: a loop.
  virtual void arm(net::Timer& timer, std::chrono::milliseconds delay) = 0;
  /// For connections that must live on it.
  [[nodiscard]] virtual net::EventLoop* loop(std::size_t index) = 0;
};

class ServerLoops final : public Loops {
 public:
  explicit ServerLoops(net::Server& server) : server_(server) {}

  [[nodiscard]] std::size_t count() const override;
  [[nodiscard]] std::size_t here() const override;
  [[nodiscard]] bool post(std::size_t loop, Mail mail, Task task) override;
  void atTurnEnd(Task task) override;
  [[nodiscard]] Steady now() const override;
  void arm(net::Timer& timer, std::chrono::milliseconds delay) override;
  [[nodiscard]] net::EventLoop* loop(std::size_t index) override;

 private:
  net::Server& server_;
};

}  // namespace chatd::engine

// Port: where domain code runs. Implemented by app/ on net's event loops and worker pool.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/ids.h"
#include "base/queue.h"
#include "base/task.h"

namespace chatd {

/// The class of a letter to a loop decides what happens when its mailbox is full.
enum class Mail : std::uint8_t {
  Request,     ///< may be refused: the sender answers `busy`
  Completion,  ///< never refused: its place was reserved when the work was admitted
  Event,       ///< may be refused: the receiver is then lagging and refills by cursor
};

class Executor {
 public:
  virtual ~Executor() = default;
  static constexpr std::size_t kNoLoop = static_cast<std::size_t>(-1);

  [[nodiscard]] virtual std::size_t loops() const = 0;
  /// The loop that this thread is, or kNoLoop.
  [[nodiscard]] virtual std::size_t here() const = 0;
  /// Runs `task` on loop `loop`, in the order of posting from one thread. False: refused (never for Completion until the
  /// loop has stopped). Thread: any.
  [[nodiscard]] virtual bool post(std::size_t loop, Mail mail, Task task) = 0;
  /// Runs `task` on this loop after `delay`, with 1 ms resolution. Thread: that loop.
  virtual void after(std::size_t loop, std::chrono::milliseconds delay, Task task) = 0;
  /// Runs `task` on this loop at the end of its turn. Thread: that loop.
  virtual void atTurnEnd(std::size_t loop, Task task) = 0;
  /// Runs `task` on a worker thread, where it may block. Full: the pool or the app's share of it is.
  [[nodiscard]] virtual Offer work(AppId app, Task task) = 0;
};

}  // namespace chatd

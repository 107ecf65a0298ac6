// EventLoop: one thread, one epoll, one mailbox, one timer wheel, one read buffer. Nothing that runs on it may block.
// A turn: letters, timers, sockets that are ready, deferred work, then one writev for every connection with output.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "base/task.h"
#include "chat/executor.h"
#include "net/fd.h"
#include "net/loop_stats.h"
#include "net/mailbox.h"
#include "net/timer_wheel.h"

namespace chatd::net {

class SocketConnection;
class StreamHandler;

struct LoopOptions {
  std::size_t mailboxRequests = 65'536;  ///< letters of class Request that may wait
  std::size_t mailboxEvents = 65'536;    ///< of class Event
};

/// What epoll reports to: a connection or a listening socket. Stays alive until the end of the turn in which it is
/// unwatched.
class Watched {
 public:
  /// `events`: of epoll(7).
  virtual void ready(std::uint32_t events) = 0;

 protected:
  ~Watched() = default;
};

class EventLoop {
 public:
  EventLoop(std::size_t index, const LoopOptions& options);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs until stop(). Letters of class Completion that wait then are still run, all others are destroyed unrun, as are
  /// timers and deferred tasks. Called once. Thread: the loop's own.
  void run();
  /// Ends run() after the turn under way; connections left are reset. Thread: any.
  void stop();

  /// Runs `task` on this loop, in the order of posting from one thread (also from its own). False: the class is full, or the
  /// loop has stopped; the task is destroyed. Completion is never full. Thread: any.
  [[nodiscard]] bool post(Mail mail, Task task);

  /// Runs `task` at the end of this turn, before the output is flushed; deferred by a deferred task: at the end of the next
  /// turn, which then follows without a wait. Thread: this loop.
  void defer(Task task);

  /// Arms (again) a timer; it never runs before `delay` has passed. Thread: this loop.
  void arm(Timer& timer, std::chrono::milliseconds delay);
  /// One-shot, allocates. Thread: this loop.
  void after(std::chrono::milliseconds delay, Task task);

  /// Steady time at the start of this turn; cheap. Thread: this loop.
  [[nodiscard]] Steady now() const { return now_; }
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] bool onThread() const;
  /// The loop that this thread runs, or nullptr. Thread: any.
  [[nodiscard]] static EventLoop* ofThisThread();
  /// Open connections, and those on their way to this loop. Thread: any.
  [[nodiscard]] std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }
  /// Thread: any.
  [[nodiscard]] const LoopStats& stats() const { return stats_; }

  // For sockets of this folder. Thread: this loop, if not said otherwise.

  /// The mailbox whose loop runs on this thread, or nullptr. Thread: any.
  [[nodiscard]] static const Mailbox* mailboxOfThisThread();
  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  /// Counts a connection that is on its way, so that the acceptor's choice is right before it arrives. Thread: any.
  void expectConnection() { connections_.fetch_add(1, std::memory_order_relaxed); }
  void forgetConnection() { connections_.fetch_sub(1, std::memory_order_relaxed); }

  /// False: the system refused (out of memory or of watches).
  [[nodiscard]] bool watch(int fd, std::uint32_t events, Watched& who);
  void rewatch(int fd, std::uint32_t events, Watched& who);
  void unwatch(int fd);

  /// Takes over a connection, which expectConnection() has counted.
  void add(std::unique_ptr<SocketConnection> connection);
  /// Its flush() is called at the end of this turn.
  void markDirty(SocketConnection& connection) { dirty_.push_back(&connection); }
  /// Its deliverAgain() is called in the next turn.
  void markAgain(SocketConnection& connection) { again_.push_back(&connection); }
  /// Its bury() is called at the very end of this turn, then it is destroyed.
  void markDying(SocketConnection& connection) { dying_.push_back(&connection); }
  /// May a TLS handshake go on in this turn? Signing takes up to a millisecond, so a rush of new clients would otherwise
  /// hold up everybody who is in already. If not: what waits in the socket is reported again in the next turn.
  [[nodiscard]] bool mayHandshake() { return handshakes_++ < kHandshakesPerTurn; }
  /// Destroys a handler at the end of this turn, when none of its calls is on the stack.
  void retire(std::unique_ptr<StreamHandler> handler);
  /// Shared by all connections of the loop: what is in it does not outlive the call that read it.
  [[nodiscard]] std::span<char> readBuffer() { return readBuffer_; }
  [[nodiscard]] LoopStats& counters() { return stats_; }

 private:
  struct OneShot;
  static constexpr int kEventsPerTurn = 512;
  static constexpr unsigned kHandshakesPerTurn = 4;

  void turn();
  [[nodiscard]] int waitTime();
  void runLetters();
  void runDeferred();
  void flush();
  void bury();
  void shutDown();

  const std::size_t index_;
  const std::shared_ptr<Mailbox> mailbox_;
  const Descriptor epoll_;
  std::vector<char> readBuffer_;
  LoopStats stats_;
  unsigned handshakes_ = 0;  ///< steps of TLS handshakes in this turn
  std::atomic<std::size_t> connections_{0};

  Steady now_;
  TimerWheel wheel_;
  std::list<OneShot> oneShots_;
  std::vector<Letter> letters_;
  std::vector<Task> deferred_;
  std::vector<Task> deferredNow_;

  SocketConnection* first_ = nullptr;  ///< all connections, linked through themselves
  std::vector<SocketConnection*> dirty_;
  std::vector<SocketConnection*> dirtyNow_;
  std::vector<SocketConnection*> again_;
  std::vector<SocketConnection*> againNow_;
  std::vector<SocketConnection*> dying_;
  std::vector<SocketConnection*> dyingNow_;
  std::vector<std::unique_ptr<StreamHandler>> retired_;
};

}  // namespace chatd::net

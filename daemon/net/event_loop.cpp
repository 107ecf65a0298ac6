#include "net/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "net/socket_connection.h"

namespace chatd::net {

namespace {

constexpr std::size_t kReadBuffer = 64 * 1024;  // bytes that one connection may bring in one turn

thread_local EventLoop* loopOfThisThread = nullptr;

}  // namespace

/// A task that waits in the wheel; lives in the loop's list until it has run.
struct EventLoop::OneShot {
  OneShot(EventLoop& owner, Task what) : timer(&OneShot::due, this), loop(owner), task(std::move(what)) {}
  static void due(void* self) {
    auto& shot = *static_cast<OneShot*>(self);
    Task task = std::move(shot.task);
    shot.loop.oneShots_.erase(shot.place);
    task();
  }
  Timer timer;
  EventLoop& loop;
  Task task;
  std::list<OneShot>::iterator place;
};

EventLoop::EventLoop(std::size_t index, const LoopOptions& options)
    : index_(index),
      mailbox_(std::make_shared<Mailbox>(options.mailboxRequests, options.mailboxEvents)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      readBuffer_(kReadBuffer),
      now_(std::chrono::steady_clock::now()),
      wheel_(now_) {
  CHATD_ASSERT(epoll_.open());
  epoll_event event{};
  // Edge-triggered, so that a wake-up costs no read: each write of the counter is an edge.
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  CHATD_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, mailbox_->wakeDescriptor(), &event) == 0);
}

EventLoop::~EventLoop() { CHATD_ASSERT(first_ == nullptr); }

void EventLoop::run() {
  CHATD_ASSERT(loopOfThisThread == nullptr);
  loopOfThisThread = this;
  while (!mailbox_->closed()) turn();
  shutDown();
  loopOfThisThread = nullptr;
}

void EventLoop::stop() { mailbox_->close(); }

bool EventLoop::post(Mail mail, Task task) { return mailbox_->post(mail, std::move(task)); }

void EventLoop::defer(Task task) { deferred_.push_back(std::move(task)); }

void EventLoop::arm(Timer& timer, std::chrono::milliseconds delay) {
  // The clock and not now_: that is the turn's start, and a deadline counted from it would come early.
  wheel_.arm(timer, std::chrono::steady_clock::now() + std::min(delay, std::chrono::milliseconds(std::chrono::years(10))));
}

void EventLoop::after(std::chrono::milliseconds delay, Task task) {
  OneShot& shot = oneShots_.emplace_back(*this, std::move(task));
  shot.place = std::prev(oneShots_.end());
  arm(shot.timer, delay);
}

bool EventLoop::onThread() const { return loopOfThisThread == this; }

EventLoop* EventLoop::ofThisThread() { return loopOfThisThread; }

const Mailbox* EventLoop::mailboxOfThisThread() {
  return loopOfThisThread == nullptr ? nullptr : loopOfThisThread->mailbox_.get();
}

bool EventLoop::watch(int fd, std::uint32_t events, Watched& who) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &who;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::rewatch(int fd, std::uint32_t events, Watched& who) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &who;
  // Changing a watch that exists allocates nothing, so a failure would be our own bug.
  CHATD_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::unwatch(int fd) { CHATD_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0); }

void EventLoop::add(std::unique_ptr<SocketConnection> connection) {
  SocketConnection* const added = connection.release();  // owned by the list from here on, deleted in bury()
  added->linkInto(first_);
  added->start();
}

void EventLoop::retire(std::unique_ptr<StreamHandler> handler) { retired_.push_back(std::move(handler)); }

int EventLoop::waitTime() {
  if (!dirty_.empty() || !again_.empty() || !deferred_.empty() || !dying_.empty()) return 0;
  if (!mailbox_->sleep()) return 0;
  const auto wait = wheel_.waitFrom(std::chrono::steady_clock::now());
  if (!wait) return -1;
  return static_cast<int>(std::min<std::int64_t>(*wait, std::numeric_limits<int>::max()));
}

void EventLoop::turn() {
  std::array<epoll_event, kEventsPerTurn> events;
  int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, waitTime());
  CHATD_ASSERT(count >= 0 || errno == EINTR);
  count = std::max(count, 0);
  now_ = std::chrono::steady_clock::now();
  stats_.turns.add(1);
  handshakes_ = 0;
  runLetters();
  wheel_.advance(now_);
  againNow_.swap(again_);
  for (SocketConnection* connection : againNow_) connection->deliverAgain();
  againNow_.clear();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr != nullptr) static_cast<Watched*>(event.data.ptr)->ready(event.events);
  }
  runDeferred();
  flush();
  bury();
}

void EventLoop::runLetters() {
  mailbox_->take(letters_);
  stats_.letters.add(letters_.size());
  for (Letter& letter : letters_) letter.task();
  letters_.clear();
}

void EventLoop::runDeferred() {
  deferredNow_.swap(deferred_);
  for (Task& task : deferredNow_) task();
  deferredNow_.clear();
}

void EventLoop::flush() {
  // What handlers send while they are told `drained` is flushed in the next turn, so a fast peer cannot keep us here.
  dirtyNow_.swap(dirty_);
  for (SocketConnection* connection : dirtyNow_) connection->flush();
  dirtyNow_.clear();
}

void EventLoop::bury() {
  retired_.clear();
  if (dying_.empty()) return;
  // First all are told, then all are destroyed: a handler may still speak of another connection that dies in this turn.
  dyingNow_.swap(dying_);
  for (SocketConnection* connection : dyingNow_) connection->bury();
  const auto dead = [](const SocketConnection* c) { return c->dead(); };
  std::erase_if(dirty_, dead);
  std::erase_if(again_, dead);
  for (SocketConnection* connection : dyingNow_) {
    connection->unlinkFrom(first_);
    delete connection;
    forgetConnection();
  }
  dyingNow_.clear();
}

void EventLoop::shutDown() {
  mailbox_->take(letters_);
  for (Letter& letter : letters_) {
    // A completion tells somebody that his work is done (or that a message is durable); the others were only wishes.
    if (letter.mail == Mail::Completion) letter.task();
  }
  letters_.clear();
  runDeferred();
  flush();
  for (SocketConnection* c = first_; c != nullptr; c = c->nextInLoop()) c->abandon();
  while (!dying_.empty() || !retired_.empty()) bury();
  deferred_.clear();
  dirty_.clear();
  again_.clear();
  oneShots_.clear();
}

}  // namespace chatd::net

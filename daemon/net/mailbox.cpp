#include "net/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/assert.h"

namespace chatd::net {

Mailbox::Mailbox(std::size_t requests, std::size_t events)
    : maxRequests_(requests), maxEvents_(events), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHATD_ASSERT(wake_.open());
}

bool Mailbox::post(Mail mail, Task task) {
  bool wake = false;
  {
    LockGuard g(mutex_);
    if (closed_) return false;
    if (mail == Mail::Request) {
      if (requests_ >= maxRequests_) return false;
      ++requests_;
    } else if (mail == Mail::Event) {
      if (events_ >= maxEvents_) return false;
      ++events_;
    }
    waiting_.push_back({mail, std::move(task)});
    wake = std::exchange(asleep_, false);
  }
  if (wake) wakeUp();
  return true;
}

void Mailbox::close() {
  {
    LockGuard g(mutex_);
    closed_ = true;
    asleep_ = false;
  }
  wakeUp();
}

void Mailbox::take(std::vector<Letter>& batch) {
  LockGuard g(mutex_);
  asleep_ = false;
  requests_ = events_ = 0;
  waiting_.swap(batch);
}

bool Mailbox::sleep() {
  LockGuard g(mutex_);
  asleep_ = waiting_.empty() && !closed_;
  return asleep_;
}

bool Mailbox::closed() {
  LockGuard g(mutex_);
  return closed_;
}

void Mailbox::wakeUp() const {
  const std::uint64_t one = 1;
  // The counter cannot overflow in practice (2^64 writes), and an overflow would mean that a wake-up is pending anyway.
  while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace chatd::net

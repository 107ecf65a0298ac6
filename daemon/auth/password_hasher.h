// PasswordHasher: argon2id on two threads of its own, so that a flood of logins takes two cores' time at most and 38 MiB.
// Source of the parameters: OWASP password storage (19 MiB, t=2, p=1). Thread: any; waits, at most for the queue before it.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "base/queue.h"
#include "base/result.h"
#include "base/task.h"

namespace chatd {

class PasswordHasher {
 public:
  PasswordHasher();
  ~PasswordHasher();
  PasswordHasher(const PasswordHasher&) = delete;
  PasswordHasher& operator=(const PasswordHasher&) = delete;

  /// The encoded form, with a fresh salt. Errors: Busy (queue full).
  [[nodiscard]] Result<std::string> hash(const std::string& password);
  /// Errors: Busy.
  [[nodiscard]] Result<bool> verify(const std::string& encoded, const std::string& password);
  /// Takes as long as verify() and always says no: for logins that do not exist. Errors: Busy.
  [[nodiscard]] Result<bool> verifyNobody(const std::string& password);

 private:
  /// Runs `work` on a thread of ours and waits for it.
  template <class T>
  Result<T> run(UniqueFunction<Result<T>()> work);

  BoundedQueue<Task> queue_;
  std::vector<std::thread> threads_;
  std::string nobody_;  ///< hash of a password that nobody knows
};

}  // namespace chatd

#include "auth/password_hasher.h"

#include <argon2.h>
#include <fmt/format.h>

#include <future>

#include "base/assert.h"
#include "base/random.h"

namespace chatd {

namespace {

constexpr std::uint32_t kPasses = 2;
constexpr std::uint32_t kKibibytes = 19 * 1024;
constexpr std::uint32_t kLanes = 1;
constexpr std::size_t kSalt = 16;
constexpr std::size_t kHash = 32;
constexpr std::size_t kThreads = 2;
constexpr std::size_t kQueued = 32;  // about half a second of work

Result<std::string> hashNow(const std::string& password) {
  const std::string salt = randomBytes(kSalt);
  std::string out(::argon2_encodedlen(kPasses, kKibibytes, kLanes, kSalt, kHash, Argon2_id), '\0');
  const int error = ::argon2id_hash_encoded(kPasses, kKibibytes, kLanes, password.data(), password.size(), salt.data(),
                                            salt.size(), kHash, out.data(), out.size());
  if (error == ARGON2_MEMORY_ALLOCATION_ERROR) return Error(Code::Busy);
  if (error != ARGON2_OK) return Error(Code::Internal, fmt::format("argon2: {}", ::argon2_error_message(error)));
  out.resize(out.find('\0'));
  return out;
}

Result<bool> verifyNow(const std::string& encoded, const std::string& password) {
  const int error = ::argon2id_verify(encoded.c_str(), password.data(), password.size());
  if (error == ARGON2_MEMORY_ALLOCATION_ERROR) return Error(Code::Busy);
  if (error != ARGON2_OK && error != ARGON2_VERIFY_MISMATCH) {
    return Error(Code::Internal, fmt::format("argon2: {}", ::argon2_error_message(error)));
  }
  return error == ARGON2_OK;
}

}  // namespace

PasswordHasher::PasswordHasher() : queue_(kQueued) {
  auto nobody = hashNow(randomBytes(kHash));
  CHATD_ASSERT(nobody.ok());
  nobody_ = std::move(*nobody);
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads_.emplace_back([this] {
      while (auto task = queue_.pop()) (*task)();
    });
  }
}

PasswordHasher::~PasswordHasher() {
  queue_.close();
  for (std::thread& t : threads_) t.join();
}

template <class T>
Result<T> PasswordHasher::run(UniqueFunction<Result<T>()> work) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto future = promise->get_future();
  const Offer offer = queue_.push([promise, work = std::move(work)]() mutable { promise->set_value(work()); });
  if (offer != Offer::Taken) return Error(Code::Busy).after(std::chrono::seconds(1));
  return future.get();
}

// The caller waits, so its strings outlive the work.
Result<std::string> PasswordHasher::hash(const std::string& password) {
  return run<std::string>([&password] { return hashNow(password); });
}

Result<bool> PasswordHasher::verify(const std::string& encoded, const std::string& password) {
  return run<bool>([&] { return verifyNow(encoded, password); });
}

Result<bool> PasswordHasher::verifyNobody(const std::string& password) {
  auto result = verify(nobody_, password);
  if (result.ok()) *result = false;
  return result;
}

}  // namespace chatd

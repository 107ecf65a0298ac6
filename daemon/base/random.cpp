#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <random>

#include "base/assert.h"

namespace chatd {

namespace {

void fill(void* out, std::size_t count) {
  auto* p = static_cast<char*>(out);
  while (count > 0) {
    const ssize_t got = ::getrandom(p, count, 0);
    if (got < 0) {
      CHATD_ASSERT(errno == EINTR);
      continue;
    }
    p += got;
    count -= static_cast<std::size_t>(got);
  }
}

std::mt19937_64& generator() {
  thread_local std::mt19937_64 engine = [] {
    std::uint64_t seed = 0;
    fill(&seed, sizeof seed);
    return std::mt19937_64(seed);
  }();
  return engine;
}

}  // namespace

std::string randomBytes(std::size_t count) {
  std::string out(count, '\0');
  fill(out.data(), count);
  return out;
}

std::uint64_t randomNumber() { return generator()(); }

SendId randomSendId() {
  SendId id{};
  const std::uint64_t a = randomNumber();
  const std::uint64_t b = randomNumber();
  std::memcpy(id.data(), &a, 8);
  std::memcpy(id.data() + 8, &b, 8);
  return id;
}

}  // namespace chatd

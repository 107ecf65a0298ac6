// Random bytes from the kernel. Thread: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace chatd {

/// `count` bytes of getrandom(2).
[[nodiscard]] std::string randomBytes(std::size_t count);
/// A random number for jitter and generational ids; not for secrets. Cheap: a per-thread generator seeded by the kernel.
[[nodiscard]] std::uint64_t randomNumber();
/// 128 bits that name one send for ever (see MessageLog::append).
using SendId = std::array<std::uint8_t, 16>;
[[nodiscard]] SendId randomSendId();

}  // namespace chatd

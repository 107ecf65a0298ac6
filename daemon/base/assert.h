// Assertions on our own bugs, on in every build: a broken invariant must not go on to lose a message.
// What peers send is never asserted, it is returned as an Error.
#pragma once

namespace chatd {

[[noreturn]] void assertionFailed(const char* what, const char* file, int line);

}  // namespace chatd

#define CHATD_ASSERT(condition) \
  (static_cast<bool>(condition) ? void(0) : ::chatd::assertionFailed(#condition, __FILE__, __LINE__))

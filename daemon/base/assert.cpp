#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace chatd {

void assertionFailed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "chatd: broken invariant: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace chatd

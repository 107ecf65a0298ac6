// JSON: what is read is written and read again as the same, and a string survives its escaping.
#include "base/json.h"

#include <cstdint>

#include "base/text.h"
#include "check.h"

using namespace chatd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = parseJson(text); value.ok()) {
    const std::string written = toText(*value);
    const auto again = parseJson(written);
    FUZZ_CHECK(again.ok());
    FUZZ_CHECK(toText(*again) == written);
  }
  if (isUtf8(text)) {
    std::string quoted;
    appendJsonString(quoted, text);
    const auto again = parseJson(quoted);
    FUZZ_CHECK(again.ok());
    FUZZ_CHECK(asView(*again) == text);
  }
  return 0;
}

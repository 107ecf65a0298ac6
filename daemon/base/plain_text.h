// Plain text: what may stand as it is in a log line, a name, an id. Pure. Thread: any.
#pragma once

#include <string_view>

namespace chatd {

/// UTF-8 without control characters.
[[nodiscard]] bool isPlainText(std::string_view bytes);

}  // namespace chatd

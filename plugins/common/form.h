// application/x-www-form-urlencoded, for verifiers that send tokens. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace chatd::plugins {

/// Letters, digits, `-`, `_` and `.` stay; every other byte becomes %XX.
[[nodiscard]] std::string formEncoded(std::string_view text);

}  // namespace chatd::plugins

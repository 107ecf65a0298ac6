// Where auth/ says things to operators. No line ever holds a token, a key or a password. Called on any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace chatd {

enum class AuthLogLevel : std::uint8_t { Debug, Info, Warn, Error };
using AuthLog = std::function<void(AuthLogLevel, const std::string&)>;

}  // namespace chatd

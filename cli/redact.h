// What --debug shows of requests and answers: all but secrets. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace chatd::cli {

/// A body for people: JSON with the values of members that hold secrets (token, password, apiKey, secret, authorization and
/// names that contain one of them) as "***", at most 4 KiB; of anything else its length.
[[nodiscard]] std::string redactBody(std::string_view body);
/// A request target with the value of a query parameter `token` as ***.
[[nodiscard]] std::string redactTarget(std::string_view target);

}  // namespace chatd::cli

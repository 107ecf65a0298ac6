#include "cli/failure.h"

#include <fmt/format.h>

namespace chatd::cli {

const std::vector<ExitRow>& exitTable() {
  static const std::vector<ExitRow> rows = {
#define CHATCTL_X(name, number, text) {Exit::name, text},
      CHATCTL_EXITS(CHATCTL_X)
#undef CHATCTL_X
  };
  return rows;
}

Exit exitOfStatus(int status) {
  switch (status) {
    case 401:
      return Exit::NotLoggedIn;
    case 403:
      return Exit::Forbidden;
    case 404:
      return Exit::NotFound;
    case 409:
      return Exit::Conflict;
    case 400:
    case 413:
    case 415:
    case 422:
      return Exit::Invalid;
    case 408:
    case 429:  // "not now" like 503: a script that waits and repeats treats them alike
      return Exit::Unreachable;
    default:
      return status >= 500 ? Exit::Unreachable : Exit::Other;
  }
}

Failure usage(std::string message, std::string hint) {
  return {Exit::Usage, "usage", std::move(message), std::move(hint), {}};
}

Failure other(std::string code, std::string message, std::string hint) {
  return {Exit::Other, std::move(code), std::move(message), std::move(hint), {}};
}

Failure badJson(std::string_view what, const Error& why) {
  return usage(fmt::format("{} is not JSON: {}", what, why.detail()));
}

}  // namespace chatd::cli

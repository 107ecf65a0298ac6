#include "base/error.h"

namespace chatd {

const std::vector<ErrorRow>& errorTable() {
  static const std::vector<ErrorRow> table = {
#define CHATD_X(name, status, wire, retry, text) {Code::name, status, wire, Retry::retry, text},
      CHATD_ERRORS(CHATD_X)
#undef CHATD_X
  };
  return table;
}

const ErrorRow& row(Code code) { return errorTable()[static_cast<std::size_t>(code)]; }

}  // namespace chatd

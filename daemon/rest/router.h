// Router: from a method and a path to a row of the table and the values of its segments. Immutable. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "rest/route.h"

namespace chatd::rest {

/// Values of the `{name}` segments, decoded.
using Segments = std::vector<std::pair<std::string_view, std::string>>;

struct Match {
  const Route* route = nullptr;  ///< nothing: the path exists for other methods only (or not at all, if `allow` is empty)
  Segments segments;
  std::string allow;  ///< for the Allow header: "GET, HEAD, OPTIONS"
};

class Router {
 public:
  explicit Router(const std::vector<Route>& table);

  /// HEAD finds the row of GET. Errors: BadRequest for a broken escape or a control character in a segment.
  [[nodiscard]] Result<Match> match(std::string_view method, std::string_view path) const;

 private:
  struct Pattern {
    const Route* route;
    std::vector<std::string_view> parts;
    bool tail = false;  ///< the last part takes the rest of the path
  };
  std::vector<Pattern> patterns_;  ///< rows with fewer variables first, so that /room/add wins over /room/{id}
};

}  // namespace chatd::rest

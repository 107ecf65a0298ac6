// The OpenAPI 3.1 document, from the table of routes. Pure.
#pragma once

#include <string>
#include <vector>

#include "rest/route.h"

namespace chatd::rest {

/// The whole document as JSON.
[[nodiscard]] std::string openApiDocument(const std::vector<Route>& table, const std::string& version);

/// The codes that a route may answer with: its own and those of its kind (access, fields, POST). In table order, each once.
[[nodiscard]] std::vector<Code> errorsOf(const Route& route);

}  // namespace chatd::rest

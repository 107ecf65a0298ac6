#include "rest/router.h"

#include <algorithm>

#include "base/text.h"

namespace chatd::rest {

namespace {

/// "/a/b/" gives "a", "b", "": the empty last one tells "/message/" from "/message".
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool isVariable(std::string_view part) { return !part.empty() && part.front() == '{'; }

std::string_view variableName(std::string_view part) {
  part = part.substr(1, part.size() - 2);
  if (part.back() == '*') part.remove_suffix(1);
  return part;
}

bool hasControl(std::string_view v) {
  return std::any_of(v.begin(), v.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

void addMethod(std::string& allow, std::string_view method) {
  if (allow.find(method) != std::string::npos) return;
  if (!allow.empty()) allow += ", ";
  allow += method;
}

}  // namespace

Router::Router(const std::vector<Route>& table) {
  for (const Route& route : table) {
    Pattern pattern{&route, split(route.path), false};
    pattern.tail = pattern.parts.back().ends_with("*}");
    patterns_.push_back(std::move(pattern));
  }
  const auto variables = [](const Pattern& p) { return std::count_if(p.parts.begin(), p.parts.end(), isVariable); };
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [&](const Pattern& a, const Pattern& b) { return variables(a) < variables(b); });
}

Result<Match> Router::match(std::string_view method, std::string_view path) const {
  Match found;
  if (path.empty() || path.front() != '/') return found;
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  const std::vector<std::string_view> raw = split(path);
  for (const Pattern& pattern : patterns_) {
    if (pattern.tail ? raw.size() < pattern.parts.size() : raw.size() != pattern.parts.size()) continue;
    const std::size_t fixed = pattern.parts.size() - (pattern.tail ? 1 : 0);
    bool fits = true;
    for (std::size_t i = 0; i < fixed && fits; ++i) {
      fits = isVariable(pattern.parts[i]) ? !raw[i].empty() : raw[i] == pattern.parts[i];
    }
    if (!fits) continue;
    addMethod(found.allow, pattern.route->method);
    if (pattern.route->method == "GET") addMethod(found.allow, "HEAD");
    if (found.route != nullptr || pattern.route->method != wanted) continue;
    found.route = pattern.route;
    for (std::size_t i = 0; i < fixed; ++i) {
      if (!isVariable(pattern.parts[i])) continue;
      std::optional<std::string> value = percentDecode(raw[i], false);
      if (!value || !isUtf8(*value) || hasControl(*value)) {
        return Error(Code::BadRequest, "The path has a broken escape or a control character.");
      }
      found.segments.emplace_back(variableName(pattern.parts[i]), std::move(*value));
    }
  }
  if (!found.allow.empty()) addMethod(found.allow, "OPTIONS");
  return found;
}

}  // namespace chatd::rest

#include "chat/grants.h"

#include <algorithm>

#include "base/assert.h"

namespace chatd {

namespace {

/// Bytes of the UTF-8 character at the start of a text that is not empty.
std::size_t characterAt(std::string_view text) {
  std::size_t n = 1;
  while (n < text.size() && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) ++n;
  return n;
}

}  // namespace

// Without recursion: only the last `*` is ever tried again, one character further, because what it takes more an earlier one
// need not.
bool globMatches(std::string_view glob, std::string_view text) {
  std::string_view afterStar;  // the glob behind the last `*`
  std::string_view retry;      // the text that it has not taken yet
  bool star = false;
  while (!text.empty()) {
    if (!glob.empty() && glob.front() == '*') {
      glob.remove_prefix(1);
      afterStar = glob;
      retry = text;
      star = true;
    } else if (!glob.empty() && glob.front() == '?') {
      glob.remove_prefix(1);
      text.remove_prefix(characterAt(text));
    } else if (!glob.empty() && glob.front() == text.front()) {
      glob.remove_prefix(1);
      text.remove_prefix(1);
    } else if (star) {
      retry.remove_prefix(characterAt(retry));
      text = retry;
      glob = afterStar;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*') == std::string_view::npos;
}

Grants::Grants(std::vector<Grant> list) : list_(std::move(list)) {
  CHATD_ASSERT(list_.size() <= kMost);
  for (Grant& grant : list_) grant.permissions &= kPermissions;
}

bool Grants::allow(std::string_view room, Permission permission) const {
  const auto bit = static_cast<std::uint32_t>(permission);
  return std::any_of(list_.begin(), list_.end(),
                     [&](const Grant& grant) { return (grant.permissions & bit) != 0 && globMatches(grant.glob, room); });
}

}  // namespace chatd

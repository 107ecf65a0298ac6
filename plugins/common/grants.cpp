#include "common/grants.h"

#include <optional>

#include "base/plain_text.h"
#include "common/claims.h"

namespace chatd::plugins {

namespace {

constexpr rapidjson::SizeType kMost = 64;
constexpr std::size_t kMaxGlob = 128;

std::optional<std::uint32_t> permissionOf(const JsonValue& word) {
  if (!word.IsString()) return std::nullopt;
  const std::string_view text = asView(word);
  if (text == "read") return CHATD_PERM_READ;
  if (text == "write") return CHATD_PERM_WRITE;
  if (text == "moderate") return CHATD_PERM_MODERATE;
  return std::nullopt;
}

std::optional<chatd_sdk::Grant> grantOf(const JsonValue& given) {
  if (!given.IsObject()) return std::nullopt;
  const JsonValue* room = find(given, "room");
  const JsonValue* permissions = find(given, "permissions");
  if (room == nullptr || !room->IsString() || permissions == nullptr || !permissions->IsArray()) return std::nullopt;
  chatd_sdk::Grant grant;
  grant.roomGlob = asView(*room);
  if (grant.roomGlob.empty() || grant.roomGlob.size() > kMaxGlob || !isPlainText(grant.roomGlob)) return std::nullopt;
  for (const JsonValue& word : permissions->GetArray()) {
    const auto bit = permissionOf(word);
    if (!bit) return std::nullopt;
    grant.perms |= *bit;
  }
  return grant;
}

}  // namespace

bool takeGrants(const JsonValue& claims, const std::string& path, chatd_sdk::Answer& answer) {
  if (path.empty()) return true;
  const JsonValue* list = at(claims, path);
  if (list == nullptr) return true;
  if (!list->IsArray() || list->Size() > kMost) return false;
  // No grants would mean that nothing is narrowed.
  if (list->Empty()) answer.grants.push_back({0, "*"});
  for (const JsonValue& one : list->GetArray()) {
    auto grant = grantOf(one);
    if (!grant) return false;
    answer.grants.push_back(std::move(*grant));
  }
  return true;
}

}  // namespace chatd::plugins

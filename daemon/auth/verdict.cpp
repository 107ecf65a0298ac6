#include "auth/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "base/json.h"
#include "base/plain_text.h"
#include "base/result.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxId = 255;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxDetail = 512;
constexpr std::size_t kMaxClaims = 16 * 1024;

std::string_view view(chatd_str text, std::size_t most) {
  if (text.ptr == nullptr) return {};
  return {text.ptr, static_cast<std::size_t>(std::min<std::uint64_t>(text.len, most))};
}

/// For logs: what is not plain text is not shown.
std::string shown(std::string_view text) { return isPlainText(text) ? std::string(text) : "(not plain text)"; }

Verdict fault(std::string why) {
  Verdict v = Verdict::unavailable(std::move(why));
  v.pluginFault = true;
  return v;
}

bool isCode(std::string_view text) {
  return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::optional<std::string> name(const JsonValue& claims, const char* key) {
  const JsonValue* value = find(claims, key);
  if (value == nullptr || !value->IsString()) return std::nullopt;
  const std::string_view text = asView(*value);
  if (text.empty() || text.size() > kMaxName || !isPlainText(text)) return std::nullopt;
  return std::string(text);
}

/// Names are a courtesy: what is wrong with them is left out, and lets nobody wait at the door.
void readNames(const chatd_result& result, Verdict& out) {
  if (result.claims_json.len > 0 && result.claims_json.len <= kMaxClaims) {
    const auto claims = parseJson(view(result.claims_json, kMaxClaims));
    if (claims.ok() && claims->IsObject()) {
      out.claims = view(result.claims_json, kMaxClaims);
      out.firstName = name(*claims, "firstName");
      out.middleName = name(*claims, "middleName");
      out.lastName = name(*claims, "lastName");
    }
  }
  const std::string_view display = view(result.display_name, kMaxName + 1);
  const bool named = out.firstName || out.middleName || out.lastName;
  if (!named && !display.empty() && display.size() <= kMaxName && isPlainText(display)) out.firstName = display;
}

/// Who is allowed a part of the rooms must not be let into all of them: what cannot be read is a fault. Nothing: none given.
Result<GrantsPtr> readGrants(const chatd_result& result) {
  if (result.grant_count == 0) return GrantsPtr();
  constexpr std::size_t kLeast = offsetof(chatd_grant, room_glob) + sizeof(chatd_grant::room_glob);
  if (result.grant_count > Grants::kMost) return Error(Code::Invalid, fmt::format("more than {} grants", Grants::kMost));
  if (result.grants == nullptr || result.grants->struct_size < kLeast) {
    return Error(Code::Invalid, "grants without a list or without a size");
  }
  // Its struct may be longer than ours; all of an array are of one length.
  const std::size_t stride = result.grants->struct_size;
  const auto* at = reinterpret_cast<const char*>(result.grants);
  std::vector<Grants::Grant> list;
  for (std::uint64_t i = 0; i < result.grant_count; ++i, at += stride) {
    chatd_grant grant{};
    std::memcpy(&grant, at, sizeof grant);
    const std::string_view glob = view(grant.room_glob, Grants::kMaxGlob + 1);
    if (glob.empty() || glob.size() > Grants::kMaxGlob || !isPlainText(glob)) {
      return Error(Code::Invalid, "a grant whose glob is not plain text of 1 to 128 bytes");
    }
    list.push_back({grant.perms, std::string(glob)});
  }
  return GrantsPtr(std::make_shared<const Grants>(std::move(list)));
}

Verdict readAllow(const chatd_result& result, Verdict out) {
  const std::string_view id = view(result.user_id, kMaxId + 1);
  if (id.empty()) return fault("it allowed without naming a user");
  if (id.size() > kMaxId || !isPlainText(id))
    return fault("it named a user by something that is not plain text of 1 to 255 bytes");
  auto grants = readGrants(result);
  if (!grants.ok()) return fault("it gave " + grants.error().detail());
  out.grants = std::move(*grants);
  out.userId = id;
  // 9999-12-31; more would overflow microseconds.
  constexpr std::int64_t kLast = 253'402'300'799'000;
  if (result.expires_at_ms < 0 || result.expires_at_ms > kLast) return fault("it gave an expiry that is no time");
  if (result.expires_at_ms > 0) out.expiresAt = fromMicros(result.expires_at_ms * 1000);
  readNames(result, out);
  return out;
}

}  // namespace

std::string_view kindText(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::Allow:
      return "allow";
    case Verdict::Kind::Deny:
      return "deny";
    case Verdict::Kind::Defer:
      return "defer";
    case Verdict::Kind::Unavailable:
      break;
  }
  return "unavailable";
}

Verdict readVerdict(const chatd_result& given) {
  // The plugin's struct may be older and shorter than ours, or newer and longer.
  constexpr std::size_t kLeast = offsetof(chatd_result, verdict) + sizeof(given.verdict);
  if (given.struct_size < kLeast) return fault("it gave a result without a size");
  chatd_result result{};
  result.cache_ttl_ms = -1;
  std::memcpy(&result, &given, std::min<std::size_t>(given.struct_size, sizeof result));

  Verdict out;
  out.detail = shown(view(result.error_detail, kMaxDetail));
  const std::string_view code = view(result.error_code, 65);
  if (isCode(code)) out.errorCode = code;
  if (result.cache_ttl_ms >= 0) {
    constexpr std::int64_t kDay = 86'400'000;
    out.cacheTtl = std::chrono::milliseconds(std::min(result.cache_ttl_ms, kDay));
  }
  switch (result.verdict) {
    case CHATD_ALLOW:
      out.kind = Verdict::Kind::Allow;
      return readAllow(result, std::move(out));
    case CHATD_DENY:
      out.kind = Verdict::Kind::Deny;
      return out;
    case CHATD_DEFER:
      out.kind = Verdict::Kind::Defer;
      return out;
    case CHATD_UNAVAILABLE:
      out.kind = Verdict::Kind::Unavailable;
      return out;
    default:
      return fault(fmt::format("it gave the unknown verdict {}", result.verdict));
  }
}

}  // namespace chatd

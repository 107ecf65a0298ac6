#include "rest/request_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/random.h"
#include "base/text.h"

namespace chatd::rest {

namespace {

constexpr Schema kNoFields{"NoFields", {}};

/// The value in the type that the schema wants, so that one validator serves queries and bodies. What does not fit stays a
/// string, which the validator then names.
JsonValue typed(const Field* field, const std::string& value, JsonDocument::AllocatorType& allocator) {
  if (field != nullptr && (field->type == Type::Integer || field->type == Type::Id)) {
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, fault] = std::from_chars(value.data(), end, number);
    if (fault == std::errc() && stop == end) return JsonValue(number);
  }
  return JsonValue(value.data(), static_cast<rapidjson::SizeType>(value.size()), allocator);
}

}  // namespace

std::string requestIdOf(const net::HttpRequest& request) {
  const auto sane = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  const std::string* given = request.header("X-Request-Id");
  if (given != nullptr && !given->empty() && given->size() <= 64 && std::all_of(given->begin(), given->end(), sane)) {
    return *given;
  }
  return fmt::format("{:016x}{:016x}", randomNumber(), randomNumber());
}

Result<void> checkMedia(const net::HttpRequest& request, std::size_t bodyBytes) {
  if (request.body.size() > bodyBytes) return Code::TooLarge;
  if (request.body.empty()) return {};
  const std::string* type = request.header("Content-Type");
  if (type == nullptr) return Error(Code::UnsupportedMedia, "The body has no Content-Type; send application/json.");
  std::string_view media = std::string_view(*type).substr(0, type->find(';'));
  while (!media.empty() && media.back() == ' ') media.remove_suffix(1);
  if (!equalIgnoreCase(media, "application/json")) return Code::UnsupportedMedia;
  return {};
}

Result<JsonDocument> readQuery(const net::HttpRequest& request, const Route& route) {
  const Schema& schema = route.query != nullptr ? *route.query : kNoFields;
  JsonDocument query;
  query.SetObject();
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const std::size_t amp = rest.find('&');
    const std::string_view pair = rest.substr(0, amp);
    rest = amp == std::string_view::npos ? std::string_view() : rest.substr(amp + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const auto name = percentDecode(pair.substr(0, equals), true);
    const auto value = percentDecode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value || !isUtf8(*name) || !isUtf8(*value)) {
      return Error(Code::BadRequest, "The query has a broken escape or is not UTF-8.");
    }
    if (*name == "dryRun" && takesDryRun(route)) {
      if (*value != "true" && *value != "false") return Error::field("dryRun", "must be true or false");
      continue;
    }
    if (*name == "app" && (route.access & who::User) != 0) continue;
    if (find(query, *name) != nullptr) return Error::field(*name, "is given twice");
    const auto field =
        std::find_if(schema.fields.begin(), schema.fields.end(), [&](const Field& f) { return f.name == *name; });
    auto& allocator = query.GetAllocator();
    JsonValue key(name->data(), static_cast<rapidjson::SizeType>(name->size()), allocator);
    query.AddMember(key, typed(field == schema.fields.end() ? nullptr : &*field, *value, allocator), allocator);
  }
  CHATD_CHECK(validate(schema, query));
  return query;
}

Result<JsonDocument> readBody(const net::HttpRequest& request, const Route& route) {
  const Schema& schema = route.body != nullptr ? *route.body : kNoFields;
  if (request.body.empty()) {
    for (const Field& field : schema.fields) {
      if (field.required) return Error(Code::NotJson, "The body is empty; send a JSON object.");
    }
    JsonDocument empty;
    empty.SetObject();
    return empty;
  }
  CHATD_TRY(document, parseJson(request.body));
  CHATD_CHECK(validate(schema, document));
  return std::move(document);
}

}  // namespace chatd::rest

#include "store/backup/manifest.h"

#include <fmt/format.h>

#include "base/text.h"
#include "store/text_hash.h"

namespace chatd::store {

namespace {

Error damaged() { return {Code::Invalid, "The backup's manifest is damaged."}; }

}  // namespace

std::string toJson(const Manifest& manifest) {
  std::string out;
  JsonWriter w(out);
  w.beginObject().field("layout", manifest.layout).field("schema", manifest.schema).field("chatd", manifest.version);
  w.field("createdAt", toRfc3339(manifest.createdAt)).field("serverKey", toBase64(manifest.serverKey));
  w.key("counters").beginObject();
  for (const auto& [name, value] : manifest.counters) w.field(name, value);
  w.endObject().key("sums").raw(toJson(manifest.sums)).endObject();
  return out;
}

Result<Manifest> manifestFrom(const JsonValue& json) {
  if (!json.IsObject()) return damaged();
  const auto text = [&](std::string_view name) -> std::optional<std::string> {
    const JsonValue* v = find(json, name);
    return v != nullptr && v->IsString() ? std::optional(std::string(asView(*v))) : std::nullopt;
  };
  const JsonValue* layout = find(json, "layout");
  const JsonValue* schema = find(json, "schema");
  const JsonValue* counters = find(json, "counters");
  const JsonValue* sums = find(json, "sums");
  const auto version = text("chatd");
  const auto created = text("createdAt");
  const auto key = text("serverKey");
  if (layout == nullptr || !layout->IsInt() || schema == nullptr || !schema->IsInt64() || counters == nullptr ||
      !counters->IsObject() || sums == nullptr || !version || !created || !key) {
    return damaged();
  }
  Manifest manifest;
  manifest.layout = layout->GetInt();
  manifest.schema = schema->GetInt64();
  manifest.version = *version;
  const auto at = parseRfc3339(*created);
  auto bytes = fromBase64(*key);
  if (!at || !bytes) return damaged();
  manifest.createdAt = *at;
  manifest.serverKey = std::move(*bytes);
  for (const auto& counter : counters->GetObject()) {
    if (!counter.value.IsInt64()) return damaged();
    manifest.counters[std::string(asView(counter.name))] = counter.value.GetInt64();
  }
  try {
    manifest.sums = sumsFrom(*sums);
  } catch (const DamagedRow&) {
    return damaged();
  }
  return manifest;
}

std::string hashOf(std::string_view text) { return fmt::format("{:016x}", static_cast<std::uint64_t>(textHash(text))); }

std::int64_t rowsOf(const Sums& sums) {
  std::int64_t rows = 0;
  for (const auto& [name, sum] : sums) rows += sum.rows;
  return rows;
}

}  // namespace chatd::store

#include "common/config_secrets.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/masked_url.h"
#include "base/text.h"

namespace chatd {

namespace {

/// Schemas that apply to one value.
using Rules = std::vector<const JsonValue*>;

// A schema is foreign: references may lead in circles, alternatives may hold alternatives.
constexpr std::size_t kMostRules = 256;

bool looksSecret(std::string_view key) {
  const std::string name = toLower(key);
  constexpr std::string_view kWords[] = {"secret",     "password",   "key",           "token",
                                         "credential", "passphrase", "authorization", "headers"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

/// A reference inside the schema: "#/$defs/name" (RFC 6901 as a URI fragment). Null: it leads nowhere.
const JsonValue* target(const JsonValue& root, std::string_view reference) {
  if (!reference.starts_with('#')) return nullptr;
  const auto decoded = percentDecode(reference.substr(1), false);
  if (!decoded) return nullptr;
  const JsonValue* here = &root;
  for (std::string_view rest = *decoded; !rest.empty();) {
    if (rest.front() != '/') return nullptr;
    rest.remove_prefix(1);
    const auto end = std::min(rest.find('/'), rest.size());
    std::string step;
    for (std::size_t i = 0; i < end; ++i) {
      const bool escape = rest[i] == '~' && i + 1 < end;
      step += escape ? (rest[i + 1] == '1' ? '/' : '~') : rest[i];
      if (escape) ++i;
    }
    rest.remove_prefix(end);
    if (here->IsObject()) {
      here = find(*here, step);
    } else if (here->IsArray()) {
      std::size_t index = 0;
      const auto [stop, fault] = std::from_chars(step.data(), step.data() + step.size(), index);
      const bool good = fault == std::errc() && stop == step.data() + step.size() && index < here->Size();
      here = good ? &(*here)[static_cast<rapidjson::SizeType>(index)] : nullptr;
    } else {
      return nullptr;
    }
    if (here == nullptr) return nullptr;
  }
  return here;
}

/// The anchors of a schema, and where they stand.
class Anchors {
 public:
  explicit Anchors(const JsonValue& root) { collect(root, true); }
  /// A part of it has an address of its own, against which the references in it would have to be read.
  [[nodiscard]] bool severalDocuments() const { return severalDocuments_; }
  [[nodiscard]] Rules at(std::string_view name) const {
    Rules found;
    for (const auto& [anchor, schema] : anchors_) {
      if (anchor == name) found.push_back(schema);
    }
    return found;
  }

 private:
  // As deep as the parser lets a document be.
  void collect(const JsonValue& here, bool root) {
    if (here.IsArray()) {
      for (const JsonValue& one : here.GetArray()) collect(one, false);
    }
    if (!here.IsObject()) return;
    for (const auto& member : here.GetObject()) {
      const std::string_view name = asView(member.name);
      if (member.value.IsString()) {
        if (name == "$anchor" || name == "$dynamicAnchor") anchors_.emplace_back(asView(member.value), &here);
        if (name == "$id" && !root) severalDocuments_ = true;
      }
      collect(member.value, false);
    }
  }
  std::vector<std::pair<std::string_view, const JsonValue*>> anchors_;
  bool severalDocuments_ = false;
};

/// Takes a configuration through its schema.
class Listing {
 public:
  explicit Listing(const JsonValue& root)
      : root_(root), anchors_(root), hidden_(rapidjson::kObjectType), out_(listed_.json) {
    hidden_.AddMember("writeOnly", true, hidden_.GetAllocator());
  }

  /// Nothing: all of it is a secret.
  std::optional<ListedConfig> list(const JsonValue& config) {
    Rules rules;
    add(rules, &root_);
    if (secret(rules, "")) return std::nullopt;
    value(config, rules, "");
    return std::move(listed_);
  }

 private:
  /// What is not known may say writeOnly.
  void hide(Rules& rules) const {
    if (rules.empty() || rules.back() != &hidden_) rules.push_back(&hidden_);
  }
  void addReferred(Rules& rules, const JsonValue& reference) const {
    if (!reference.IsString() || anchors_.severalDocuments()) return hide(rules);
    const std::string_view to = asView(reference);
    const JsonValue* schema = target(root_, to);
    const Rules anchored = to.starts_with('#') ? anchors_.at(to.substr(1)) : Rules();
    if (schema == nullptr && anchored.empty()) return hide(rules);
    add(rules, schema);
    for (const JsonValue* one : anchored) add(rules, one);
  }
  /// The schema, and whatever it refers to or chooses from.
  void add(Rules& rules, const JsonValue* schema) const {
    if (schema == nullptr || !schema->IsObject()) return;
    if (std::find(rules.begin(), rules.end(), schema) != rules.end()) return;
    if (rules.size() >= kMostRules) return hide(rules);
    rules.push_back(schema);
    for (const char* key : {"$ref", "$dynamicRef", "$recursiveRef"}) {
      const JsonValue* reference = find(*schema, key);
      if (reference != nullptr) addReferred(rules, *reference);
    }
    for (const char* key : {"if", "then", "else", "not"}) add(rules, find(*schema, key));
    for (const char* key : {"anyOf", "oneOf", "allOf"}) addEach(rules, find(*schema, key));
    addEach(rules, find(*schema, "dependentSchemas"));
  }
  /// Those of a list, or of the members of an object.
  void addEach(Rules& rules, const JsonValue* some) const {
    if (some == nullptr) return;
    if (some->IsArray()) {
      for (const JsonValue& one : some->GetArray()) add(rules, &one);
    } else if (some->IsObject()) {
      for (const auto& member : some->GetObject()) add(rules, &member.value);
    }
  }
  [[nodiscard]] Rules ofMember(const Rules& rules, std::string_view name) const {
    Rules below;
    for (const JsonValue* rule : rules) {
      const JsonValue* properties = find(*rule, "properties");
      const JsonValue* known = properties != nullptr && properties->IsObject() ? find(*properties, name) : nullptr;
      add(below, known);
      addEach(below, find(*rule, "patternProperties"));
      if (known != nullptr) continue;
      add(below, find(*rule, "additionalProperties"));
      add(below, find(*rule, "unevaluatedProperties"));
    }
    return below;
  }
  [[nodiscard]] Rules ofItems(const Rules& rules) const {
    Rules below;
    for (const JsonValue* rule : rules) {
      for (const char* key : {"items", "additionalItems", "unevaluatedItems", "contains"}) {
        const JsonValue* items = find(*rule, key);
        if (items == nullptr) continue;
        items->IsArray() ? addEach(below, items) : add(below, items);
      }
      addEach(below, find(*rule, "prefixItems"));
    }
    return below;
  }

  [[nodiscard]] static bool secret(const Rules& rules, std::string_view name) {
    std::optional<bool> said;
    for (const JsonValue* rule : rules) {
      const JsonValue* writeOnly = find(*rule, "writeOnly");
      if (writeOnly != nullptr && writeOnly->IsBool()) said = said.value_or(false) || writeOnly->GetBool();
    }
    return said.value_or(looksSecret(name));
  }

  /// `name`: of the member that it is; of a list's items, the list's.
  void value(const JsonValue& given, const Rules& rules, std::string_view name) {
    if (given.IsNull()) {
      out_.null();
    } else if (secret(rules, name)) {
      if (given.IsString() && asView(given) == kMask) listed_.hasMask = true;
      out_.string(kMask);
    } else if (given.IsObject()) {
      out_.beginObject();
      for (const auto& member : given.GetObject()) {
        const std::string_view key = asView(member.name);
        out_.key(key);
        value(member.value, ofMember(rules, key), key);
      }
      out_.endObject();
    } else if (given.IsArray()) {
      out_.beginArray();
      const Rules below = ofItems(rules);
      // The list itself was judged by its name.
      for (const JsonValue& item : given.GetArray()) value(item, below, "");
      out_.endArray();
    } else if (const auto url = given.IsString() ? maskedUrl(asView(given)) : std::nullopt) {
      if (*url == asView(given)) listed_.hasMask = true;
      out_.string(*url);
    } else {
      out_.raw(toText(given));
    }
  }

  const JsonValue& root_;
  const Anchors anchors_;
  JsonDocument hidden_;  ///< stands for a schema that cannot be found
  ListedConfig listed_;
  JsonWriter out_;
};

ListedConfig nothing() { return {"{}", false}; }

}  // namespace

ListedConfig listedConfig(std::string_view schema, std::string_view config) {
  const auto given = parseJson(config);
  if (!given.ok() || !given->IsObject()) return nothing();
  JsonDocument none(rapidjson::kObjectType);
  if (schema.empty()) return Listing(none).list(*given).value_or(nothing());
  const auto rules = parseJson(schema);
  // Whoever wrote it meant to say something.
  if (!rules.ok()) return listedNames(config);
  auto listed = Listing(*rules).list(*given);
  return listed ? std::move(*listed) : listedNames(config);
}

ListedConfig listedNames(std::string_view config) {
  const auto given = parseJson(config);
  if (!given.ok() || !given->IsObject()) return nothing();
  ListedConfig listed;
  JsonWriter out(listed.json);
  out.beginObject();
  for (const auto& member : given->GetObject()) {
    out.key(asView(member.name));
    member.value.IsNull() ? out.null() : out.string(kMask);
  }
  out.endObject();
  listed.hasMask = holdsMask(*given);
  return listed;
}

}  // namespace chatd

#include "cli/printer.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/guess.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

bool isNested(const JsonValue& value) { return value.IsObject() || value.IsArray(); }

/// A list of objects or lists.
bool holdsNested(const JsonValue& value) { return value.IsArray() && std::any_of(value.Begin(), value.End(), isNested); }

/// A value as text for people and lines: strings without quotes, null as nothing, nested values as compact JSON.
std::string plain(const JsonValue& value, Backslash backslash) {
  if (value.IsNull()) return {};
  if (value.IsString()) return visible(asView(value), backslash);
  return visible(toText(value), backslash);
}

/// The member "a", or "a.b" of the member "a"; null if there is none.
const JsonValue* memberOf(const JsonValue& object, std::string_view path) {
  const JsonValue* at = &object;
  while (at != nullptr && !path.empty()) {
    const std::size_t dot = path.find('.');
    at = at->IsObject() ? find(*at, path.substr(0, dot)) : nullptr;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

/// The same for a cell of a list, where a nested list of objects would only blow up the row: its length.
std::string cell(const JsonValue& object, std::string_view field) {
  const JsonValue* value = memberOf(object, field);
  if (value == nullptr || value->IsNull()) return "-";
  if (holdsNested(*value)) return fmt::format("{}", value->Size());
  return plain(*value, Backslash::Keep);
}

/// "b" of "b.c".
std::string topOf(std::string_view field) { return std::string(field.substr(0, field.find('.'))); }

std::string tsvCell(const JsonValue& object, std::string_view field) {
  const JsonValue* value = memberOf(object, field);
  return value == nullptr ? std::string() : plain(*value, Backslash::Double);
}

/// An item of a list within one object, on one line: what it has, without what it has not.
std::string inLine(const JsonValue& item) {
  if (!item.IsObject()) return plain(item, Backslash::Keep);
  std::string line;
  for (const auto& member : item.GetObject()) {
    if (member.value.IsNull()) continue;
    if (!line.empty()) line += ' ';
    line += visible(asView(member.name)) + "=" + plain(member.value, Backslash::Keep);
  }
  return line;
}

/// FIELD VALUE rows of one object; members of nested objects as `login.password`, items of lists as `members[0]`.
void describe(const JsonValue& object, const std::string& prefix, Rows& rows) {
  for (const auto& member : object.GetObject()) {
    const std::string name = prefix + visible(asView(member.name));
    if (member.value.IsObject() && member.value.MemberCount() > 0) {
      describe(member.value, name + ".", rows);
    } else if (holdsNested(member.value)) {
      rapidjson::SizeType i = 0;
      for (const JsonValue& item : member.value.GetArray()) rows.push_back({fmt::format("{}[{}]", name, i++), inLine(item)});
    } else {
      rows.push_back({name, member.value.IsNull() ? "-" : plain(member.value, Backslash::Keep)});
    }
  }
}

}  // namespace

struct Printer::Gathered {
  std::string json;  // items, joined by commas
  Rows rows;
};

std::vector<Printer::Shown> Printer::columnsFor(const View& view) const {
  std::vector<Shown> shown;
  for (const std::string& field : settings_.fields) {
    std::string title;
    for (const char c : field) title.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    shown.push_back({visible(title), field});
  }
  if (!shown.empty()) return shown;
  for (const Column& column : view.columns) {
    if (!column.wide || settings_.format == Format::Wide)
      shown.push_back({std::string(column.title), std::string(column.field)});
  }
  return shown;
}

/// By the members of an object, or of the first one of a list.
Outcome<void> Printer::checkFields(const JsonValue& object) const {
  if (settings_.fields.empty() || fieldsChecked_) return {};
  if (object.IsArray()) return object.Empty() ? Outcome<void>() : checkFields(*object.Begin());
  if (!object.IsObject()) return {};
  std::vector<std::string> known;
  for (const auto& member : object.GetObject()) known.emplace_back(asView(member.name));
  return checkFields(known);
}

/// A misspelled field would look like one that is always empty.
Outcome<void> Printer::checkFields(const std::vector<std::string>& known) const {
  for (const std::string& field : settings_.fields) {
    const std::string top = topOf(field);
    if (std::find(known.begin(), known.end(), top) != known.end()) continue;
    const std::string meant = closest(top, known);
    return usage(
        fmt::format("there is no field {}", visible(field)),
        meant.empty() ? fmt::format("There are: {}.", fmt::join(known, ", ")) : fmt::format("Did you mean {}?", meant));
  }
  return {};
}

Outcome<void> Printer::checkFields(const View& view) const {
  if (fieldsChecked_) return {};
  std::vector<std::string> known(view.members.begin(), view.members.end());
  for (const Column& column : view.columns) {
    if (std::find(known.begin(), known.end(), topOf(column.field)) == known.end()) known.push_back(topOf(column.field));
  }
  return checkFields(known);
}

Outcome<void> Printer::expect(const View& view) {
  CHATD_CHECK(checkFields(view));
  fieldsChecked_ = true;
  return {};
}

bool Printer::shows(const View& view, std::string_view path) const {
  const auto holds = [&](std::string_view shown) {
    return shown == path || (path.starts_with(shown) && path.substr(shown.size()).starts_with('.'));
  };
  if (settings_.quiet) return view.id == path;
  if (settings_.format == Format::Name) return view.name == path;
  const bool all = settings_.fields.empty() && settings_.format != Format::Tsv;
  const auto columns = columnsFor(view);
  return all || std::any_of(columns.begin(), columns.end(), [&](const Shown& one) { return holds(one.field); });
}

/// As it came, or the members of --fields.
std::string Printer::json(const JsonValue& object) const {
  if (settings_.fields.empty()) return toText(object);
  std::string text;
  JsonWriter out(text);
  out.beginObject();
  for (const std::string& field : settings_.fields) {
    const JsonValue* value = memberOf(object, field);
    out.key(field).raw(value == nullptr ? "null" : toText(*value));
  }
  out.endObject();
  return text;
}

void Printer::gather(const View& view, const JsonValue& items, Gathered& to) const {
  const auto shown = columnsFor(view);
  for (const JsonValue& item : items.GetArray()) {
    if (isTable()) {
      to.rows.emplace_back();
      for (const Shown& column : shown) to.rows.back().push_back(cell(item, column.field));
    } else {
      if (!to.json.empty()) to.json += ',';
      to.json += json(item);
    }
  }
}

bool Printer::streams() const {
  return settings_.quiet || settings_.format == Format::Ndjson || settings_.format == Format::Tsv ||
         settings_.format == Format::Name;
}

Outcome<void> Printer::written() {
  if (out_.good()) return {};
  return other("output", "cannot write to the standard output");
}

void Printer::header(const View& view) {
  if (settings_.quiet || settings_.noHeaders || settings_.format != Format::Tsv) return;
  std::string_view separator;
  for (const Shown& column : columnsFor(view)) {
    out_ << separator << visible(column.field);
    separator = "\t";
  }
  out_ << '\n';
}

void Printer::line(const View& view, const JsonValue& item) {
  if (settings_.quiet || settings_.format == Format::Name) {
    const JsonValue* value = item.IsObject() ? find(item, settings_.quiet ? view.id : view.name) : nullptr;
    if (value != nullptr) out_ << plain(*value, Backslash::Keep) << '\n';
  } else if (settings_.format == Format::Ndjson) {
    out_ << json(item) << '\n';
  } else {
    std::string_view separator;
    for (const Shown& column : columnsFor(view)) {
      out_ << separator << tsvCell(item, column.field);
      separator = "\t";
    }
    out_ << '\n';
  }
}

void Printer::lines(const View& view, const JsonValue& items) {
  for (const JsonValue& item : items.GetArray()) line(view, item);
}

Outcome<void> Printer::one(const View& view, std::string_view body, const JsonValue& object) {
  if (!object.IsObject()) return other("bad_answer", "the server's answer is no object");
  if (settings_.dryRun && find(object, "operation") != nullptr) {
    static const View kTried{"", "", {{"OPERATION", "operation"}, {"CHANGES", "changes"}, {"DRY RUN", "dryRun"}}};
    Settings whole = settings_;
    whole.fields.clear();
    return Printer(whole, out_).write(kTried, body, object);
  }
  CHATD_CHECK(checkFields(object));
  return write(view, body, object);
}

Outcome<void> Printer::write(const View& view, std::string_view body, const JsonValue& object) {
  if (streams()) {
    header(view);
    line(view, object);
  } else if (settings_.format == Format::Json) {
    if (settings_.fields.empty()) {
      out_ << body << (body.ends_with('\n') ? "" : "\n");
    } else {
      out_ << json(object) << '\n';
    }
  } else {
    const auto chosen = parseJson(json(object));
    CHATD_ASSERT(chosen.ok());  // written from parsed values just above
    if (settings_.format == Format::Yaml) {
      out_ << asYaml(*chosen);
    } else {
      Rows rows;
      describe(*chosen, "", rows);
      out_ << layOut(rows);
    }
  }
  return written();
}

void Printer::flush(const View& view, const Gathered& gathered, const std::optional<std::string>& cursor) {
  if (isTable()) {
    Rows rows;
    if (!settings_.noHeaders) {
      rows.emplace_back();
      for (const Shown& column : columnsFor(view)) rows.back().push_back(column.title);
    }
    rows.insert(rows.end(), gathered.rows.begin(), gathered.rows.end());
    std::string text = layOut(rows, settings_.columns);
    if (settings_.colorOut && !settings_.noHeaders) {
      const std::size_t end = text.find('\n');
      text = coloured(text.substr(0, end), Colour::Bold, true) + text.substr(end);
    }
    out_ << text;
    return;
  }
  std::string json = R"({"items":[)" + gathered.json + R"(],"nextCursor":)";
  if (cursor) {
    appendJsonString(json, *cursor);
  } else {
    json += "null";
  }
  json += '}';
  if (settings_.format == Format::Json) {
    out_ << json << '\n';
    return;
  }
  auto document = parseJson(json);
  CHATD_ASSERT(document.ok());  // built from parsed values just above
  out_ << asYaml(*document);
}

Outcome<void> Printer::list(const View& view, AdminClient& client, const ListCall& call) {
  Gathered gathered;
  bool first = true;
  CHATD_TRY(cursor, client.pages(call, [&](const JsonValue& page) -> Outcome<void> {
    // Of an empty list no item tells what there is.
    if (first) CHATD_CHECK(page.Empty() ? checkFields(view) : checkFields(page));
    if (!streams()) {
      gather(view, page, gathered);
      first = false;
      return {};
    }
    if (first) header(view);
    first = false;
    lines(view, page);
    out_.flush();
    return written();
  }));
  if (!streams()) flush(view, gathered, cursor);
  return written();
}

Outcome<void> Printer::items(const View& view, const JsonValue& array) {
  // Of an empty list no item tells what there is.
  CHATD_CHECK(array.IsArray() && array.Empty() ? checkFields(view) : checkFields(array));
  if (streams()) {
    header(view);
    lines(view, array);
  } else {
    Gathered gathered;
    gather(view, array, gathered);
    flush(view, gathered, std::nullopt);
  }
  return written();
}

Outcome<void> Printer::next(const View& view, const JsonValue& item) {
  if (!begun_) CHATD_CHECK(checkFields(item));
  if (!settings_.quiet && settings_.format == Format::Json) {
    out_ << json(item) << '\n';
  } else if (!settings_.quiet && settings_.format == Format::Yaml) {
    const auto chosen = parseJson(json(item));
    CHATD_ASSERT(chosen.ok());  // written from parsed values just above
    out_ << "---\n" << asYaml(*chosen);
  } else {
    if (!begun_) header(view);
    line(view, item);
  }
  begun_ = true;
  out_.flush();
  return written();
}

Outcome<void> Printer::text(std::string_view text) {
  out_ << text;
  return written();
}

}  // namespace chatd::cli

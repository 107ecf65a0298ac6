#include "cli/printer.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/visible.h"

namespace chatd::cli {

namespace {

bool isNested(const JsonValue& value) { return value.IsObject() || value.IsArray(); }

/// A value as text for people and lines: strings without quotes, null as nothing, nested values as compact JSON.
std::string plain(const JsonValue& value, Backslash backslash) {
  if (value.IsNull()) return {};
  if (value.IsString()) return visible(asView(value), backslash);
  return visible(toText(value), backslash);
}

/// The same for a cell of a list, where a nested list of objects would only blow up the row: its length.
std::string cell(const JsonValue& object, std::string_view field) {
  const JsonValue* value = object.IsObject() ? find(object, field) : nullptr;
  if (value == nullptr || value->IsNull()) return "-";
  if (value->IsArray() && std::any_of(value->Begin(), value->End(), isNested)) return fmt::format("{}", value->Size());
  return plain(*value, Backslash::Keep);
}

std::string tsvCell(const JsonValue& object, std::string_view field) {
  const JsonValue* value = object.IsObject() ? find(object, field) : nullptr;
  return value == nullptr ? std::string() : plain(*value, Backslash::Double);
}

/// FIELD VALUE rows of one object; members of nested objects as `login.password`.
void describe(const JsonValue& object, const std::string& prefix, std::vector<std::vector<std::string>>& rows) {
  for (const auto& member : object.GetObject()) {
    const std::string name = prefix + visible(asView(member.name));
    if (member.value.IsObject() && member.value.MemberCount() > 0) {
      describe(member.value, name + ".", rows);
    } else {
      rows.push_back({name, member.value.IsNull() ? "-" : plain(member.value, Backslash::Keep)});
    }
  }
}

}  // namespace

std::string layOut(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columnsOf(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - columnsOf(row[i]) + 2, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

struct Printer::Gathered {
  std::string json;  // items, joined by commas
  std::vector<std::vector<std::string>> rows;

  void add(const View& view, Format format, const JsonValue& items) {
    for (const JsonValue& item : items.GetArray()) {
      if (format == Format::Table) {
        std::vector<std::string> row;
        for (const Column& column : view.columns) row.push_back(cell(item, column.field));
        rows.push_back(std::move(row));
      } else {
        if (!json.empty()) json += ',';
        json += toText(item);
      }
    }
  }
};

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
  for (const Column& column : view.columns) {
    out_ << separator << column.field;
    separator = "\t";
  }
  out_ << '\n';
}

void Printer::line(const View& view, const JsonValue& item) {
  if (settings_.quiet || settings_.format == Format::Name) {
    const JsonValue* value = item.IsObject() ? find(item, settings_.quiet ? view.id : view.name) : nullptr;
    if (value != nullptr) out_ << plain(*value, Backslash::Keep) << '\n';
  } else if (settings_.format == Format::Ndjson) {
    out_ << toText(item) << '\n';
  } else {
    std::string_view separator;
    for (const Column& column : view.columns) {
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
  if (streams()) {
    header(view);
    line(view, object);
  } else if (settings_.format == Format::Json) {
    out_ << body << (body.ends_with('\n') ? "" : "\n");
  } else if (settings_.format == Format::Yaml) {
    out_ << asYaml(object);
  } else {
    std::vector<std::vector<std::string>> rows;
    describe(object, "", rows);
    out_ << layOut(rows);
  }
  return written();
}

void Printer::flush(const View& view, const Gathered& gathered, const std::optional<std::string>& cursor) {
  if (settings_.format == Format::Table) {
    std::vector<std::vector<std::string>> rows;
    if (!settings_.noHeaders) {
      rows.emplace_back();
      for (const Column& column : view.columns) rows.back().emplace_back(column.title);
    }
    rows.insert(rows.end(), gathered.rows.begin(), gathered.rows.end());
    out_ << layOut(rows);
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
    if (!streams()) {
      gathered.add(view, settings_.format, page);
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
  if (streams()) {
    header(view);
    lines(view, array);
  } else {
    Gathered gathered;
    gathered.add(view, settings_.format, array);
    flush(view, gathered, std::nullopt);
  }
  return written();
}

Outcome<void> Printer::text(std::string_view text) {
  out_ << text;
  return written();
}

}  // namespace chatd::cli

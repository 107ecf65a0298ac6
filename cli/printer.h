// Printer: REST objects as table, json, ndjson, yaml, tsv or name. JSON goes out as the server wrote it; every other form
// passes visible(), so that nobody's name or text can forge a line. --fields chooses columns, and members of JSON. Owned by
// run(). Thread: the one of run().
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/client.h"
#include "cli/failure.h"
#include "cli/layout.h"
#include "cli/settings.h"

namespace chatd::cli {

/// How a noun looks: rows of a table are its columns, `-q` prints `id`, `-o name` prints `name`.
struct Column {
  std::string_view title;
  std::string_view field;  ///< member of the object; "ban.until" is a member of a member
  bool wide = false;       ///< only with -o wide
};
struct View {
  std::string_view id;
  std::string_view name;
  std::vector<Column> columns;
  std::vector<std::string_view> members = {};  ///< of the object besides those of the columns, where Verb::written names it
};

class Printer {
 public:
  Printer(const Settings& settings, std::ostream& out) : settings_(settings), out_(out) {}

  /// Refuses a --fields that the view has not, before anything is written: what is printed from here on is taken as it is.
  /// Errors: Exit::Usage with what was meant.
  [[nodiscard]] Outcome<void> expect(const View& view);
  /// True if one() of this view has this member ("login.password") in its output, if the object has it.
  [[nodiscard]] bool shows(const View& view, std::string_view path) const;

  /// One object; `body` is its JSON as it came. What a server says to --dry-run is shown as that, whatever the view. Errors:
  /// Exit::Usage for a --fields that the object has not.
  [[nodiscard]] Outcome<void> one(const View& view, std::string_view body, const JsonValue& object);
  [[nodiscard]] Outcome<void> one(const View& view, const Answer& answer) { return one(view, answer.body, answer.document); }
  /// All pages of a list. ndjson, tsv, name and -q go out page by page; the others need the whole.
  [[nodiscard]] Outcome<void> list(const View& view, AdminClient& client, const ListCall& call);
  /// An array that is at hand, in the envelope of a list.
  [[nodiscard]] Outcome<void> items(const View& view, const JsonValue& array);
  /// An item of what has no end (tail, watch): a line each in every format, table and wide as tsv; yaml as a document.
  [[nodiscard]] Outcome<void> next(const View& view, const JsonValue& item);
  /// Text as it is.
  [[nodiscard]] Outcome<void> text(std::string_view text);

 private:
  struct Shown {
    std::string title, field;
  };
  struct Gathered;  // the whole of a list for the formats that cannot stream

  [[nodiscard]] std::vector<Shown> columnsFor(const View& view) const;
  [[nodiscard]] Outcome<void> checkFields(const JsonValue& object) const;
  [[nodiscard]] Outcome<void> checkFields(const std::vector<std::string>& known) const;
  [[nodiscard]] Outcome<void> checkFields(const View& view) const;
  [[nodiscard]] std::string json(const JsonValue& object) const;
  [[nodiscard]] Outcome<void> write(const View& view, std::string_view body, const JsonValue& object);
  void gather(const View& view, const JsonValue& items, Gathered& to) const;
  void header(const View& view);
  void lines(const View& view, const JsonValue& items);
  void line(const View& view, const JsonValue& item);
  void flush(const View& view, const Gathered& gathered, const std::optional<std::string>& cursor);
  [[nodiscard]] bool streams() const;
  [[nodiscard]] bool isTable() const { return settings_.format == Format::Table || settings_.format == Format::Wide; }
  [[nodiscard]] Outcome<void> written();

  const Settings& settings_;
  std::ostream& out_;
  bool begun_ = false;          // by next()
  bool fieldsChecked_ = false;  // by expect()
};

/// A JSON value as one YAML document, strings quoted so that "1" and "true" stay strings.
[[nodiscard]] std::string asYaml(const JsonValue& value);

}  // namespace chatd::cli

#include "cli/command.h"

#include <charconv>
#include <fstream>
#include <istream>
#include <iterator>
#include <ostream>
#include <sstream>

#include <fmt/format.h>

#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr char kShield = '\x01';
constexpr std::size_t kMaxInput = 16UL << 20U;

Outcome<std::string> readAll(std::istream& in, const std::string& what) {
  std::string text(kMaxInput + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad()) return usage(fmt::format("cannot read {}", what));
  if (text.size() > kMaxInput) return usage(fmt::format("{} is larger than 16 MiB", what));
  return text;
}

}  // namespace

CLI::Option* bindWord(CLI::App& command, const std::string& names, std::optional<std::string>& to, const std::string& help) {
  auto* option = command.add_option(
      names,
      [&to](const CLI::results_t& words) {
        to = unshield(words.back());
        return true;
      },
      help);
  // Positionals take their own name as the placeholder, options a general one.
  return option->type_name(names.starts_with('-') ? "TEXT" : "")->type_size(1);
}

CLI::Option* bindWord(CLI::App& command, const std::string& names, std::string& to, const std::string& help) {
  auto* option = command.add_option(
      names,
      [&to](const CLI::results_t& words) {
        to = unshield(words.back());
        return true;
      },
      help);
  option->type_name(names.starts_with('-') ? "TEXT" : "")->type_size(1);
  if (names.starts_with('-')) return option;
  const auto check = [](const std::string& word) {
    return word.empty() ? std::string("is empty; is a variable of the shell not set?") : std::string();
  };
  return option->required()->check(CLI::Validator(check, ""));
}

CLI::Option* bindWords(CLI::App& command, const std::string& name, std::vector<std::string>& to, const std::string& help) {
  auto* option = command.add_option(
      name,
      [&to](const CLI::results_t& words) {
        for (const std::string& word : words) to.push_back(unshield(word));
        return true;
      },
      help);
  return option->type_name("")->type_size(1)->expected(CLI::detail::expected_max_vector_size)->required();
}

CLI::Validator numberFrom1() {
  const auto check = [](const std::string& word) {
    std::uint64_t value = 0;
    const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool good = fault == std::errc() && end == word.data() + word.size() && value > 0;
    return good ? std::string() : fmt::format("not a number from 1 on: {}", visible(unshield(word)));
  };
  return CLI::Validator(check, "");
}

CLI::Option* bindLimit(CLI::App& command, std::uint64_t& to) {
  return command.add_option("--limit", to, "at most so many items; all without it")->type_name("N")->check(numberFrom1());
}

std::vector<std::string> shield(const std::vector<std::string>& words) {
  std::vector<std::string> shielded;
  bool plainWords = false;
  for (const std::string& word : words) {
    if (!plainWords && word == "--") {
      plainWords = true;
    } else if (plainWords || word.starts_with('[') || word.starts_with(kShield)) {
      shielded.push_back(kShield + word);
    } else {
      shielded.push_back(word);
    }
  }
  return shielded;
}

std::string unshield(const std::string& word) { return word.starts_with(kShield) ? word.substr(1) : word; }

void note(Invocation& run, const std::string& text) {
  if (run.settings.quiet) return;
  // In one go: lines of several chatctl that write into one log stay whole.
  run.io.err << fmt::format("chatctl: {}{}\n", run.settings.dryRun ? "dry run: " : "", visible(text));
}

void tellSecrets(Invocation& run, const View& view, const JsonValue& object, const std::string& what) {
  const JsonValue* login = object.IsObject() ? find(object, "login") : nullptr;
  const auto key = stringField(object, "apiKey");
  const auto password = login != nullptr ? stringField(*login, "password") : std::nullopt;
  if (!key && !password) return;
  // Of a full disk, or a reader that has gone, nothing was shown.
  run.io.out.flush();
  const auto shown = [&](std::string_view path) { return run.io.out.good() && run.printer.shows(view, path); };
  std::vector<std::string> missing;
  if (key && !shown("apiKey")) missing.push_back("apiKey " + *key);
  if (password && !shown("login.password"))
    missing.push_back(fmt::format("login {} password {}", stringField(*login, "login").value_or("?"), *password));
  if (missing.empty()) return note(run, fmt::format("the secrets of {} are shown this once: keep them", what));
  run.io.err << fmt::format("chatctl: of {}, shown this once, keep it: {}\n", visible(what),
                            visible(fmt::format("{}", fmt::join(missing, ", "))));
}

Outcome<void> printSecrets(Invocation& run, const View& view, const Answer& answer, const std::string& what) {
  auto printed = run.printer.one(view, answer);
  tellSecrets(run, view, answer.document, what);
  return printed;
}

Outcome<void> confirm(Invocation& run, const std::string& question) {
  if (run.settings.yes || run.settings.dryRun) return {};
  if (!run.io.inIsTerminal || run.settings.noInput)
    return usage(fmt::format("{} Nobody is at the terminal to say yes.", visible(question)), "Add --yes.");
  const auto word = run.io.ask(visible(question) + " [y/N] ", false);
  if (word && (*word == "y" || *word == "Y" || *word == "yes")) return {};
  return other("declined", "nothing was changed");
}

Outcome<void> confirmByName(Invocation& run, const std::string& what, const std::string& name) {
  const std::string hint = fmt::format("Add --yes --confirm {}.", visible(name));
  if (run.settings.confirm && *run.settings.confirm != name) {
    return usage(fmt::format("--confirm says {}, but this is {}", visible(*run.settings.confirm), visible(name)), hint);
  }
  if ((run.settings.yes && run.settings.confirm) || run.settings.dryRun) return {};
  if (!run.io.inIsTerminal || run.settings.noInput) return usage(fmt::format("{} cannot be undone.", visible(what)), hint);
  const auto word =
      run.io.ask(fmt::format("{} cannot be undone. Type its name ({}) to go on: ", visible(what), visible(name)), false);
  if (word && *word == name) return {};
  return other("declined", "nothing was changed");
}

void sayReading(Invocation& run) {
  if (run.io.inIsTerminal) note(run, "reading from the terminal: Ctrl-D at the beginning of a line ends it");
}

Outcome<std::string> readInput(Invocation& run) {
  sayReading(run);
  return readAll(run.io.in, "the standard input");
}

Outcome<std::string> inlineOrFile(Invocation& run, const std::string& word) {
  if (!word.starts_with('@')) return word;
  if (word == "@-") return readInput(run);
  const std::string path = word.substr(1);
  std::ifstream file(path, std::ios::binary);
  if (!file) return usage(fmt::format("cannot read the file {}", visible(path)));
  return readAll(file, "the file " + visible(path));
}

Outcome<std::vector<std::string>> commaList(const std::string& text, const std::string& what) {
  std::vector<std::string> parts;
  std::istringstream rest(text);
  for (std::string part; std::getline(rest, part, ',');) {
    if (part.empty()) return usage(fmt::format("{} has an empty entry", what), "Write them as 1,2,3.");
    parts.push_back(std::move(part));
  }
  if (text.ends_with(',')) return usage(fmt::format("{} has an empty entry", what), "Write them as 1,2,3.");
  return parts;
}

Outcome<std::chrono::seconds> parseDuration(const std::string& text, const std::string& what) {
  constexpr std::int64_t kMost = 10L * 366 * 86400;
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t scale = unit.empty() || unit == "s" ? 1
                             : unit == "m"               ? 60
                             : unit == "h"               ? 3600
                             : unit == "d"               ? 86400
                                                         : 0;
  if (fault != std::errc() || scale == 0 || value <= 0 || value > kMost / scale)
    return usage(fmt::format("{}: how long is {}?", what, visible(text)), "Use seconds (90) or a unit: 15m, 24h, 7d.");
  return std::chrono::seconds(value * scale);
}

Outcome<std::string> jsonWord(Invocation& run, const std::string& word, std::string_view what) {
  CHATD_TRY(text, inlineOrFile(run, word));
  const auto parsed = parseJson(text);
  if (!parsed.ok()) return badJson(what, parsed.error());
  return toText(parsed.value());
}

}  // namespace chatd::cli

// watch stats: the daemon's numbers, again and again. REST: /server.
#include <memory>
#include <ostream>
#include <thread>

#include <fmt/format.h>

#include "cli/layout.h"
#include "cli/nouns/nouns.h"

namespace chatd::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kSlice{50};

const View kStats{"time",
                  "time",
                  {{"TIME", "time"},
                   {"SESSIONS", "sessions"},
                   {"TRANSPORTS", "transports"},
                   {"DELIVERIES/S", "deliveriesPerSecond"},
                   {"COMMITS/S", "commitsPerSecond"},
                   {"WRITES/S", "writesPerSecond"},
                   {"READY", "ready"}}};
constexpr std::size_t kWidths[] = {24, 8, 10, 12, 9, 8, 5};

struct Sample {
  Clock::time_point at;
  std::int64_t deliveries = 0, commits = 0, writes = 0;
};

/// One look at the daemon: its object with rates since the look before.
Outcome<std::string> look(Invocation& run, std::optional<Sample>& before) {
  CHATD_TRY(answer, run.client.get("/server"));
  const JsonValue& server = answer.document;
  Sample now{Clock::now(), 0, 0, 0};
  CHATD_TRY(deliveries, integerField(server, "deliveries"));
  CHATD_TRY(commits, integerField(server, "commits"));
  CHATD_TRY(writes, integerField(server, "writes"));
  now.deliveries = deliveries;
  now.commits = commits;
  now.writes = writes;
  std::string text;
  JsonWriter json(text);
  json.beginObject();
  for (const auto& member : server.GetObject()) json.key(asView(member.name)).raw(toText(member.value));
  const auto rate = [&](const char* key, std::int64_t Sample::*count) {
    json.key(key);
    // After a restart the counts begin again: no rate is better than a negative one.
    if (!before || now.*count < (*before).*count) return void(json.null());
    const double seconds = std::chrono::duration<double>(now.at - before->at).count();
    json.raw(fmt::format("{:.1f}", static_cast<double>(now.*count - (*before).*count) / seconds));
  };
  rate("deliveriesPerSecond", &Sample::deliveries);
  rate("commitsPerSecond", &Sample::commits);
  rate("writesPerSecond", &Sample::writes);
  json.endObject();
  before = now;
  return text;
}

std::string row(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += fmt::format("{:<{}}  ", cells[i], kWidths[i]);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

Outcome<void> show(Invocation& run, const JsonValue& stats, bool first) {
  const bool table = run.settings.format == Format::Table || run.settings.format == Format::Wide;
  if (run.settings.quiet || !table) return run.printer.next(kStats, stats);
  std::vector<std::string> titles;
  std::vector<std::string> cells;
  for (const Column& column : kStats.columns) {
    titles.emplace_back(column.title);
    const JsonValue* value = find(stats, column.field);
    cells.push_back(value == nullptr || value->IsNull() ? "-"
                    : value->IsString()                 ? std::string(asView(*value))
                                                        : toText(*value));
  }
  if (first && !run.settings.noHeaders)
    CHATD_CHECK(run.printer.text(coloured(row(titles), Colour::Bold, run.settings.colorOut)));
  CHATD_CHECK(run.printer.text(row(cells)));
  run.io.out.flush();
  return {};
}

Handler stats(CLI::App& command) {
  struct Words {
    std::optional<std::string> interval;
    std::uint64_t limit = kAllItems;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "--interval", words->interval, "how long between two looks: 500ms, 5s; 1 s by itself")
      ->type_name("TIME");
  bindLimit(command, words->limit);
  return [words](Invocation& run) -> Outcome<void> {
    std::chrono::milliseconds interval{1000};
    if (words->interval) {
      CHATD_TRY(time, parseTimeout(*words->interval));
      interval = time;
    }
    if (run.io.deferInterrupt) run.io.deferInterrupt();
    const auto interrupted = [&] { return run.io.interrupted && run.io.interrupted(); };
    std::optional<Sample> before;
    for (std::uint64_t shown = 0; shown < words->limit; ++shown) {
      CHATD_TRY(text, look(run, before));
      const auto document = parseJson(text);
      CHATD_ASSERT(document.ok());  // written from a parsed answer
      CHATD_CHECK(show(run, *document, shown == 0));
      const auto until = Clock::now() + interval;
      while (shown + 1 < words->limit && !interrupted() && Clock::now() < until)
        std::this_thread::sleep_for(std::min<Clock::duration>(kSlice, until - Clock::now()));
      if (interrupted()) return Failure{Exit::Interrupted, "interrupted", {}, {}, {}};
    }
    return {};
  };
}

}  // namespace

const Noun& watchNoun() {
  static const Noun noun{
      "watch", "The daemon's numbers", {{"stats", "Show load and rates, a line a second, until Ctrl-C", stats}}};
  return noun;
}

}  // namespace chatd::cli

// tail: what is said, as it is said. REST: /room, /chats/{id}/messages. It asks for what comes after the seq it has seen, so
// a restart of the daemon, or of the network, loses nothing and repeats nothing.
#include <algorithm>
#include <map>
#include <memory>
#include <ostream>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/nouns/nouns.h"
#include "cli/nouns/rooms.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPoll{500};
constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::seconds kLookAtRooms{5};

const View kMessages{
    "id", "id", {{"CREATED", "createdAt"}, {"ROOM", "room"}, {"SEQ", "seq"}, {"USER ID", "userId"}, {"TEXT", "text"}}};

struct TailWords {
  std::vector<std::string> rooms;
  std::optional<std::string> since;
  std::uint64_t limit = kAllItems;
};

/// Where a tail begins: a seq, a time, or now.
struct Begin {
  std::optional<std::int64_t> seq;
  std::optional<std::string> time;  ///< RFC 3339 UTC with milliseconds, as the server writes it
};

Outcome<Begin> beginOf(const std::optional<std::string>& since) {
  if (!since) return Begin{};
  if (*since == "all") return Begin{0, {}};
  if (isDigits(*since) && since->size() <= 15) return Begin{std::stoll(*since), {}};
  const auto isDate = [](const std::string& text) {
    return text.size() == 10 && text[4] == '-' && text[7] == '-' && isDigits(text.substr(0, 4)) &&
           isDigits(text.substr(5, 2)) && isDigits(text.substr(8));
  };
  if (isDate(*since)) return Begin{{}, *since + "T00:00:00.000Z"};
  // A time as the server writes it compares as text.
  if (since->size() >= 20 && (*since)[4] == '-' && (*since)[10] == 'T' && since->ends_with('Z')) {
    std::string time = *since;
    if (time.size() == 20) time.insert(19, ".000");
    return Begin{{}, time};
  }
  auto ago = parseDuration(*since, "--since");
  if (!ago.ok()) {
    return usage(fmt::format("--since: not a seq, a time or a duration: {}", visible(*since)),
                 "Use all, a seq (17), a duration (10m), a date (2026-01-31) or a time (2026-01-31T00:00:00Z).");
  }
  const auto then = std::chrono::system_clock::now() - ago.value();
  return Begin{{}, fmt::format("{:%Y-%m-%dT%H:%M:%S}.000Z", fmt::gmtime(std::chrono::system_clock::to_time_t(then)))};
}

struct Followed {
  std::int64_t id = 0;
  std::string name;
  std::int64_t seen = 0;                       ///< seq
  std::map<std::int64_t, std::string> people;  ///< user id → appUserId
};

class Tail {
 public:
  Tail(Invocation& run, const TailWords& words, Begin begin) : run_(run), words_(words), begin_(std::move(begin)) {}
  Outcome<void> work();

 private:
  Outcome<void> findRooms(bool first);
  Outcome<void> follow(const JsonValue& room, bool first);
  Outcome<std::int64_t> startOf(const JsonValue& room, std::int64_t id, bool first);
  Outcome<std::int64_t> seqBefore(std::int64_t id, const std::string& time);
  Outcome<void> read(Followed& room);
  Outcome<void> show(Followed& room, const JsonValue& message);
  Outcome<void> round();
  [[nodiscard]] bool ended() const { return left_ == 0 || (run_.io.interrupted && run_.io.interrupted()); }
  void pause(std::chrono::milliseconds time) const;

  Invocation& run_;
  const TailWords& words_;
  const Begin begin_;
  std::uint64_t left_ = 0;
  std::map<std::int64_t, Followed> rooms_;
  Clock::time_point looked_;
};

std::int64_t lastSeq(const JsonValue& room) {
  const JsonValue* last = room.IsObject() ? find(room, "lastMessage") : nullptr;
  const auto seq = last != nullptr && last->IsObject() ? integerField(*last, "seq") : Outcome<std::int64_t>(0);
  return seq.ok() ? seq.value() : 0;
}

/// In slices, so that Ctrl-C is heard.
void Tail::pause(std::chrono::milliseconds time) const {
  const auto until = Clock::now() + time;
  while (!ended() && Clock::now() < until)
    std::this_thread::sleep_for(std::min<Clock::duration>(kPoll / 5, until - Clock::now()));
}

/// The seq of the last message before `time`; read backwards, because seq and time rise together.
Outcome<std::int64_t> Tail::seqBefore(std::int64_t id, const std::string& time) {
  std::int64_t found = 0;
  bool reached = false;
  std::optional<std::string> cursor;
  while (!reached) {
    Query query{{"limit", "100"}};
    if (cursor) query.emplace_back("cursor", *cursor);
    CHATD_TRY(answer, run_.client.get(fmt::format("/chats/{}/messages", id), query));
    const JsonValue* items = answer.document.IsObject() ? find(answer.document, "items") : nullptr;
    if (items == nullptr || !items->IsArray()) return other("bad_answer", "the server's answer is no list");
    for (const JsonValue& item : items->GetArray()) {
      if (stringField(item, "createdAt").value_or("") >= time) continue;
      CHATD_TRY(seq, integerField(item, "seq"));
      found = seq;
      reached = true;
      break;
    }
    cursor = stringField(answer.document, "nextCursor");
    if (!cursor) break;
  }
  return found;
}

Outcome<std::int64_t> Tail::startOf(const JsonValue& room, std::int64_t id, bool first) {
  if (!first) return std::int64_t{0};  // a room that came while we watched is shown from its beginning
  if (begin_.seq) return *begin_.seq;
  if (begin_.time) return seqBefore(id, *begin_.time);
  return lastSeq(room);
}

Outcome<void> Tail::follow(const JsonValue& room, bool first) {
  CHATD_TRY(id, integerField(room, "id"));
  const auto known = rooms_.find(id);
  if (known != rooms_.end()) {
    // Less than we have seen: a backup was restored, or the room made anew. What is there now is new to us.
    if (lastSeq(room) < known->second.seen) {
      note(run_,
           fmt::format("room {} has another history now: it is shown from seq {}", known->second.name, lastSeq(room) + 1));
      known->second.seen = lastSeq(room);
    }
    return {};
  }
  Followed followed;
  followed.id = id;
  followed.name = stringField(room, "room").value_or("");
  CHATD_TRY(start, startOf(room, id, first));
  followed.seen = start;
  rooms_.emplace(id, std::move(followed));
  return {};
}

Outcome<void> Tail::findRooms(bool first) {
  looked_ = Clock::now();
  if (words_.rooms.empty()) {
    CHATD_TRY(query, run_.client.appQuery());
    CHATD_TRY(end, run_.client.pages({"/room", query}, [&](const JsonValue& items) -> Outcome<void> {
      for (const JsonValue& item : items.GetArray()) CHATD_CHECK(follow(item, first));
      return {};
    }));
    static_cast<void>(end);
    return {};
  }
  for (const std::string& name : words_.rooms) {
    CHATD_TRY(room, first ? findRoom(run_, name) : lookUpRoom(run_, name));
    CHATD_CHECK(follow(room.document, first));
  }
  return {};
}

Outcome<void> Tail::show(Followed& room, const JsonValue& message) {
  CHATD_TRY(seq, integerField(message, "seq"));
  CHATD_TRY(sender, integerField(message, "userId"));
  room.seen = seq;
  if (left_ == 0) return {};
  --left_;
  const Format format = run_.settings.format;
  if (run_.settings.quiet || (format != Format::Table && format != Format::Wide))
    return run_.printer.next(kMessages, message);
  if (room.people.find(sender) == room.people.end()) {
    // Known by the members; who has left since stays a number.
    CHATD_TRY(whole, run_.client.get(fmt::format("/room/{}", room.id)));
    const JsonValue* members = whole.document.IsObject() ? find(whole.document, "members") : nullptr;
    if (members != nullptr && members->IsArray()) {
      for (const JsonValue& member : members->GetArray()) {
        const auto id = integerField(member, "id");
        const JsonValue* name = member.IsObject() ? find(member, "appUserId") : nullptr;
        if (id.ok() && name != nullptr) room.people[id.value()] = textOf(*name);
      }
    }
    room.people.emplace(sender, fmt::format("#{}", sender));
  }
  const std::string where = fmt::format("{} {}", stringField(message, "createdAt").value_or("-"), visible(room.name));
  const std::string who = coloured(visible(room.people[sender]), Colour::Bold, run_.settings.colorOut);
  const std::string text = visible(stringField(message, "text").value_or(""));
  return run_.printer.text(fmt::format("{} {}: {}\n", where, who, stringField(message, "deletedAt") ? "(deleted)" : text));
}

/// All that came after what we have seen, oldest first.
Outcome<void> Tail::read(Followed& room) {
  for (bool more = true; more && !ended();) {
    const Query query{{"after", fmt::format("{}", room.seen)}, {"limit", "100"}};
    CHATD_TRY(answer, run_.client.get(fmt::format("/chats/{}/messages", room.id), query));
    const JsonValue* items = answer.document.IsObject() ? find(answer.document, "items") : nullptr;
    if (items == nullptr || !items->IsArray()) return other("bad_answer", "the server's answer is no list");
    for (rapidjson::SizeType i = items->Size(); i > 0; --i) CHATD_CHECK(show(room, (*items)[i - 1]));
    more = stringField(answer.document, "nextCursor").has_value();
  }
  run_.io.out.flush();
  return {};
}

Outcome<void> Tail::round() {
  if (Clock::now() - looked_ >= kLookAtRooms) CHATD_CHECK(findRooms(false));
  for (auto& [id, room] : rooms_) {
    if (ended()) break;
    CHATD_CHECK(read(room));
  }
  return {};
}

Outcome<void> Tail::work() {
  left_ = words_.limit;
  CHATD_CHECK(findRooms(true));
  if (run_.io.deferInterrupt) run_.io.deferInterrupt();
  auto pauseTime = kPoll;
  while (!ended()) {
    auto outcome = round();
    if (!outcome.ok() && outcome.error().exit != Exit::Unreachable) return outcome;
    if (!outcome.ok() && pauseTime == kPoll) note(run_, outcome.error().message + "; trying again, nothing will be lost");
    if (outcome.ok() && pauseTime != kPoll) note(run_, "the daemon is back");
    pauseTime = outcome.ok() ? kPoll : std::min(pauseTime * 2, kLongestPause);
    pause(pauseTime);
  }
  if (left_ == 0) return {};
  return Failure{Exit::Interrupted, "interrupted", {}, {}, {}};  // how a tail ends: nothing to say
}

Handler tail(CLI::App& command) {
  auto words = std::make_shared<TailWords>();
  bindWords(command, "ROOM", words->rooms, "rooms by name or id; all of the app by itself")->required(false);
  bindWord(command, "--since", words->since,
           "begin at a seq (exclusive), a time, a duration ago (10m), or all; now by itself")
      ->type_name("FROM");
  bindLimit(command, words->limit);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(begin, beginOf(words->since));
    return Tail(run, *words, begin).work();
  };
}

}  // namespace

const Noun& tailNoun() {
  static const Noun noun{"", "Live", {{"tail", "Show messages as they are said, until Ctrl-C", tail}}};
  return noun;
}

}  // namespace chatd::cli

// export, import: an app's users, rooms and messages as lines of JSON. REST: /user, /room, /chats/{id}/messages.
#include <Poco/DeflatingStream.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "cli/import_job.h"
#include "cli/nouns/nouns.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::size_t kMembersInLists = 100;  // GET /room shows so many of a room; GET /room/{id} shows all
constexpr std::uint64_t kMostWorkers = 64;

struct ExportWords {
  std::optional<std::string> file;
  bool gzip = false, messages = false;
};

/// Writes the rows of one app: users, rooms, messages, bans, so that an import finds what a row needs.
class Exporter {
 public:
  Exporter(Invocation& run, Query app, std::ostream& out) : run_(run), app_(std::move(app)), out_(out) {}
  Outcome<void> work(bool messages);
  std::uint64_t rows = 0;

 private:
  using Each = std::function<Outcome<void>(const JsonValue&)>;
  Outcome<void> every(const std::string& path, const Each& each);
  Outcome<void> user(const JsonValue& user);
  Outcome<void> room(const JsonValue& room);
  Outcome<void> messagesOf(std::int64_t roomId, const std::string& name);
  Outcome<void> message(const JsonValue& message, const std::string& room);
  Outcome<void> write(const std::string& line);

  Invocation& run_;
  const Query app_;
  std::ostream& out_;
  std::map<std::int64_t, std::string> names_;                // user id → appUserId as JSON
  std::vector<std::pair<std::int64_t, std::string>> rooms_;  // for the messages
  std::vector<std::string> bans_;                            // rows, for the end
};

Outcome<void> Exporter::every(const std::string& path, const Each& each) {
  CHATD_TRY(end, run_.client.pages({path, app_}, [&](const JsonValue& items) -> Outcome<void> {
    for (const JsonValue& item : items.GetArray()) CHATD_CHECK(each(item));
    return {};
  }));
  static_cast<void>(end);
  return {};
}

Outcome<void> Exporter::write(const std::string& line) {
  out_ << line << '\n';
  ++rows;
  if (!out_) return other("output", "cannot write the export");
  if (run_.io.interrupted && run_.io.interrupted()) return Failure{Exit::Interrupted, "interrupted", "interrupted", {}, {}};
  return {};
}

void copy(JsonWriter& out, const JsonValue& from, std::initializer_list<const char*> members) {
  for (const char* name : members) {
    const JsonValue* value = find(from, name);
    if (value != nullptr && !value->IsNull()) out.key(name).raw(toText(*value));
  }
}

Outcome<void> Exporter::user(const JsonValue& user) {
  CHATD_TRY(id, integerField(user, "id"));
  const JsonValue* name = find(user, "appUserId");
  if (name == nullptr) return other("bad_answer", "the server's answer has no appUserId");
  names_[id] = toText(*name);
  std::string line;
  JsonWriter out(line);
  out.beginObject().field("kind", "user");
  copy(out, user, {"appUserId", "firstName", "middleName", "lastName", "metadata"});
  out.endObject();
  CHATD_CHECK(write(line));
  const JsonValue* ban = find(user, "ban");
  if (ban == nullptr || !ban->IsObject()) return {};
  std::string banned;
  JsonWriter last(banned);
  last.beginObject().field("kind", "ban").key("appUserId").raw(toText(*name));
  copy(last, *ban, {"until", "reason"});
  last.endObject();
  bans_.push_back(std::move(banned));
  return {};
}

Outcome<void> Exporter::room(const JsonValue& room) {
  CHATD_TRY(id, integerField(room, "id"));
  JsonDocument whole;
  const JsonValue* members = find(room, "members");
  if (members == nullptr || !members->IsArray() || members->Size() >= kMembersInLists) {
    CHATD_TRY(answer, run_.client.get(fmt::format("/room/{}", id), app_));
    whole = std::move(answer.document);
    members = whole.IsObject() ? find(whole, "members") : nullptr;
  }
  if (members == nullptr || !members->IsArray()) return other("bad_answer", "the server's answer has no members");
  std::string line;
  JsonWriter out(line);
  out.beginObject().field("kind", "room");
  copy(out, room, {"room", "type", "name", "metadata"});
  for (const char* role : {"", "moderator"}) {
    out.key(*role == '\0' ? "users" : "moderators").beginArray();
    for (const JsonValue& member : members->GetArray()) {
      const JsonValue* name = member.IsObject() ? find(member, "appUserId") : nullptr;
      if (name != nullptr && (*role == '\0' || stringField(member, "role") == role)) out.raw(toText(*name));
    }
    out.endArray();
  }
  out.endObject();
  rooms_.emplace_back(id, stringField(room, "room").value_or(""));
  return write(line);
}

Outcome<void> Exporter::message(const JsonValue& message, const std::string& room) {
  const JsonValue* deleted = find(message, "deletedAt");
  // What was deleted has no text, and a message without one cannot be said again.
  if (deleted != nullptr && !deleted->IsNull()) return {};
  CHATD_TRY(sender, integerField(message, "userId"));
  const auto name = names_.find(sender);
  if (name == names_.end()) return {};  // of a user who is deleted
  std::string line;
  JsonWriter out(line);
  out.beginObject().field("kind", "message").field("room", room).key("appUserId").raw(name->second);
  copy(out, message, {"text", "clientMsgId", "metadata", "seq", "createdAt"});
  out.endObject();
  return write(line);
}

Outcome<void> Exporter::messagesOf(std::int64_t roomId, const std::string& name) {
  // Upwards; a page is newest first.
  ListCall list{fmt::format("/chats/{}/messages", roomId), app_, kAllItems, {{"after", "0"}}};
  CHATD_TRY(end, run_.client.pages(list, [&](const JsonValue& items) -> Outcome<void> {
    for (rapidjson::SizeType i = items.Size(); i > 0; --i) CHATD_CHECK(message(items[i - 1], name));
    return {};
  }));
  static_cast<void>(end);
  return {};
}

Outcome<void> Exporter::work(bool messages) {
  CHATD_CHECK(every("/user", [this](const JsonValue& item) { return user(item); }));
  CHATD_CHECK(every("/room", [this](const JsonValue& item) { return room(item); }));
  for (const auto& [id, name] : rooms_) {
    if (messages) CHATD_CHECK(messagesOf(id, name));
  }
  for (const std::string& ban : bans_) CHATD_CHECK(write(ban));
  return {};
}

/// The rows through gzip if asked, to `out`.
Outcome<std::uint64_t> exportTo(Invocation& run, const ExportWords& words, std::ostream& out) {
  CHATD_TRY(app, run.client.appQuery());
  if (!words.gzip) {
    Exporter exporter(run, app, out);
    CHATD_CHECK(exporter.work(words.messages));
    return exporter.rows;
  }
  Poco::DeflatingOutputStream packed(out, Poco::DeflatingStreamBuf::STREAM_GZIP);
  Exporter exporter(run, app, packed);
  CHATD_CHECK(exporter.work(words.messages));
  packed.close();
  return exporter.rows;
}

/// To a neighbour that is renamed: a half export is never taken for a whole one.
Outcome<std::uint64_t> exportToFile(Invocation& run, const ExportWords& words) {
  const std::string neighbour = *words.file + ".part";
  std::ofstream out(neighbour, std::ios::binary | std::ios::trunc);
  if (!out) return usage(fmt::format("cannot write {}", visible(neighbour)));
  ::chmod(neighbour.c_str(), S_IRUSR | S_IWUSR);
  auto rows = exportTo(run, words, out);
  out.close();
  const bool good = rows.ok() && out && std::rename(neighbour.c_str(), words.file->c_str()) == 0;
  if (!good) std::remove(neighbour.c_str());
  if (!rows.ok() || good) return rows;
  return other("output", fmt::format("cannot write {}", visible(*words.file)));
}

Handler exportRows(CLI::App& command) {
  auto words = std::make_shared<ExportWords>();
  bindWord(command, "-f,--file", words->file, "write to this file (0600); the standard output by itself")->type_name("FILE");
  command.add_flag("--gzip", words->gzip, "compress");
  command.add_flag("--messages", words->messages, "also the messages, room after room, oldest first");
  return [words](Invocation& run) -> Outcome<void> {
    if (run.io.deferInterrupt) run.io.deferInterrupt();
    CHATD_TRY(rows, words->file ? exportToFile(run, *words) : exportTo(run, *words, run.io.out));
    note(run, fmt::format("{} rows exported", rows));
    return {};
  };
}

Handler importRows(CLI::App& command) {
  struct Words {
    std::string file, onError = "continue";
    std::optional<std::string> rejects;
    std::uint64_t concurrency = 8;
    bool gzip = false, resume = false;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "FILE", words->file, "lines of JSON as `export` writes them, also gzipped; - for standard input");
  command.add_flag("--gzip", words->gzip, "the input is gzipped; a file says so by itself");
  command.add_flag("--resume", words->resume, "go on where an import of this file stopped");
  command.add_option("--concurrency", words->concurrency, "how many rows at once; 8 by itself")
      ->type_name("N")
      ->check(CLI::Validator(CLI::Range(std::uint64_t{1}, kMostWorkers)).description(""));
  bindWord(command, "--on-error", words->onError, "continue (rejected rows go to a file) or stop at the first")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"continue", "stop"}));
  bindWord(command, "--rejects", words->rejects, "the file of rejected rows; FILE.rejects.ndjson by itself")
      ->type_name("FILE");
  return [words](Invocation& run) -> Outcome<void> {
    ImportOptions options;
    options.file = words->file;
    options.gzip = words->gzip;
    options.resume = words->resume;
    options.stopOnError = words->onError == "stop";
    options.concurrency = words->concurrency;
    options.rejects =
        words->rejects.value_or(words->file == "-" ? "import.rejects.ndjson" : words->file + ".rejects.ndjson");
    return ImportJob(run, std::move(options)).work();
  };
}

}  // namespace

const Noun& bulkNoun() {
  static const Noun noun{"",
                         "Bulk work",
                         {{"export", "Write the users and rooms of an app as lines of JSON", exportRows},
                          {"import", "Read users, rooms and messages from lines of JSON; can be resumed", importRows}}};
  return noun;
}

}  // namespace chatd::cli

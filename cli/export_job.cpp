#include "cli/export_job.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include "cli/layout.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMembersInLists = 100;  // GET /room shows so many of a room; GET /room/{id} shows all
constexpr int kRetries = 4;                   // a moment of overload must not end a long job
constexpr std::chrono::milliseconds kSaveEach{500};
constexpr std::chrono::milliseconds kShowEach{100};

void copy(JsonWriter& out, const JsonValue& from, std::initializer_list<const char*> members) {
  for (const char* name : members) {
    const JsonValue* value = find(from, name);
    if (value != nullptr && !value->IsNull()) out.key(name).raw(toText(*value));
  }
}

/// The row of a room that is shown whole.
Outcome<std::string> roomRow(const JsonValue& room) {
  const JsonValue* members = room.IsObject() ? find(room, "members") : nullptr;
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
  return line + "\n";
}

std::string nameOf(const JsonValue& room) { return stringField(room, "room").value_or(""); }

}  // namespace

ExportJob::ExportJob(Invocation& run, ExportOptions options)
    : run_(run), options_(std::move(options)), settings_(run.settings), out_(&run.io.out) {
  settings_.retries = std::max(settings_.retries, kRetries);
}

/// What must be the same for a broken export to go on, as JSON.
std::string ExportJob::identity() const {
  std::string text;
  JsonWriter json(text);
  json.beginArray().string(settings_.server.text).string(app_.empty() ? "" : app_.front().second);
  json.boolean(options_.gzip).boolean(options_.messages).endArray();
  return text;
}

Outcome<void> ExportJob::loadPlace() {
  if (!options_.resume) return {};
  if (!options_.file) return usage("--resume needs --file: what went to the standard output cannot be seen again");
  const auto kept = readPlace(placePath());
  if (!kept) {
    note(run_, "there is nothing to resume: it begins anew");
    return {};
  }
  const JsonValue* of = kept->IsObject() ? find(*kept, "of") : nullptr;
  const auto number = [&](const char* key) { return placeNumber(*kept, key); };
  std::error_code error;
  const std::string mend = "Remove it, or export without --resume.";
  if (of == nullptr || toText(*of) != identity())
    return usage(fmt::format("{} is of another export: other app, server or flags", visible(placePath())), mend);
  place_ = {static_cast<std::uint64_t>(number("bytes")),
            static_cast<std::uint64_t>(number("rows")),
            static_cast<std::uint64_t>(number("leftOut")),
            number("user"),
            number("room"),
            number("roomDone"),
            number("roomUnderWay"),
            number("seq")};
  if (const auto size = std::filesystem::file_size(partPath(), error); error || size < place_.bytes)
    return usage(fmt::format("{} is not what {} says", visible(partPath()), visible(placePath())), mend);
  before_ = place_.rows;
  note(run_, fmt::format("resuming after {}", counted(place_.rows, "row")));
  return {};
}

/// A neighbour that is renamed at the end: a half export is never taken for a whole one.
Outcome<void> ExportJob::openFile() {
  if (!options_.file) return {};
  const bool goesOn = place_.bytes > 0;
  std::error_code error;
  if (goesOn) std::filesystem::resize_file(partPath(), place_.bytes, error);
  // `ate`: else the end is not where tellp() looks before the first row.
  file_.open(partPath(), std::ios::binary | (goesOn ? std::ios::app | std::ios::ate : std::ios::trunc));
  if (!file_ || error) return usage(fmt::format("cannot write {}", visible(partPath())));
  out_ = &file_;
  return {};
}

Outcome<void> ExportJob::wrote() {
  if (*out_ && (!member_ || *member_)) return {};
  return other("output", "cannot write the export");
}

/// The rows that the place will count, and nothing else until wrote(): a job that stops does so between two calls.
Outcome<void> ExportJob::write(const std::string& lines, std::uint64_t count) {
  if (run_.io.interrupted && run_.io.interrupted()) return Failure{Exit::Interrupted, "interrupted", "interrupted", {}, {}};
  if (options_.gzip && !member_) member_.emplace(*out_, Poco::DeflatingStreamBuf::STREAM_GZIP);
  (member_ ? static_cast<std::ostream&>(*member_) : *out_) << lines;
  place_.rows += count;
  showProgress(false);
  return wrote();
}

/// What was written is in the file whole; the next rows begin another member.
Outcome<void> ExportJob::endMember() {
  if (member_) member_->close();
  out_->flush();
  CHATD_CHECK(wrote());
  member_.reset();
  return {};
}

Outcome<void> ExportJob::savePlace() {
  if (!options_.file) return {};
  saved_ = Clock::now();
  CHATD_CHECK(endMember());
  place_.bytes = static_cast<std::uint64_t>(file_.tellp());
  std::string text;
  JsonWriter json(text);
  json.beginObject().key("of").raw(identity()).field("bytes", place_.bytes).field("rows", place_.rows);
  json.field("leftOut", place_.leftOut).field("user", place_.user).field("room", place_.room);
  json.field("roomDone", place_.roomDone).field("roomUnderWay", place_.roomUnderWay).field("seq", place_.seq).endObject();
  writePrivately(placePath(), text + "\n");
  return {};
}

Outcome<void> ExportJob::leaveOut(const std::string& what, const Failure& why) {
  if (options_.stopOnError || why.exit != Exit::NotFound) return why;
  ++place_.leftOut;
  note(run_, fmt::format("{} is left out: {}", what, why.message));
  return {};
}

Outcome<void> ExportJob::userRow(const JsonValue& user, std::string& lines, std::uint64_t& count) {
  CHATD_TRY(id, integerField(user, "id"));
  const JsonValue* name = find(user, "appUserId");
  if (name == nullptr) return other("bad_answer", "the server's answer has no appUserId");
  names_[id] = toText(*name);
  const JsonValue* ban = find(user, "ban");
  if (ban != nullptr && ban->IsObject()) {
    JsonWriter last(bans_);
    last.beginObject().field("kind", "ban").key("appUserId").raw(toText(*name));
    copy(last, *ban, {"until", "reason"});
    last.endObject();
    bans_ += '\n';
    ++banRows_;
  }
  if (id <= place_.user) return {};
  JsonWriter out(lines);
  out.beginObject().field("kind", "user");
  copy(out, user, {"appUserId", "firstName", "middleName", "lastName", "metadata"});
  out.endObject();
  lines += '\n';
  ++count;
  return {};
}

/// Those of earlier runs are read again, for their names and bans, and not written.
Outcome<void> ExportJob::users() {
  CHATD_TRY(end, clients_.front()->pages({"/user", app_}, [&](const JsonValue& items) -> Outcome<void> {
    std::string lines;
    std::uint64_t count = 0;
    for (const JsonValue& item : items.GetArray()) CHATD_CHECK(userRow(item, lines, count));
    CHATD_CHECK(write(lines, count));
    if (!names_.empty()) place_.user = std::max(place_.user, names_.rbegin()->first);
    return Clock::now() - saved_ < kSaveEach ? Outcome<void>() : savePlace();
  }));
  static_cast<void>(end);
  return {};
}

Outcome<void> ExportJob::pageOfRooms(const std::vector<const JsonValue*>& page) {
  PiecesOfWork work{page.size(), clients_.size(), {}, {}, {}, run_.io.interrupted};
  work.fetch = [&](std::size_t i, std::size_t thread, const std::function<bool(Part)>& give) -> Outcome<void> {
    const JsonValue* room = page[i];
    JsonDocument whole;
    const JsonValue* members = find(*room, "members");
    if (members == nullptr || !members->IsArray() || members->Size() >= kMembersInLists) {
      CHATD_TRY(id, integerField(*room, "id"));
      CHATD_TRY(answer, clients_[thread]->get(fmt::format("/room/{}", id), app_));
      whole = std::move(answer.document);
      room = &whole;
    }
    CHATD_TRY(line, roomRow(*room));
    give({line, 1, 0});
    return {};
  };
  work.take = [&](std::size_t, const Part& part) { return write(part.lines, part.rows); };
  work.end = [&](std::size_t i, const Outcome<void>& fetched) -> Outcome<void> {
    CHATD_TRY(id, integerField(*page[i], "id"));
    if (!fetched.ok()) {
      // Before the place moves: what stops the job here is to be read again.
      CHATD_CHECK(leaveOut("room " + nameOf(*page[i]), fetched.error()));
      std::erase_if(rooms_, [id](const Room& room) { return room.first == id; });
    }
    place_.room = id;
    return {};
  };
  return doInOrder(work);
}

Outcome<void> ExportJob::rooms() {
  CHATD_TRY(end, clients_.front()->pages({"/room", app_}, [&](const JsonValue& items) -> Outcome<void> {
    std::vector<const JsonValue*> page;
    for (const JsonValue& item : items.GetArray()) {
      CHATD_TRY(id, integerField(item, "id"));
      rooms_.emplace_back(id, nameOf(item));
      if (id > place_.room) page.push_back(&item);
    }
    CHATD_CHECK(pageOfRooms(page));
    return Clock::now() - saved_ < kSaveEach ? Outcome<void>() : savePlace();
  }));
  static_cast<void>(end);
  return {};
}

Outcome<void> ExportJob::messageRow(const JsonValue& message, const std::string& room, Part& part) const {
  CHATD_TRY(seq, integerField(message, "seq"));
  part.mark = seq;
  const JsonValue* deleted = find(message, "deletedAt");
  // What was deleted has no text, and a message without one cannot be said again.
  if (deleted != nullptr && !deleted->IsNull()) return {};
  CHATD_TRY(sender, integerField(message, "userId"));
  const auto name = names_.find(sender);
  if (name == names_.end()) return {};  // of a user who is deleted
  JsonWriter out(part.lines);
  out.beginObject().field("kind", "message").field("room", room).key("appUserId").raw(name->second);
  copy(out, message, {"text", "clientMsgId", "metadata", "seq", "createdAt"});
  out.endObject();
  part.lines += '\n';
  ++part.rows;
  return {};
}

/// Upwards; a page is newest first.
Outcome<void> ExportJob::messagesOf(AdminClient& client, const Room& room, std::int64_t after,
                                    const std::function<bool(Part)>& give) const {
  const ListCall list{fmt::format("/chats/{}/messages", room.first), app_, kAllItems, {{"after", fmt::format("{}", after)}}};
  auto end = client.pages(list, [&](const JsonValue& items) -> Outcome<void> {
    Part part;
    for (rapidjson::SizeType i = items.Size(); i > 0; --i) CHATD_CHECK(messageRow(items[i - 1], room.second, part));
    if (give(std::move(part))) return {};
    return Failure{Exit::Interrupted, "interrupted", "nobody wants more", {}, {}};
  });
  if (!end.ok()) return std::move(end).error();
  return {};
}

Outcome<void> ExportJob::messages() {
  std::vector<Room> left;
  for (const auto& room : rooms_) {
    if (room.first > place_.roomDone) left.push_back(room);
  }
  // A copy: the threads read it while this one moves the place.
  const ExportPlace begin = place_;
  PiecesOfWork work{left.size(), clients_.size(), {}, {}, {}, run_.io.interrupted};
  work.fetch = [&](std::size_t i, std::size_t thread, const std::function<bool(Part)>& give) {
    const std::int64_t after = left[i].first == begin.roomUnderWay ? begin.seq : 0;
    return messagesOf(*clients_[thread], left[i], after, give);
  };
  work.take = [&](std::size_t i, const Part& part) -> Outcome<void> {
    CHATD_CHECK(write(part.lines, part.rows));
    place_.roomUnderWay = left[i].first;
    place_.seq = part.mark;
    return Clock::now() - saved_ < kSaveEach ? Outcome<void>() : savePlace();
  };
  work.end = [&](std::size_t i, const Outcome<void>& fetched) -> Outcome<void> {
    if (!fetched.ok()) CHATD_CHECK(leaveOut("what is said in room " + left[i].second, fetched.error()));
    place_.roomDone = left[i].first;
    place_.seq = 0;
    return {};
  };
  return doInOrder(work);
}

Outcome<void> ExportJob::rows() {
  CHATD_CHECK(users());
  CHATD_CHECK(rooms());
  if (options_.messages) CHATD_CHECK(messages());
  // All in one go and behind every saved place: a run that goes on writes them anew.
  CHATD_CHECK(savePlace());
  return write(bans_, banRows_);
}

void ExportJob::showProgress(bool last) {
  if (!run_.io.errIsTerminal || run_.settings.quiet || (!options_.file && run_.io.outIsTerminal)) return;
  const auto now = Clock::now();
  if (!last && now - shown_ < kShowEach) return;
  shown_ = now;
  if (last) {
    run_.io.err << "\r\x1b[K" << std::flush;
    return;
  }
  const double seconds = std::max(std::chrono::duration<double>(now - begun_).count(), 0.001);
  run_.io.err << fmt::format("\rexport {}  {:.0f}/s\x1b[K", counted(place_.rows, "row"),
                             static_cast<double>(place_.rows - before_) / seconds)
              << std::flush;
}

/// The end, good or bad: what was fetched is kept, and the way to go on is told.
Outcome<void> ExportJob::finish(Outcome<void> outcome) {
  showProgress(true);
  if (outcome.ok()) outcome = endMember();
  if (!outcome.ok()) {
    Failure failure = std::move(outcome).error();
    // Of a disk that is full the place of before is good still.
    if (options_.file && failure.code != "output" && savePlace().ok())
      failure.hint += std::string(failure.hint.empty() ? "" : " ") + "Export it again with --resume: it goes on there.";
    return failure;
  }
  if (options_.file) {
    file_.close();
    if (!file_ || std::rename(partPath().c_str(), options_.file->c_str()) != 0)
      return other("output", fmt::format("cannot write {}", visible(*options_.file)));
    std::error_code ignored;  // a place without its part is not looked at
    std::filesystem::remove(placePath(), ignored);
  }
  note(run_, fmt::format("{} exported", counted(place_.rows, "row")));
  if (place_.leftOut == 0) return {};
  return Failure{Exit::Partial,
                 "partial",
                 fmt::format("{} could not be read and left out", counted(place_.leftOut, "room")),
                 "What was deleted meanwhile is rightly not there.",
                 {}};
}

Outcome<void> ExportJob::work() {
  CHATD_TRY(app, run_.client.appQuery());
  app_ = app;
  if (options_.file) {
    CHATD_TRY(file, fileToReplace(*options_.file));
    options_.file = std::move(file);
    CHATD_TRY(lock, FileLock::take(partPath(), true));
    lock_ = std::move(lock);
  }
  if (auto loaded = loadPlace(); !loaded.ok()) {
    std::error_code none;
    if (std::filesystem::is_empty(partPath(), none)) std::filesystem::remove(partPath(), none);  // made by the lock
    return loaded;
  }
  CHATD_CHECK(openFile());
  for (std::size_t i = 0; i < options_.concurrency; ++i)
    clients_.push_back(std::make_unique<AdminClient>(settings_, run_.io.err));
  if (run_.io.deferInterrupt) run_.io.deferInterrupt();
  begun_ = saved_ = Clock::now();
  return finish(rows());
}

}  // namespace chatd::cli

// Backups of the whole store: /backup…. The work is the store's; a call starts it or looks how far it is. Not 202, which
// means a dry run everywhere: the backup is there at once, in the state "creating".
#include "protocol/wire_json.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"

namespace chatd::rest {

namespace {

constexpr Field kCreateFields[] = {
    {.name = "name",
     .type = Type::Line,
     .least = 1,
     .most = 100,
     .doc = "Of the file: A-Z a-z 0-9 . _ -, not beginning with a dot. Default: by the time."}};
constexpr Schema kCreateBody{"BackupRequest", kCreateFields};

std::string_view stateText(BackupStatus::State state) {
  switch (state) {
    case BackupStatus::State::Creating:
      return "creating";
    case BackupStatus::State::Verifying:
      return "verifying";
    case BackupStatus::State::Stored:
      return "stored";
    case BackupStatus::State::Verified:
      return "verified";
    case BackupStatus::State::Failed:
      break;
  }
  return "failed";
}

void appendBackup(std::string& body, const BackupStatus& status) {
  JsonWriter out(body);
  out.beginObject().field("name", status.name).field("state", stateText(status.state)).field("percent", status.percent);
  out.field("bytes", status.bytes).field("error", status.error).field("createdAt", toRfc3339(status.createdAt)).endObject();
}

Reply backupReply(int code, const BackupStatus& status) {
  std::string body;
  appendBackup(body, status);
  return json(code, std::move(body));
}

Result<Reply> createBackup(const Context& context, Call& call) {
  CHATD_TRY(status, context.services.backups.create(text(call.body, "name")));
  return backupReply(201, status);
}

Result<Reply> listBackups(const Context& context, Call&) {
  CHATD_TRY(all, context.services.backups.list());
  return listReply(all, std::nullopt, appendBackup);
}

Result<Reply> getBackup(const Context& context, Call& call) {
  CHATD_TRY(status, context.services.backups.status(call.segment("name")));
  return backupReply(200, status);
}

Result<Reply> verifyBackup(const Context& context, Call& call) {
  CHATD_TRY(status, context.services.backups.verify(call.segment("name")));
  return backupReply(200, status);
}

/// Of a dry run, on one that must be there.
Result<bool> checkNamed(const Context& context, Call& call) {
  CHATD_CHECK(context.services.backups.status(call.segment("name")));
  return true;
}

Result<Reply> deleteBackup(const Context& context, Call& call) {
  CHATD_CHECK(context.services.backups.remove(call.segment("name")));
  return noContent();
}

}  // namespace

const std::vector<Route>& backupRoutes() {
  static const std::vector<Route> rows = {
      {.method = "POST",
       .path = "/backup",
       .operation = "createBackup",
       .tag = "backups",
       .access = who::Operators,
       .body = &kCreateBody,
       .answers = {{.status = 201,
                    .body = &kBackupDocument,
                    .doc = "It has begun: ask for it by name until state changes."}},
       .errors = {Code::AlreadyExists, Code::Conflict, Code::Restarting, Code::StoreUnavailable},
       .doc = "Begins a backup of everything, as it is at this moment, into the daemon's backup folder. It holds password "
              "hashes "
              "and the server key: keep it as safe as the data directory. One job at a time (409).",
       .handler = blocking<createBackup>},
      {.method = "GET",
       .path = "/backup",
       .operation = "listBackups",
       .tag = "backups",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kBackupDocument, .list = true}},
       .errors = {Code::StoreUnavailable},
       .doc = "The backups in the daemon's backup folder, by name, all in one page.",
       .handler = blocking<listBackups>},
      {.method = "GET",
       .path = "/backup/{name}",
       .operation = "getBackup",
       .tag = "backups",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kBackupDocument}},
       .errors = {Code::NotFound},
       .doc = "One backup, and how far the work on it is.",
       .handler = blocking<getBackup>},
      {.method = "POST",
       .path = "/backup/{name}/verify",
       .operation = "verifyBackup",
       .tag = "backups",
       .access = who::Operators,
       .answers = {{.status = 200,
                    .body = &kBackupDocument,
                    .doc = "It has begun: ask for it by name until state changes."}},
       .errors = {Code::NotFound, Code::Conflict, Code::Restarting},
       .doc = "Begins to read all of a backup and to compare it with the sums in it.",
       .check = checkNamed,
       .handler = blocking<verifyBackup>},
      {.method = "DELETE",
       .path = "/backup/{name}",
       .operation = "deleteBackup",
       .tag = "backups",
       .access = who::Operators,
       .answers = {{.status = 204}},
       .errors = {Code::NotFound, Code::Conflict, Code::StoreUnavailable},
       .doc = "Removes the file.",
       .check = checkNamed,
       .handler = blocking<deleteBackup>}};
  return rows;
}

}  // namespace chatd::rest

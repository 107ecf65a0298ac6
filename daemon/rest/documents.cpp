#include "rest/documents.h"

namespace chatd::rest {

namespace {

constexpr std::string_view kAccountRoles[] = {"operator", "owner"};
constexpr std::string_view kRoomTypes[] = {"direct", "group"};
constexpr std::string_view kMemberRoles[] = {"member", "moderator"};
constexpr std::string_view kIsolations[] = {"inline", "process"};
constexpr std::string_view kBackupStates[] = {"creating", "verifying", "stored", "verified", "failed"};
constexpr std::string_view kCallerKinds[] = {"peer", "account", "appKey", "user"};

constexpr Field kId{.name = "id", .type = Type::Id, .required = true};
constexpr Field kCreatedAt{.name = "createdAt", .type = Type::Time, .required = true};
constexpr Field kUpdatedAt{.name = "updatedAt", .type = Type::Time, .required = true};
constexpr Field kDeletedAt{.name = "deletedAt", .type = Type::Time, .required = true, .nullable = true};
constexpr Field kFirstName{.name = "firstName", .required = true, .nullable = true};
constexpr Field kMiddleName{.name = "middleName", .required = true, .nullable = true};
constexpr Field kLastName{.name = "lastName", .required = true, .nullable = true};
constexpr Field kAnyMetadata{.name = "metadata", .type = Type::Json, .required = true, .nullable = true};
constexpr Field kAppUserId{.name = "appUserId",
                           .type = Type::AppUserId,
                           .required = true,
                           .doc = "The app's own id, in the JSON type first registered; its text is the identity."};

constexpr Field kAccount[] = {
    kId,
    {.name = "login", .required = true},
    {.name = "role", .type = Type::Choice, .required = true, .choices = kAccountRoles},
    {.name = "appIds", .type = Type::List, .required = true, .items = Type::Id, .doc = "The apps of an owner."},
    kCreatedAt,
    kUpdatedAt};
constexpr Field kLogin[] = {{.name = "token", .required = true, .doc = "Bearer token, shown this once."},
                            {.name = "expiresAt", .type = Type::Time, .required = true},
                            {.name = "account", .type = Type::Object, .required = true, .of = &kAccountDocument}};
constexpr Field kVerify[] = {
    {.name = "kind", .type = Type::Choice, .required = true, .choices = kCallerKinds},
    {.name = "subject", .required = true, .doc = "Stable name of the caller, such as account:3."},
    {.name = "role", .type = Type::Choice, .required = true, .nullable = true, .choices = kAccountRoles},
    {.name = "appIds", .type = Type::List, .required = true, .nullable = true, .items = Type::Id, .doc = "null: all apps."},
    {.name = "expiresAt", .type = Type::Time, .required = true, .nullable = true}};

constexpr Field kVerifier[] = {
    {.name = "plugin", .type = Type::Line, .required = true, .least = 1, .most = 64},
    {.name = "config",
     .type = Type::Json,
     .most = kMetadataBytes,
     .doc = "By the plugin's own schema. Secrets in it are shown as ***."},
    {.name = "timeoutMs", .type = Type::Integer, .least = 1, .most = 30'000, .doc = "Default 5000."},
    {.name = "cacheTtlMs", .type = Type::Integer, .least = 0, .most = 86'400'000, .doc = "Default 60000; 0: no cache."},
    {.name = "isolation",
     .type = Type::Choice,
     .nullable = true,
     .choices = kIsolations,
     .doc = "null: bundled plugins inline, others in a process of their own."}};
constexpr Field kQuotas[] = {
    {.name = "connections", .type = Type::Integer, .least = 0, .most = 1'000'000'000, .doc = "Live sessions; 0: no limit."},
    {.name = "messagesPerSecond",
     .type = Type::Integer,
     .least = 0,
     .most = 1'000'000'000,
     .doc = "Sends from sessions and REST together; 0: no limit."}};
constexpr Field kRetention[] = {{.name = "days",
                                 .type = Type::Integer,
                                 .nullable = true,
                                 .least = 1,
                                 .most = 36'500,
                                 .doc = "Messages older than this go. null or absent: whatever their age."},
                                {.name = "messages",
                                 .type = Type::Integer,
                                 .nullable = true,
                                 .least = 1,
                                 .most = 1'000'000'000,
                                 .doc = "Only so many of the newest of a room stay. null or absent: however many."}};
constexpr Field kSettings[] = {
    {.name = "autoCreateUsers", .type = Type::Boolean, .doc = "A verified but unknown user is created. Default true."},
    {.name = "enabled",
     .type = Type::Boolean,
     .doc = "false: the app's keys and its users' tokens are refused, sessions close, data stays. Operators only."},
    {.name = "reverifySeconds",
     .type = Type::Integer,
     .least = 0,
     .most = 86'400,
     .doc =
         "The tokens of live sessions are put to the verifiers again after so many seconds, up to a fifth earlier. Refused: "
         "the session ends. Nobody can say: it stays and is asked about soon again. 0, the default: never. For sessions "
         "that come after it was set; not for tokens registered by POST /user, which end when they are revoked."},
    {.name = "allowPrivateNetworks",
     .type = Type::Boolean,
     .nullable = true,
     .doc = "Verification may call addresses of private networks. null: as the daemon runs. Operators only."},
    {.name = "quotas", .type = Type::Object, .of = &kQuotasDocument, .doc = "Operators only."},
    {.name = "retention",
     .type = Type::Object,
     .nullable = true,
     .of = &kRetentionDocument,
     .doc =
         "How much history rooms keep that have no retention of their own. Replaced as a whole; null: everything. What is "
         "removed is gone for good; seq goes on, and a retry of a removed message is still answered as a duplicate."}};

constexpr Field kAppIdOut{.name = "appId", .type = Type::Id, .required = true};
constexpr Field kAppName{.name = "name", .type = Type::Name, .required = true};
constexpr Field kAppSettings{.name = "settings", .type = Type::Object, .required = true, .of = &kSettingsDocument};
constexpr Field kAppVerifiers{.name = "verifiers",
                              .type = Type::List,
                              .required = true,
                              .of = &kVerifierDocument,
                              .doc = "The chain that judges user tokens, in order."};
constexpr Field kAppUrl{.name = "tokenVerificationUrl",
                        .required = true,
                        .nullable = true,
                        .doc = "The URL of the only verifier, if that is of the plugin http."};
constexpr Field kApp[] = {kAppIdOut, kAppName, kAppSettings, kAppVerifiers, kAppUrl, kCreatedAt, kUpdatedAt};
constexpr Field kAppLogin[] = {{.name = "login", .required = true}, {.name = "password", .required = true}};
constexpr Field kAppCreated[] = {kAppIdOut,
                                 kAppName,
                                 kAppSettings,
                                 kAppVerifiers,
                                 kAppUrl,
                                 kCreatedAt,
                                 kUpdatedAt,
                                 {.name = "apiKey", .required = true, .doc = "The first app key, shown this once."},
                                 {.name = "login",
                                  .type = Type::Object,
                                  .required = true,
                                  .of = &kAppLoginDocument,
                                  .doc = "An owner account of the app, shown this once."}};
constexpr Field kKeyHint{.name = "hint", .required = true, .doc = "The last 4 characters of the key."};
constexpr Field kKeyExpires{
    .name = "expiresAt", .type = Type::Time, .required = true, .nullable = true, .doc = "End of grace after a rotation."};
constexpr Field kKey[] = {kId, kAppIdOut, kKeyHint, kCreatedAt, kKeyExpires};
constexpr Field kKeyCreated[] = {kId,        kAppIdOut,   kKeyHint,
                                 kCreatedAt, kKeyExpires, {.name = "apiKey", .required = true, .doc = "Shown this once."}};

constexpr Field kBan[] = {
    {.name = "until", .type = Type::Time, .required = true, .nullable = true, .doc = "null: for good."},
    {.name = "reason", .required = true, .nullable = true}};
constexpr Field kUser[] = {
    kId,          kAppIdOut,
    kAppUserId,   kFirstName,
    kMiddleName,  kLastName,
    kAnyMetadata, {.name = "ban", .type = Type::Object, .required = true, .nullable = true, .of = &kBanDocument},
    kCreatedAt,   kUpdatedAt,
    kDeletedAt};
constexpr Field kSession[] = {{.name = "id", .required = true},
                              {.name = "userId", .type = Type::Id, .required = true},
                              {.name = "transport", .required = true},
                              {.name = "clientIp", .required = true},
                              {.name = "connectedAt", .type = Type::Time, .required = true},
                              {.name = "expiresAt", .type = Type::Time, .required = true, .nullable = true}};
constexpr Field kMember[] = {kId,        kAppUserId,
                             kFirstName, kMiddleName,
                             kLastName,  {.name = "role", .type = Type::Choice, .required = true, .choices = kMemberRoles}};
constexpr Field kRoom[] = {
    kId,
    kAppIdOut,
    {.name = "room", .type = Type::Name, .required = true},
    {.name = "type", .type = Type::Choice, .required = true, .choices = kRoomTypes},
    {.name = "name", .required = true, .nullable = true},
    kAnyMetadata,
    kCreatedAt,
    kUpdatedAt,
    {.name = "members", .type = Type::List, .of = &kMemberDocument, .doc = "By user id. Lists show at most 100 of a room."},
    {.name = "lastMessage", .type = Type::Object, .nullable = true, .of = &kMessageDocument},
    {.name = "unread", .type = Type::Integer, .doc = "Messages after what the caller has read; only for a user token."},
    {.name = "retention",
     .type = Type::Object,
     .nullable = true,
     .of = &kRetentionDocument,
     .doc = "How much history is kept; null: as the app's settings say. Not for a user token."}};
constexpr Field kMessage[] = {
    kId,
    {.name = "roomId", .type = Type::Id, .required = true},
    {.name = "room", .type = Type::Name, .required = true},
    {.name = "seq", .type = Type::Integer, .required = true, .least = 1, .doc = "1, 2, 3 … without gaps in the room."},
    {.name = "userId", .type = Type::Id, .required = true},
    {.name = "text", .type = Type::Free, .required = true, .doc = "Empty once deleted, or removed by retention."},
    {.name = "clientMsgId", .type = Type::Text, .required = true, .nullable = true},
    {.name = "replyTo", .type = Type::Id, .required = true, .nullable = true, .doc = "Id of a message of the room."},
    kAnyMetadata,
    kCreatedAt,
    kUpdatedAt,
    kDeletedAt,
    {.name = "duplicate",
     .type = Type::Boolean,
     .doc = "true: the clientMsgId was sent before, this is the first message."}};
constexpr Field kBackup[] = {
    {.name = "name", .required = true, .doc = "Of the file in the daemon's backup folder (backup.dir)."},
    {.name = "state",
     .type = Type::Choice,
     .required = true,
     .choices = kBackupStates,
     .doc = "stored: it is whole, and this daemon has not verified it; failed: error says why."},
    {.name = "percent", .type = Type::Integer, .required = true, .least = 0, .most = 100, .doc = "Of the work under way."},
    {.name = "bytes", .type = Type::Integer, .required = true, .least = 0},
    {.name = "error", .required = true, .nullable = true},
    kCreatedAt};
constexpr Field kHealth[] = {
    {.name = "status", .required = true},
    {.name = "reasons", .type = Type::List, .items = Type::Text, .doc = "Why the daemon is not ready."}};
constexpr Field kUnreadableSecret[] = {{.name = "secret", .required = true, .doc = "Whose, and its name: shop/jwt."},
                                       {.name = "file", .doc = "Its path, if it is in a file."},
                                       {.name = "variable", .doc = "Of the environment, if it is in one."},
                                       {.name = "reason", .required = true}};
constexpr Field kServer[] = {
    {.name = "version", .required = true},
    {.name = "pid", .type = Type::Integer, .required = true},
    {.name = "startedAt", .type = Type::Time, .required = true},
    {.name = "time", .type = Type::Time, .required = true, .doc = "Of the daemon's clock."},
    {.name = "ready", .type = Type::Boolean, .required = true, .doc = "As /readyz."},
    {.name = "reasons", .type = Type::List, .required = true, .items = Type::Text, .doc = "Why it is not ready."},
    {.name = "draining", .type = Type::Boolean, .required = true},
    {.name = "logLevel", .required = true},
    {.name = "sessions", .type = Type::Integer, .required = true, .doc = "Live ones."},
    {.name = "transports",
     .type = Type::Integer,
     .required = true,
     .doc = "Open realtime connections, sessions or not yet."},
    {.name = "deliveries", .type = Type::Integer, .required = true, .doc = "To sessions, since the start."},
    {.name = "commits", .type = Type::Integer, .required = true, .doc = "Transactions, since the start."},
    {.name = "writes", .type = Type::Integer, .required = true, .doc = "Rows committed, since the start."},
    {.name = "unreadableSecrets",
     .type = Type::List,
     .required = true,
     .of = &kUnreadableSecretDocument,
     .doc = "Of plugins.secrets, as it is now."}};
constexpr Field kReload[] = {
    {.name = "applied", .type = Type::List, .required = true, .items = Type::Text, .doc = "Keys that changed and hold now."},
    {.name = "needRestart",
     .type = Type::List,
     .required = true,
     .items = Type::Text,
     .doc = "Keys that hold after a restart."},
    {.name = "warnings",
     .type = Type::List,
     .required = true,
     .items = Type::Text,
     .doc = "What is not well although the configuration is good: secrets that cannot be read."}};
constexpr Field kDryRun[] = {
    {.name = "dryRun", .type = Type::Boolean, .required = true},
    {.name = "operation", .required = true},
    {.name = "changes", .type = Type::Boolean, .required = true, .doc = "false: it is known that nothing would change."}};
constexpr Field kFieldError[] = {
    {.name = "field", .required = true, .doc = "Path in the body, or the name of the query parameter or header."},
    {.name = "detail", .required = true}};
constexpr Field kProblem[] = {
    {.name = "type", .required = true, .doc = "urn:chatd:error: and the code."},
    {.name = "title", .required = true},
    {.name = "status", .type = Type::Integer, .required = true, .least = 400, .most = 599},
    {.name = "detail", .required = true},
    {.name = "code", .required = true, .doc = "Stable name of the error; see x-error-codes."},
    {.name = "requestId", .required = true},
    {.name = "id", .type = Type::Id, .doc = "Of already_done: what the first request made."},
    {.name = "errors", .type = Type::List, .of = &kFieldErrorDocument, .doc = "With status 422: every field at fault."}};

constexpr Field kListFields[] = {kLimitField, kCursorField};
constexpr Field kAppListFields[] = {kAppIdField, kLimitField, kCursorField};
constexpr Field kAppFields[] = {kAppIdField};

}  // namespace

constinit const Schema kAccountDocument{"Account", kAccount};
constinit const Schema kLoginDocument{"Login", kLogin};
constinit const Schema kVerifyDocument{"Caller", kVerify};
constinit const Schema kVerifierDocument{"Verifier", kVerifier};
constinit const Schema kQuotasDocument{"Quotas", kQuotas};
constinit const Schema kRetentionDocument{"Retention", kRetention};
constinit const Schema kSettingsDocument{"Settings", kSettings};
constinit const Schema kAppDocument{"App", kApp};
constinit const Schema kAppLoginDocument{"AppLogin", kAppLogin};
constinit const Schema kAppCreatedDocument{"AppCreated", kAppCreated};
constinit const Schema kKeyDocument{"AppKey", kKey};
constinit const Schema kKeyCreatedDocument{"AppKeyCreated", kKeyCreated};
constinit const Schema kBanDocument{"Ban", kBan};
constinit const Schema kUserDocument{"User", kUser};
constinit const Schema kSessionDocument{"Session", kSession};
constinit const Schema kMemberDocument{"Member", kMember};
constinit const Schema kRoomDocument{"Room", kRoom};
constinit const Schema kMessageDocument{"Message", kMessage};
constinit const Schema kBackupDocument{"Backup", kBackup};
constinit const Schema kHealthDocument{"Health", kHealth};
constinit const Schema kUnreadableSecretDocument{"UnreadableSecret", kUnreadableSecret};
constinit const Schema kServerDocument{"Server", kServer};
constinit const Schema kReloadDocument{"Reload", kReload};
constinit const Schema kDryRunDocument{"DryRun", kDryRun};
constinit const Schema kFieldErrorDocument{"FieldError", kFieldError};
constinit const Schema kProblemDocument{"Problem", kProblem};

constinit const Schema kListQuery{"ListQuery", kListFields};
constinit const Schema kAppListQuery{"AppListQuery", kAppListFields};
constinit const Schema kAppQuery{"AppQuery", kAppFields};

std::span<const Schema* const> documents() {
  static constexpr const Schema* kAll[] = {&kAccountDocument,
                                           &kLoginDocument,
                                           &kVerifyDocument,
                                           &kVerifierDocument,
                                           &kQuotasDocument,
                                           &kSettingsDocument,
                                           &kAppDocument,
                                           &kAppLoginDocument,
                                           &kAppCreatedDocument,
                                           &kKeyDocument,
                                           &kKeyCreatedDocument,
                                           &kBanDocument,
                                           &kUserDocument,
                                           &kSessionDocument,
                                           &kMemberDocument,
                                           &kRoomDocument,
                                           &kMessageDocument,
                                           &kHealthDocument,
                                           &kServerDocument,
                                           &kReloadDocument,
                                           &kPluginDocument,
                                           &kPluginProcessDocument,
                                           &kPluginReloadDocument,
                                           &kVerifyTestDocument,
                                           &kVerifyTestStepDocument,
                                           &kUnreadableSecretDocument,
                                           &kRetentionDocument,
                                           &kBackupDocument,
                                           &kDryRunDocument,
                                           &kFieldErrorDocument,
                                           &kProblemDocument};
  return kAll;
}

}  // namespace chatd::rest

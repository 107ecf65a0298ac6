// The one table of everything that can be refused: code, HTTP status, wire name, may the client retry, default text.
// Nothing else in chatd invents a status or a wire name. Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd {

enum class Retry : bool { No = false, Yes = true };

// clang-format off
#define CHATD_ERRORS(X)                                                                                        \
  /* what the sender wrote */                                                                                  \
  X(BadRequest,          400, "bad_request",            No,  "The request is malformed.")                      \
  X(NotJson,             400, "not_json",               No,  "The body is not valid JSON.")                    \
  X(Invalid,             422, "invalid",                No,  "A field is not valid.")                          \
  X(EmptyText,           422, "empty_text",             No,  "The text is empty.")                             \
  X(InvalidText,         422, "invalid_text",           No,  "The text is not valid UTF-8 or has a NUL.")      \
  X(TooLarge,            413, "too_large",              No,  "It is larger than the limit.")                   \
  X(HeadersTooLarge,     431, "headers_too_large",      No,  "The headers are larger than the limit.")         \
  X(UnsupportedMedia,    415, "unsupported_media_type", No,  "Send application/json.")                         \
  X(UnknownEvent,        400, "unknown_event",          No,  "There is no such event.")                        \
  X(InvalidNamespace,    400, "invalid_namespace",      No,  "Invalid namespace")                              \
  X(MethodNotAllowed,    405, "method_not_allowed",     No,  "The path exists, the method does not.")          \
  X(RequestTimeout,      408, "request_timeout",        Yes, "The request was not complete in time.")          \
  X(NotImplemented,      501, "not_supported",          No,  "This is not supported.")                         \
  X(UpgradeRequired,     426, "upgrade_required",       No,  "This path wants a WebSocket.")                   \
  /* who sends */                                                                                              \
  X(Unauthorized,        401, "unauthorized",           No,  "The credential is missing or not valid.")        \
  X(TokenExpired,        401, "token_expired",          No,  "The token has expired.")                         \
  X(TokenRevoked,        401, "token_revoked",          No,  "The token has been revoked.")                    \
  X(AppRequired,         401, "app_required",           No,  "Several apps hold this token: name the app.")    \
  X(UnknownUser,         403, "unknown_user",           No,  "The user is not registered.")                    \
  X(Banned,              403, "banned",                 No,  "The user is banned.")                            \
  X(UserDeleted,         403, "user_deleted",           No,  "The user has been deleted.")                     \
  X(AppDisabled,         403, "app_disabled",           No,  "The app is disabled.")                           \
  X(Forbidden,           403, "forbidden",              No,  "This is not allowed.")                           \
  X(OriginRefused,       403, "origin_refused",         No,  "The origin is not allowed.")                     \
  X(Kicked,              403, "kicked",                 No,  "The session was ended by an administrator.")     \
  X(TooManySessions,     429, "too_many_sessions",      Yes, "The user has too many sessions.")                \
  X(TooManyRooms,        429, "too_many_rooms",         No,  "The session is in as many rooms as it may be.")  \
  /* what it is about */                                                                                       \
  X(NotFound,            404, "not_found",              No,  "There is no such thing.")                        \
  X(RoomNotFound,        404, "room_not_found",         No,  "There is no such room.")                         \
  X(MessageNotFound,     404, "message_not_found",      No,  "There is no such message.")                      \
  X(UserNotFound,        404, "user_not_found",         No,  "There is no such user.")                         \
  X(NotJoined,           409, "not_joined",             No,  "Join the room first.")                           \
  X(RoomDeleted,         404, "room_deleted",           No,  "The room has been deleted.")                     \
  X(AlreadyExists,       409, "already_exists",         No,  "The name is taken.")                             \
  X(Conflict,            409, "conflict",               No,  "It conflicts with the present state.")           \
  X(ClientMsgIdReused,   409, "client_msg_id_reused",   No,  "This clientMsgId was used with another text.")   \
  X(IdempotencyMismatch, 422, "idempotency_mismatch",   No,  "This Idempotency-Key was used with another body.") \
  X(IdempotencyRunning,  409, "idempotency_running",    Yes, "The first request with this Idempotency-Key is still running.") \
  X(AlreadyDone,         409, "already_done",           No,  "Done before; the secrets are not shown again.")  \
  /* how much */                                                                                               \
  X(RateLimited,         429, "rate_limited",           Yes, "Too many in too short a time.")                  \
  X(TooSlow,             503, "too_slow",               Yes, "The session did not read fast enough.")          \
  X(Flooding,            429, "flooding",               No,  "The session went on after being rate limited.")  \
  /* our side */                                                                                               \
  X(Busy,                503, "busy",                   Yes, "The server is at a limit; try again.")           \
  X(Restarting,          503, "restarting",             Yes, "The server is going down; connect again.")       \
  X(StoreUnavailable,    503, "store_unavailable",      Yes, "The store cannot be reached; nothing was stored.") \
  X(OutcomeUnknown,      503, "outcome_unknown",        Yes, "It may have been stored; repeat with the same clientMsgId.") \
  X(VerifierUnavailable, 503, "verifier_unavailable",   Yes, "The token cannot be verified now.")              \
  X(AccessChanged,       503, "access_changed",         Yes, "The membership changed meanwhile; try again.")   \
  X(Internal,            500, "internal",               No,  "An internal error; see the log.")
// clang-format on

enum class Code : std::uint8_t {
#define CHATD_X(name, status, wire, retry, text) name,
  CHATD_ERRORS(CHATD_X)
#undef CHATD_X
};

struct ErrorRow {
  Code code;
  int status;
  std::string_view wire;
  Retry retry;
  std::string_view text;
};

/// The row of a code.
[[nodiscard]] const ErrorRow& row(Code code);

/// Every row in table order, for the OpenAPI document and the tests.
[[nodiscard]] const std::vector<ErrorRow>& errorTable();

struct FieldError {
  std::string field;   ///< path in the body or the name of the query parameter, "users[2]"
  std::string detail;  ///< what is wrong and what is expected
};

/// An expected failure, as a value. `detail` is for the client and never holds a secret.
class Error {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return Code::NotFound;` is the common form.
  Error(Code code) : Error(code, std::string(row(code).text)) {}
  Error(Code code, std::string detail) : code_(code), detail_(std::move(detail)) {}

  /// 422 for one field.
  static Error field(std::string name, std::string detail) {
    Error e(Code::Invalid, name + ": " + detail);
    e.fields_.push_back({std::move(name), std::move(detail)});
    return e;
  }

  [[nodiscard]] Code code() const { return code_; }
  [[nodiscard]] int status() const { return row(code_).status; }
  [[nodiscard]] std::string_view wire() const { return row(code_).wire; }
  [[nodiscard]] bool retryable() const { return row(code_).retry == Retry::Yes; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  [[nodiscard]] const std::vector<FieldError>& fields() const { return fields_; }
  void addField(std::string name, std::string detail) { fields_.push_back({std::move(name), std::move(detail)}); }

  /// How long the client should wait before it tries again; 0: not said.
  [[nodiscard]] std::chrono::seconds retryAfter() const { return retryAfter_; }
  Error& after(std::chrono::seconds s) {
    retryAfter_ = s;
    return *this;
  }

 private:
  Code code_;
  std::string detail_;
  std::vector<FieldError> fields_;
  std::chrono::seconds retryAfter_{0};
};

}  // namespace chatd

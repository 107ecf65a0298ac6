#include "store/copy/tables.h"

namespace chatd::store {

namespace {

constexpr Kind T = Kind::String;

constexpr Column kApp[] = {{"id"},         {"name", T},    {"settings", T}, {"verifiers", T}, {"revision"},
                           {"created_at"}, {"updated_at"}, {"deleted_at"},  {"retention", T}};
constexpr Column kAppUser[] = {
    {"id"},           {"app_id"},      {"app_user_id", T}, {"is_integer"}, {"first_name", T}, {"middle_name", T},
    {"last_name", T}, {"metadata", T}, {"banned"},         {"ban_until"},  {"ban_reason", T}, {"created_at"},
    {"updated_at"},   {"deleted_at"}};
constexpr Column kUserToken[] = {{"id"}, {"hash", T}, {"app_id"}, {"user_id"}, {"expires_at"}};
constexpr Column kAccount[] = {{"id"}, {"login", T}, {"password_hash", T}, {"role"}, {"created_at"}, {"updated_at"}};
constexpr Column kAccountApp[] = {{"account_id"}, {"app_id"}};
constexpr Column kAccountToken[] = {{"hash", T}, {"account_id"}, {"expires_at"}};
constexpr Column kAppKey[] = {{"id"}, {"app_id"}, {"hash", T}, {"hint", T}, {"created_at"}, {"expires_at"}};
constexpr Column kRoom[] = {{"id"},       {"app_id"},    {"name", T},    {"type"},       {"title", T},   {"metadata", T},
                            {"pair_low"}, {"pair_high"}, {"created_at"}, {"updated_at"}, {"deleted_at"}, {"retention", T}};
constexpr Column kRoomMember[] = {{"room_id"}, {"user_id"}, {"role"}, {"read_seq"}};
constexpr Column kRoomCounter[] = {{"room_id"}, {"last_seq"}, {"last_rev"}, {"access_rev"}, {"epoch", T}, {"first_seq"}};
constexpr Column kMessage[] = {{"room_id"},          {"seq"},      {"id"},          {"sender_id"},  {"text", T},
                               {"client_msg_id", T}, {"reply_to"}, {"metadata", T}, {"created_at"}, {"updated_at"},
                               {"deleted_at"},       {"rev"}};
constexpr Column kMessageKey[] = {{"room_id"}, {"sender_id"}, {"client_msg_id", T}, {"message_id"},
                                  {"seq"},     {"text_hash"}, {"created_at"}};
constexpr Column kRoomChange[] = {{"room_id"}, {"rev"}, {"message_id"}, {"kind"}};
constexpr Column kIdempotencyKey[] = {{"scope", T}, {"body_hash", T}, {"status"}, {"body", T}, {"created_at"}};

constexpr Table kTables[] = {{"app", 1, kApp},
                             {"app_user", 1, kAppUser},
                             {"user_token", 1, kUserToken},
                             {"account", 1, kAccount},
                             {"account_app", 2, kAccountApp},
                             {"account_token", 1, kAccountToken},
                             {"app_key", 1, kAppKey},
                             {"room", 1, kRoom},
                             {"room_member", 2, kRoomMember},
                             {"room_counter", 1, kRoomCounter},
                             {"message", 2, kMessage},
                             {"message_key", 3, kMessageKey},
                             {"room_change", 2, kRoomChange},
                             {"idempotency_key", 1, kIdempotencyKey}};

constexpr std::string_view kCounters[] = {"app", "app_user", "user_token", "account", "app_key", "room", "message"};

}  // namespace

std::span<const Table> storeTables() { return kTables; }
std::span<const std::string_view> idCounters() { return kCounters; }

}  // namespace chatd::store

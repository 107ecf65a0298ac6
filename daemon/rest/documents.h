// The schemas of what the API answers, and of fields that several bodies share. Constant. Thread: any.
#pragma once

#include "rest/schema.h"

namespace chatd::rest {

extern const Schema kAccountDocument;
extern const Schema kLoginDocument;
extern const Schema kVerifyDocument;
extern const Schema kVerifierDocument;
extern const Schema kQuotasDocument;
extern const Schema kRetentionDocument;
extern const Schema kSettingsDocument;
extern const Schema kAppDocument;
extern const Schema kAppLoginDocument;
extern const Schema kAppCreatedDocument;
extern const Schema kKeyDocument;
extern const Schema kKeyCreatedDocument;
extern const Schema kBanDocument;
extern const Schema kUserDocument;
extern const Schema kSessionDocument;
extern const Schema kMemberDocument;
extern const Schema kRoomDocument;
extern const Schema kMessageDocument;
extern const Schema kBackupDocument;
extern const Schema kHealthDocument;
extern const Schema kUnreadableSecretDocument;
extern const Schema kServerDocument;
extern const Schema kReloadDocument;
// In plugin_routes.cpp.
extern const Schema kPluginDocument;
extern const Schema kPluginProcessDocument;
extern const Schema kPluginReloadDocument;
extern const Schema kVerifyTestDocument;
extern const Schema kVerifyTestStepDocument;
extern const Schema kDryRunDocument;
extern const Schema kFieldErrorDocument;
extern const Schema kProblemDocument;

/// All of them, for the document's components.
[[nodiscard]] std::span<const Schema* const> documents();

// Fields of many bodies and queries.
inline constexpr Field kAppIdField{.name = "appId",
                                   .type = Type::Id,
                                   .doc =
                                       "The app. Operators and owners must give it; for an app key or a user token it "
                                       "is the credential's own, and another one is 404."};
inline constexpr Field kLimitField{
    .name = "limit", .type = Type::Integer, .least = 1, .most = 100, .doc = "Items a page; default 20."};
inline constexpr Field kCursorField{
    .name = "cursor", .type = Type::Line, .least = 1, .most = 128, .doc = "nextCursor of the page before; opaque."};
inline constexpr Field kMetadataField{.name = "metadata",
                                      .type = Type::Json,
                                      .nullable = true,
                                      .most = kMetadataBytes,
                                      .doc = "An object of the app's own, at most 16 KiB as compact JSON."};

inline constexpr Field kRetentionField{
    .name = "retention",
    .type = Type::Object,
    .nullable = true,
    .of = &kRetentionDocument,
    .doc =
        "How much history the room keeps, instead of the app's settings.retention; {} keeps everything. null: as the app."};

extern const Schema kListQuery;     ///< limit, cursor
extern const Schema kAppListQuery;  ///< appId, limit, cursor
extern const Schema kAppQuery;      ///< appId

}  // namespace chatd::rest

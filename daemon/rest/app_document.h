// An app as JSON, and back: settings, the chain of verifiers, and who may change which of them. Thread: worker: a plugin may
// have to be asked which members of its configuration are secret.
#pragma once

#include <string>
#include <vector>

#include "auth/plugin_host.h"
#include "auth/principal.h"
#include "base/json.h"
#include "base/result.h"
#include "chat/model.h"

namespace chatd::rest {

/// The fields of an app without the braces around them, so that a caller can add its own.
void appendAppFields(JsonWriter& out, const App& app, PluginHost& plugins);

/// `settings` of a validated body over what was there.
[[nodiscard]] AppSettings settingsOf(const JsonValue& body, AppSettings before);

/// `retention` of a validated body; nothing if it is null.
[[nodiscard]] std::optional<Retention> retentionOf(const JsonValue& object);

/// The chain that a validated body asks for: `verifiers`, or `tokenVerificationUrl` as one http verifier (null: none).
/// Nothing if it has neither. Errors: Invalid (both; a masked secret sent back; a URL that is not http).
[[nodiscard]] Result<std::optional<std::vector<VerifierSpec>>> chainOf(const JsonValue& body, PluginHost& plugins);

/// May `caller` change `before` into this? Fields that keep their value are no change. Errors: Forbidden, its detail names
/// the field.
[[nodiscard]] Result<void> mayChange(const Principal& caller, const App& before, const AppSettings& settings,
                                     const std::optional<std::vector<VerifierSpec>>& chain);

}  // namespace chatd::rest

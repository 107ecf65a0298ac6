// The bundled verifier `hmac`: a user id and an expiry, signed with a secret that the app's server shares with chatd.
#pragma once

#include "sdk/chatd_plugin.h"

extern "C" {
/// The entry of the static build. [control thread]
const chatd_plugin* chatd_hmac_plugin_entry(uint32_t host_minor);
}

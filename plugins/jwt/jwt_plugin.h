// The bundled verifier `jwt`: JSON Web Tokens checked by keys that are configured or published. Seen by the daemon only
// through the C ABI.
#pragma once

#include "sdk/chatd_plugin.h"

extern "C" {
/// The entry of the static build. [control thread]
const chatd_plugin* chatd_jwt_plugin_entry(uint32_t host_minor);
}

// The bundled verifier `introspect`: asks an OAuth 2.0 authorization server about a token (RFC 7662).
#pragma once

#include "sdk/chatd_plugin.h"

extern "C" {
/// The entry of the static build. [control thread]
const chatd_plugin* chatd_introspect_plugin_entry(uint32_t host_minor);
}

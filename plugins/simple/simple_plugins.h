// The bundled verifiers without a backend: `static` (a list of tokens), `allow` (everybody), `deny` (nobody).
#pragma once

#include "sdk/chatd_plugin.h"

extern "C" {
/// The entries of the static build. [control thread]
const chatd_plugin* chatd_static_plugin_entry(uint32_t host_minor);
const chatd_plugin* chatd_allow_plugin_entry(uint32_t host_minor);
const chatd_plugin* chatd_deny_plugin_entry(uint32_t host_minor);
}

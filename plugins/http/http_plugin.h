// The bundled verifier `http`: asks a URL of the app's who is behind a token. Seen by the daemon only through the C ABI.
#pragma once

#include "sdk/chatd_plugin.h"

extern "C" {
/// The entry of the static build, where many plugins share one executable and cannot all export chatd_plugin_entry_v1.
/// The struct is static. [control thread]
const chatd_plugin* chatd_http_plugin_entry(uint32_t host_minor);
}

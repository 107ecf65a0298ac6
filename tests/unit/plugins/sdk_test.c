/* The header compiles as C11, and its tests for newer members work there. */
#include "sdk/chatd_plugin.h"

int chatd_sdk_in_c(const chatd_host* host);
int chatd_sdk_in_c(const chatd_host* host) {
  return CHATD_HAS(host, service) && CHATD_HAS(host, complete) && sizeof(chatd_str) == 16 && sizeof(chatd_kv) == 32;
}

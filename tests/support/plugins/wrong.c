/* Libraries that are no plugins for this host: another ABI (no entry), a table that is too short, a refusal. */
#include "sdk/chatd_plugin.h"

#if defined(WRONG_ABI)
CHATD_EXPORT const chatd_plugin* chatd_plugin_entry_v9(uint32_t minor);
const chatd_plugin* chatd_plugin_entry_v9(uint32_t minor) {
  (void)minor;
  return 0;
}
#elif defined(WRONG_TABLE)
CHATD_EXPORT const chatd_plugin* chatd_plugin_entry_v1(uint32_t minor) {
  static const chatd_plugin table = {16, 0, "short", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  (void)minor;
  return &table;
}
#else
CHATD_EXPORT const chatd_plugin* chatd_plugin_entry_v1(uint32_t minor) {
  (void)minor;
  return 0;
}
#endif

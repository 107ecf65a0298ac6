/* wrong.c - a verifier with one fault of each kind, to see what chatd-plugin-check says about them. Do not copy. */
#include <chatd_plugin.h>
#include <stdlib.h>
#include <string.h>

struct chatd_instance {
  const chatd_host* host;
};

/* Fault: visible to everybody, because this file is not linked with the export map. */
CHATD_EXPORT int helper(void);
int helper(void) { return 1; }

static int32_t create(const chatd_host* host, chatd_str app, chatd_str config, chatd_instance** out, char* err,
                      uint64_t err_cap) {
  (void)app, (void)config, (void)err, (void)err_cap;
  *out = malloc(sizeof **out);
  (*out)->host = host;
  return 0;
}

static void destroy(chatd_instance* self) {
  const chatd_host* host = self->host;
  free(self);
  (void)host;
}

static int32_t verify(chatd_instance* self, const chatd_verify_req* request, chatd_job job) {
  chatd_result result = {0};
  char* copy = malloc(512 + request->token.len); /* Fault: never freed. */
  memset(copy, 0, 512);
  if (request->token.len > 0) memcpy(copy, request->token.ptr, request->token.len);
  result.struct_size = sizeof result;
  result.verdict = CHATD_ALLOW; /* Fault: allows without naming a user. */
  self->host->complete(self->host->ctx, job, &result);
  self->host->complete(self->host->ctx, job, &result); /* Fault: twice. */
  if (copy[0] == 'x') return 1;                        /* Fault: completed, and then says that it never will. */
  return 0;
}

static const chatd_plugin plugin = {
    .struct_size = sizeof plugin,
    .id = "org.example.wrong",
    .name = "Wrong",
    .version = "1.0.0",
    .vendor = "Example",
    .config_schema = "{not JSON", /* Fault. */
    .create = create,
    .destroy = destroy,
    .verify = verify,
};

CHATD_EXPORT const chatd_plugin* chatd_plugin_entry_v1(uint32_t host_minor) {
  (void)host_minor;
  return &plugin;
}

/* door.c - the smallest useful verifier: a token is "USER:WORD", and WORD must be the one of the configuration.
 * The README beside this file goes through it in ten minutes. C11, no dependencies. */
#include <chatd_plugin.h>
#include <stdlib.h>
#include <string.h>

/* One instance for each app and configuration. chatd never looks inside. */
struct chatd_instance {
  const chatd_host* host;
  size_t length;
  char word[256];
};

static chatd_str text(const char* s) { return (chatd_str){s, strlen(s)}; }

/* The value of "word" in {"word":"…"}. chatd has checked the configuration against the schema below, so it is there; a
 * real plugin would use a JSON library. */
static int read_word(chatd_str config, char* to, size_t capacity, size_t* length) {
  static const char key[] = "\"word\"";
  const char* end = config.ptr + config.len;
  for (const char* at = config.ptr; at + sizeof key < end; ++at) {
    if (memcmp(at, key, sizeof key - 1) != 0) continue;
    at += sizeof key - 1;
    while (at < end && (*at == ' ' || *at == ':' || *at == '\t' || *at == '\n')) ++at;
    if (at == end || *at++ != '"') return 0;
    for (*length = 0; at < end && *at != '"' && *at != '\\' && *length < capacity; ++at) to[(*length)++] = *at;
    return at < end && *at == '"' && *length > 0;
  }
  return 0;
}

/* [control thread] Called when an app is given this configuration. Say why not, and the admin reads it. */
static int32_t create(const chatd_host* host, chatd_str app, chatd_str config, chatd_instance** out, char* err,
                      uint64_t err_cap) {
  static const char why[] = "word: is required, 1 to 256 characters without \" and \\";
  chatd_instance* self = calloc(1, sizeof *self);
  (void)app;
  if (self == NULL) return 1;
  self->host = host;
  if (!read_word(config, self->word, sizeof self->word, &self->length)) {
    if (err_cap >= sizeof why) memcpy(err, why, sizeof why);
    free(self);
    return 1;
  }
  *out = self;
  return 0;
}

/* [control thread] Every question has been answered by now. */
static void destroy(chatd_instance* self) { free(self); }

/* The same time for every word of the right length: how long a comparison took must tell nothing. */
static int same(const char* a, const char* b, size_t length) {
  unsigned char differ = 0;
  for (size_t i = 0; i < length; ++i) differ |= (unsigned char)(a[i] ^ b[i]);
  return differ == 0;
}

/* [worker threads] The question. It must be answered by complete(), exactly once: here at once, or later from any thread. */
static int32_t verify(chatd_instance* self, const chatd_verify_req* request, chatd_job job) {
  chatd_result result = {0};
  const char* colon = request->token.len > 0 ? memchr(request->token.ptr, ':', request->token.len) : NULL;
  result.struct_size = sizeof result;
  result.cache_ttl_ms = -1;
  if (colon == NULL || colon == request->token.ptr) {
    result.verdict = CHATD_DEFER; /* not a token of ours: the next verifier may know it */
    result.error_detail = text("the token is not USER:WORD");
  } else {
    const size_t user = (size_t)(colon - request->token.ptr);
    const size_t word = (size_t)request->token.len - user - 1;
    const int good = user <= 64 && word == self->length && same(colon + 1, self->word, word);
    result.verdict = good ? CHATD_ALLOW : CHATD_DENY;
    if (good) {
      result.user_id = (chatd_str){request->token.ptr, user};
    } else {
      result.error_detail = text("the word is wrong"); /* for operators; the client is only told 401 */
    }
  }
  self->host->complete(self->host->ctx, job, &result); /* copies what it needs before it returns */
  return 0;
}

static const chatd_plugin plugin = {
    .struct_size = sizeof plugin,
    .id = "org.example.door",
    .name = "Door",
    .version = "1.0.0",
    .vendor = "Example",
    /* writeOnly: a secret, which chatd shows in no list. */
    .config_schema =
        "{\"type\":\"object\",\"required\":[\"word\"],\"additionalProperties\":false,"
        "\"properties\":{\"word\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":256,\"writeOnly\":true}}}",
    .create = create,
    .destroy = destroy,
    .verify = verify,
};

/* The only symbol that a plugin exports. */
CHATD_EXPORT const chatd_plugin* chatd_plugin_entry_v1(uint32_t host_minor) {
  (void)host_minor;
  return &plugin;
}

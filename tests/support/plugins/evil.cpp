// A plugin that does what its token says, also everything that a plugin must not do. For the tests of the supervisor and of
// the checker. Written against the C ABI alone, because the C++ wrapper would not let it misbehave.
//   age (allows the user "age-N", N being how often this instance was asked)
//   field:NAME (allows the user that this header field or cookie names, or "nothing")
//   secret:NAME (allows the user "got-VALUE", or "no-secret")
//   count:NAME:BY (metric_add, with the label kind=test)
//   grant:USER:PERMS:GLOB[,PERMS:GLOB...] grants:N (N equal grants, to ann)
//   ok:USER deny defer unavailable refuse double:USER late:MS:USER slow:MS:USER never garbage wild hang crash throw exit
//   fork socket connect readfile:PATH write closefds leak spam fetch:URL peer
// Config: {"refuse":"why"} {"createHangs":true} {"createCrashes":true} {"crashEvery":N} {"version":"…"} (user suffix)
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sdk/chatd_plugin.h"

#ifndef EVIL_FLAGS
#define EVIL_FLAGS 0
#endif
#ifndef EVIL_VERSION
#define EVIL_VERSION "1"
#endif

namespace {

// Another plugin of the tests has a class of the same name and another body.
class Shared {
 public:
  virtual ~Shared() = default;
  virtual std::string version() const { return EVIL_VERSION; }
};

struct Instance {
  const chatd_host* host;
  std::string config;
  std::atomic<int> asked{0};
  Shared shared;
  int crashEvery = 0;
  std::mutex configuring;
};

Instance* of(chatd_instance* i) { return reinterpret_cast<Instance*>(i); }
chatd_str str(const std::string& s) { return {s.data(), s.size()}; }

void answer(const Instance& self, chatd_job job, int verdict, const std::string& user = "", const std::string& detail = "") {
  chatd_result r{};
  r.struct_size = sizeof r;
  r.verdict = verdict;
  r.user_id = str(user);
  r.cache_ttl_ms = 0;
  r.error_detail = str(detail);
  self.host->complete(self.host->ctx, job, &r);
}

void answerWith(const Instance& self, chatd_job job, const std::string& user, const std::vector<chatd_grant>& grants) {
  chatd_result r{};
  r.struct_size = sizeof r;
  r.verdict = CHATD_ALLOW;
  r.user_id = str(user);
  r.cache_ttl_ms = -1;
  r.grants = grants.data();
  r.grant_count = grants.size();
  self.host->complete(self.host->ctx, job, &r);
}

/// USER:PERMS:GLOB[,PERMS:GLOB...]
void grant(const Instance& self, chatd_job job, std::string rest) {
  const std::string user = rest.substr(0, rest.find(':'));
  rest = rest.substr(user.size() + 1);
  std::vector<std::string> globs;
  std::vector<std::uint32_t> perms;
  while (!rest.empty()) {
    const std::string one = rest.substr(0, rest.find(','));
    rest = one.size() < rest.size() ? rest.substr(one.size() + 1) : "";
    perms.push_back(static_cast<std::uint32_t>(std::atoi(one.c_str())));
    globs.push_back(one.substr(one.find(':') + 1));
  }
  std::vector<chatd_grant> grants;
  for (std::size_t i = 0; i < globs.size(); ++i) grants.push_back({sizeof(chatd_grant), perms[i], str(globs[i])});
  answerWith(self, job, user, grants);
}

std::string value(const std::string& config, const std::string& key) {
  const auto at = config.find("\"" + key + "\":");
  if (at == std::string::npos) return {};
  std::string rest = config.substr(at + key.size() + 3);
  rest = rest.substr(0, rest.find_first_of(",}"));
  if (!rest.empty() && rest.front() == '"') rest = rest.substr(1, rest.size() - 2);
  return rest;
}

[[noreturn]] void forever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

int create(const chatd_host* host, chatd_str, chatd_str config, chatd_instance** out, char* err, uint64_t cap) {
  auto made = std::make_unique<Instance>();
  made->host = host;
  made->config.assign(config.ptr, config.len);
  if (const std::string why = value(made->config, "refuse"); !why.empty()) {
    std::strncpy(err, why.c_str(), cap - 1);
    return 1;
  }
  if (!value(made->config, "createHangs").empty()) forever();
  if (!value(made->config, "createCrashes").empty()) std::abort();
  made->crashEvery = std::atoi(value(made->config, "crashEvery").c_str());
  *out = reinterpret_cast<chatd_instance*>(made.release());
  return 0;
}

void destroy(chatd_instance* instance) {
  if (!value(of(instance)->config, "destroyHangs").empty()) forever();
  delete of(instance);
}

void fetched(void* user, const chatd_http_resp* response) {
  const std::unique_ptr<std::pair<Instance*, chatd_job>> held(static_cast<std::pair<Instance*, chatd_job>*>(user));
  if (response->status != 200) {
    const std::string why(response->error.ptr != nullptr ? response->error.ptr : "", response->error.len);
    return answer(*held->first, held->second, CHATD_UNAVAILABLE, "",
                  "fetch " + std::to_string(response->status) + " " + why);
  }
  answer(*held->first, held->second, CHATD_ALLOW, std::string(response->body.ptr, response->body.len));
}

bool misbehave(Instance& self, const std::string& what, chatd_job job) {
  if (what == "hang") forever();
  if (what == "crash") std::abort();
  if (what == "throw") throw std::runtime_error("out of verify()");
  if (what == "exit") ::_exit(7);
  if (what == "garbage") {
    chatd_result r{};
    r.struct_size = sizeof r;
    r.verdict = 77;
    self.host->complete(self.host->ctx, job, &r);
  } else if (what == "wild") {
    chatd_result r{};
    r.struct_size = sizeof r;
    r.verdict = CHATD_ALLOW;
    r.user_id = {reinterpret_cast<const char*>(0x10), UINT64_MAX};
    self.host->complete(self.host->ctx, job, &r);
  } else if (what == "foreign") {
    answer(self, job + 1, CHATD_ALLOW, "stranger");  // somebody else's job
    answer(self, job, CHATD_DENY);
  } else if (what == "fork") {
    const pid_t child = ::fork();
    if (child == 0) forever();
    answer(self, job, CHATD_ALLOW, child < 0 ? "no-fork" : "forked");
  } else if (what == "socket") {
    answer(self, job, CHATD_ALLOW, ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? "no-socket" : "socket");
  } else if (what == "write") {
    answer(self, job, CHATD_ALLOW, ::open("/tmp/chatd-evil", O_WRONLY | O_CREAT, 0600) < 0 ? "no-write" : "written");
  } else if (what.rfind("readfile:", 0) == 0) {
    answer(self, job, CHATD_ALLOW, ::open(what.c_str() + 9, O_RDONLY) < 0 ? "no-read" : "read");
  } else if (what == "closefds") {
    for (int fd = 0; fd < 64; ++fd) ::close(fd);
    answer(self, job, CHATD_ALLOW, "closed");
  } else if (what == "leak") {
    std::vector<char*> kept;
    for (;;) {
      kept.push_back(new char[1 << 20]);
      std::memset(kept.back(), 1, 1 << 20);
    }
  } else if (what == "spam") {
    for (int i = 0; i < 200'000; ++i) self.host->log(self.host->ctx, CHATD_LOG_WARN, {"spam", 4}, nullptr, 0);
    answer(self, job, CHATD_ALLOW, "spammer");
  } else {
    return false;
  }
  return true;
}

int verify(chatd_instance* instance, const chatd_verify_req* request, chatd_job job) {
  Instance& self = *of(instance);
  const std::string token(request->token.ptr, request->token.len);
  const int asked = ++self.asked;
  const std::string suffix = [&] {
    const std::lock_guard<std::mutex> lock(self.configuring);
    return value(self.config, "suffix");
  }();
  if (self.crashEvery > 0 && asked % self.crashEvery == 0) std::abort();
  if (token == "age") return answer(self, job, CHATD_ALLOW, "age-" + std::to_string(asked) + suffix), 0;
  const auto after = [&](const char* prefix) { return token.substr(std::strlen(prefix)); };
  if (token.rfind("ok:", 0) == 0) return answer(self, job, CHATD_ALLOW, after("ok:") + suffix), 0;
  if (token.rfind("secret:", 0) == 0) {
    const std::string name = after("secret:");
    std::string value(256, ' ');
    uint64_t length = 0;
    if (self.host->secret(self.host->ctx, str(name), value.data(), value.size(), &length) != 0) {
      return answer(self, job, CHATD_ALLOW, "no-secret"), 0;
    }
    return answer(self, job, CHATD_ALLOW, "got-" + value.substr(0, length)), 0;
  }
  if (token.rfind("count:", 0) == 0) {
    const std::string rest = after("count:");
    const std::string name = rest.substr(0, rest.find(':'));
    const chatd_kv label{{"kind", 4}, {"test", 4}};
    self.host->metric_add(self.host->ctx, str(name), std::atof(rest.substr(name.size() + 1).c_str()), &label, 1);
    return answer(self, job, CHATD_ALLOW, "counter"), 0;
  }
  if (token.rfind("grant:", 0) == 0) return grant(self, job, after("grant:")), 0;
  if (token.rfind("grants:", 0) == 0) {
    const std::vector<chatd_grant> many(static_cast<std::size_t>(std::atoi(token.c_str() + 7)),
                                        chatd_grant{sizeof(chatd_grant), CHATD_PERM_READ, {"*", 1}});
    return answerWith(self, job, "ann", many), 0;
  }
  if (token == "version") return answer(self, job, CHATD_ALLOW, "version-" + self.shared.version()), 0;
  if (token == "deny") return answer(self, job, CHATD_DENY), 0;
  if (token == "defer") return answer(self, job, CHATD_DEFER), 0;
  if (token == "unavailable") return answer(self, job, CHATD_UNAVAILABLE, "", "as asked"), 0;
  if (token == "refuse") return 5;
  if (token == "never") return 0;
  if (token == "peer")
    return answer(
               self, job, CHATD_ALLOW,
               "ip-" + std::string(request->client_ip.ptr != nullptr ? request->client_ip.ptr : "", request->client_ip.len)),
           0;
  if (token.rfind("field:", 0) == 0) {
    std::string seen = "nothing";
    for (std::uint32_t i = 0; i < request->kv_count; ++i) {
      const chatd_kv& kv = request->kv[i];
      if (std::string(kv.key.ptr, kv.key.len) == after("field:")) seen.assign(kv.value.ptr, kv.value.len);
    }
    return answer(self, job, CHATD_ALLOW, seen), 0;
  }
  if (token.rfind("double:", 0) == 0) {
    answer(self, job, CHATD_ALLOW, after("double:"));
    answer(self, job, CHATD_DENY);
    return 0;
  }
  if (token.rfind("late:", 0) == 0 || token.rfind("slow:", 0) == 0) {
    const int ms = std::atoi(token.c_str() + 5);
    const std::string user = token.substr(token.rfind(':') + 1);
    std::thread([&self, job, ms, user] {
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
      answer(self, job, CHATD_ALLOW, user);
    }).detach();
    return 0;
  }
  if (token.rfind("fetch:", 0) == 0) {
    const auto* http = static_cast<const chatd_http_v1*>(self.host->service(self.host->ctx, "chatd.http/1"));
    const std::string url = after("fetch:");
    chatd_http_req call{};
    call.struct_size = sizeof call;
    static const std::string get = "GET";
    call.method = str(get);
    call.url = str(url);
    call.deadline_ns = request->deadline_ns;
    call.max_response = 1 << 20;
    auto held = std::make_unique<std::pair<Instance*, chatd_job>>(&self, job);
    if (http->fetch(self.host->ctx, &call, fetched, held.get()) != 0) return 1;
    static_cast<void>(held.release());
    return 0;
  }
  if (misbehave(self, token, job)) return 0;
  answer(self, job, CHATD_DEFER);
  return 0;
}

int reconfigure(chatd_instance* instance, chatd_str config, char* err, uint64_t cap) {
  const std::string now(config.ptr, config.len);
  if (!value(now, "crashOnChange").empty()) std::abort();
  if (const std::string why = value(now, "refuseChange"); !why.empty()) {
    std::strncpy(err, why.c_str(), cap - 1);
    return 1;
  }
  const std::lock_guard<std::mutex> lock(of(instance)->configuring);
  of(instance)->config = now;
  return 0;
}

int health(chatd_instance* instance, char* message, uint64_t cap) {
  const std::string sick = value(of(instance)->config, "sick");
  std::strncpy(message, sick.c_str(), cap - 1);
  return sick.empty() ? 0 : 1;
}

constexpr const char* kSchema =
    R"({"type":"object","properties":{"number":{"type":"integer"},"harmless":{"writeOnly":true},"monkey":{"writeOnly":false}}})";
constexpr chatd_plugin kPlugin = {sizeof(chatd_plugin),
                                  EVIL_FLAGS,
                                  "org.example.evil",
                                  "Evil",
                                  EVIL_VERSION,
                                  "tests",
                                  kSchema,
                                  create,
                                  destroy,
                                  verify,
                                  nullptr,
                                  health,
                                  reconfigure};

}  // namespace

extern "C" CHATD_EXPORT const chatd_plugin* chatd_plugin_entry_v1(uint32_t) { return &kPlugin; }

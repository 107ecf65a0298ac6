// session_api.cpp - asks a web application's own API who a token belongs to, without a thread that waits: the answer of the
// HTTP call completes the question. GET <url> with the token in the field X-Session: 200 and the user's id as the body.
#include <chatd_plugin.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

// One string member of a flat JSON object without escapes. The schema below lets nothing else through; a real plugin would
// use a JSON library.
std::string member(std::string_view json, const std::string& name) {
  const auto key = json.find('"' + name + '"');
  if (key == std::string_view::npos) return {};
  const auto open = json.find('"', json.find(':', key));
  if (open == std::string_view::npos) return {};
  const auto close = json.find('"', open + 1);
  return close == std::string_view::npos ? std::string() : std::string(json.substr(open + 1, close - open - 1));
}

class SessionApi : public chatd_sdk::Verifier {
 public:
  SessionApi(chatd_sdk::Host host, std::string_view, std::string_view config) : host_(host), url_(member(config, "url")) {
    // What is thrown here is what the admin reads.
    if (url_.empty()) throw std::invalid_argument("url: is required");
    if (!host.hasHttp()) throw std::invalid_argument("this host has no HTTP client");
  }

  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
    for (const char c : request.token) {
      if (c <= 0x20 || c >= 0x7F) return job.answer(chatd_sdk::Answer::defer("cannot be sent in a header field"));
    }
    chatd_sdk::HttpRequest call;
    call.url = url_;
    call.headers = {{"X-Session", std::string(request.token)}};
    call.deadlineNs = request.deadlineNs;
    // The job travels with the call. Should the callback never come, its destructor answers for us.
    auto held = std::make_shared<chatd_sdk::Job>(std::move(job));
    const bool asked = host_.fetch(call, [held](const chatd_sdk::HttpResponse& response) { held->answer(judge(response)); });
    if (!asked) held->answer(chatd_sdk::Answer::unavailable("the API cannot be asked"));
  }

 private:
  static chatd_sdk::Answer judge(const chatd_sdk::HttpResponse& response) {
    if (response.status < 0) return chatd_sdk::Answer::unavailable("the API: " + std::string(response.error));
    if (response.status == 401) return chatd_sdk::Answer::deny("the API does not know the session");
    if (response.status != 200 || response.body.empty() || response.body.size() > 64) {
      return chatd_sdk::Answer::unavailable("the API answered " + std::to_string(response.status));
    }
    return chatd_sdk::Answer::allow(std::string(response.body));
  }

  chatd_sdk::Host host_;
  std::string url_;
};

constexpr const char* kSchema =
    R"({"type":"object","required":["url"],"additionalProperties":false,"properties":{"url":{"type":"string","minLength":1}}})";

}  // namespace

CHATD_PLUGIN(SessionApi, 0, "org.example.session-api", "Session API", "1.0.0", "Example", kSchema)

#include "simple/simple_plugins.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

#include "base/text.h"
#include "common/claims.h"
#include "common/config_reader.h"
#include "common/crypto.h"
#include "common/small_file.h"
#include "sdk/chatd_plugin.hpp"

namespace chatd::plugins {

namespace {

using chatd_sdk::Answer;

// --- static -----------------------------------------------------------------------------------------------------------

constexpr std::size_t kMostFileBytes = 4 * 1024 * 1024;

constexpr const char* kStaticSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "additionalProperties": false,
  "properties": {
    "file": {"type": "string", "minLength": 1, "maxLength": 4096,
      "description": "absolute path of a file of at most 4 MiB, a JSON object: token to user id; read when the verifier is made"},
    "tokens": {"type": "object", "writeOnly": true, "description": "the same, here"}
  }
})";

class StaticVerifier final : public chatd_sdk::Verifier {
 public:
  StaticVerifier(chatd_sdk::Host, std::string_view, std::string_view config) {
    const JsonDocument json = readConfig(kStaticSchema, config);
    const JsonValue* tokens = find(json, "tokens");
    const std::string file = textOr(json, "file");
    if ((tokens == nullptr) == file.empty()) throw std::invalid_argument("give file or tokens");
    if (tokens != nullptr) {
      take(*tokens, "tokens");
      return;
    }
    const auto text = readSmallFile(file, kMostFileBytes);
    if (!text)
      throw std::invalid_argument("file: must be the absolute path of a regular file that chatd may read, of at most 4 MiB");
    const auto list = parseJson(*text);
    if (!list.ok() || !list->IsObject()) throw std::invalid_argument("file: is no JSON object of tokens and user ids");
    take(*list, "file");
  }

  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
    // By hash, so that the time of looking it up tells nothing of the tokens.
    const auto it = users_.find(sha256(request.token));
    job.answer(it == users_.end() ? Answer::defer("is not on the list") : Answer::allow(it->second));
  }

 private:
  void take(const JsonValue& tokens, const char* where) {
    for (const auto& member : tokens.GetObject()) {
      const auto user = userIdOf(member.value);
      if (!user || asView(member.name).empty()) {
        throw std::invalid_argument(std::string(where) + ": must hold tokens and the ids of their users");
      }
      users_[sha256(asView(member.name))] = *user;
    }
  }
  std::map<std::string, std::string> users_;
};

// --- allow ------------------------------------------------------------------------------------------------------------

constexpr const char* kAllowSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "additionalProperties": false,
  "properties": {"prefix": {"type": "string", "maxLength": 64, "description": "of the user ids, such as guest-"}}
})";

/// The token is the user's id. For demonstrations and for nets in which everybody is known already.
class AllowVerifier final : public chatd_sdk::Verifier {
 public:
  AllowVerifier(chatd_sdk::Host, std::string_view, std::string_view config)
      : prefix_(textOr(readConfig(kAllowSchema, config), "prefix")) {}

  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
    constexpr std::size_t kMost = 128;
    const std::string_view token = request.token;
    const bool plain =
        !token.empty() && token.size() <= kMost && isUtf8(token) && std::none_of(token.begin(), token.end(), [](char c) {
          const auto b = static_cast<unsigned char>(c);
          return b < 0x20 || b == 0x7F;
        });
    job.answer(plain ? Answer::allow(prefix_ + std::string(token)) : Answer::deny("cannot be a user id"));
  }

 private:
  const std::string prefix_;
};

// --- deny -------------------------------------------------------------------------------------------------------------

constexpr const char* kDenySchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "additionalProperties": false, "properties": {}
})";

/// Nobody: an app that is closed for a while, or lives on registered tokens alone.
class DenyVerifier final : public chatd_sdk::Verifier {
 public:
  DenyVerifier(chatd_sdk::Host, std::string_view, std::string_view config) {
    static_cast<void>(readConfig(kDenySchema, config));
  }
  void verify(const chatd_sdk::Request&, chatd_sdk::Job job) override {
    job.answer(Answer::deny("the verifier deny lets nobody in"));
  }
};

}  // namespace

}  // namespace chatd::plugins

CHATD_PLUGIN_AS(chatd_static_plugin_entry, chatd::plugins::StaticVerifier, 0, "static", "List of tokens", "1.0.0", "chatd",
                chatd::plugins::kStaticSchema)
CHATD_PLUGIN_AS(chatd_allow_plugin_entry, chatd::plugins::AllowVerifier, 0, "allow", "Everybody", "1.0.0", "chatd",
                chatd::plugins::kAllowSchema)
CHATD_PLUGIN_AS(chatd_deny_plugin_entry, chatd::plugins::DenyVerifier, 0, "deny", "Nobody", "1.0.0", "chatd",
                chatd::plugins::kDenySchema)

// KeySource: the keys that an issuer publishes. Read when first needed, again when they are old, and, not more often than
// once a cooldown, when a token names a key that is not among them. While reading fails, the old ones serve for a while.
// One reading at a time; who needs it waits for it. Shared by a verifier and its calls under way. Thread: any.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "jwt/settings.h"
#include "sdk/chatd_plugin.hpp"

namespace chatd::jwt {

class KeySource : public std::enable_shared_from_this<KeySource> {
 public:
  KeySource(chatd_sdk::Host host, const Settings& settings) : host_(host), settings_(settings) {}

  struct Found {
    std::shared_ptr<const Keys> keys;  ///< nothing: there are none, and `fault` says why
    std::string fault;
  };
  using Then = std::function<void(const Found&)>;
  /// Calls `then` with keys that are good to judge a token of this kid (empty: none named) by: at once if it can, else after
  /// reading. That the kid is not among them then means that it does not exist.
  void find(const std::string& kid, Then then);
  /// From now on nothing of the host is touched: a reading that is still under way ends without a trace. Waits for one that
  /// is being taken in at this moment.
  void close();
  /// Why there are no fresh keys; empty: there are.
  [[nodiscard]] std::string fault();

 private:
  void read();
  void fetch(const std::string& url, std::int64_t deadlineNs, bool metadata);
  void taken(const chatd_sdk::HttpResponse& response, std::int64_t deadlineNs, bool metadata);
  void arrived(const chatd_sdk::HttpResponse& response, std::int64_t deadlineNs, bool metadata);
  void ended(std::shared_ptr<const Keys> keys, const std::string& fault);
  [[nodiscard]] bool has(const std::string& kid) const;

  const chatd_sdk::Host host_;
  const Settings settings_;  ///< a copy: a reading may outlive the verifier

  std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;
  std::int64_t readAtMs_ = 0;   ///< when keys_ were read
  std::int64_t triedAtMs_ = 0;  ///< when a reading last ended
  std::string fault_;           ///< of the last reading
  bool reading_ = false;
  bool closed_ = false;
  int taking_ = 0;  ///< answers that are being taken in
  std::condition_variable idle_;
  std::vector<Then> waiting_;
};

}  // namespace chatd::jwt

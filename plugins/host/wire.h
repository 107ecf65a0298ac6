// The conversation between the daemon and a plugin host process: messages over a SOCK_SEQPACKET socket. A message is cut
// into datagrams of one size at most; what comes in is bounded and checked, because neither side trusts the other's memory.
// Both are of the same build: numbers are in the machine's order. Thread: any (values).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd::hostwire {

enum class Type : std::uint16_t {
  // From the host process.
  Loaded = 1,    ///< id 0
  Created,       ///< id: instance
  Destroyed,     ///< id: instance
  Answered,      ///< id: job
  Refused,       ///< id: job; verify() said that no answer will come
  Fetch,         ///< id: of the process's choice
  Said,          ///< id: instance
  Counted,       ///< id: instance
  HealthIs,      ///< id: of the question
  Reconfigured,  ///< id: instance
  // From the daemon.
  Create = 64,  ///< id: instance
  Destroy,      ///< id: instance
  Verify,       ///< id: job
  Cancel,       ///< id: job
  Fetched,      ///< id: of the Fetch
  Health,       ///< id: of the question
  Reconfigure,  ///< id: instance
};

constexpr std::size_t kMaxPayload = 32 * 1024;  ///< of one datagram
constexpr std::size_t kHeader = 24;
constexpr std::size_t kMaxDatagram = kHeader + kMaxPayload;
/// Of one message: an HTTP answer of 1 MiB with its headers is the largest.
constexpr std::size_t kMaxMessage = 1024 * 1024 + 64 * 1024;

constexpr std::size_t kMaxReason = 512;
constexpr std::size_t kMaxConfig = 256 * 1024;
constexpr std::size_t kMaxToken = 16 * 1024;
constexpr std::size_t kMaxField = 8 * 1024;
constexpr std::size_t kMaxFields = 64;
constexpr std::size_t kMaxLabels = 8;
constexpr std::size_t kMaxLabel = 128;
constexpr std::size_t kMaxClaims = 16 * 1024;
constexpr std::size_t kMaxBody = 1024 * 1024;
constexpr std::size_t kMaxSchema = 64 * 1024;
/// One more than is allowed, so that the daemon can tell too many from just enough. So with a glob's length, 128 bytes.
constexpr std::size_t kMaxGrants = 65;
constexpr std::size_t kMaxGlob = 129;

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Loaded {
  bool ok = false;
  std::string reason;
  std::uint32_t flags = 0;
  std::string id, name, version, vendor, schema;
  bool confined = true;  ///< false: this kernel cannot keep it from reading files
};
struct Create {
  std::string app, config;
  Fields secrets;
};
/// Of Created, HealthIs and Reconfigured. Not ok and no reason: the plugin cannot be reconfigured.
struct Outcome {
  bool ok = false;
  std::string reason;
};
struct Reconfigure {
  std::string config;
  Fields secrets;
};
struct Verify {
  std::uint64_t instance = 0;
  std::string app, token, claimedUser, clientIp, origin, trace;
  Fields fields;
  std::int64_t deadlineNs = 0;  ///< CLOCK_MONOTONIC
};
struct Grant {
  std::uint32_t perms = 0;
  std::string glob;
};
struct Answered {
  std::uint64_t instance = 0;
  bool hasResult = false;  ///< false: complete() was called without one
  std::int32_t verdict = 0;
  std::string user, displayName, avatar, claims, code, detail;
  std::int64_t expiresAtMs = 0, cacheTtlMs = -1;
  std::vector<Grant> grants;
};
struct Cancel {
  std::uint64_t instance = 0;
};
struct Fetch {
  std::uint64_t instance = 0;
  std::string method, url, body;
  Fields headers;
  std::int64_t deadlineNs = 0;
  std::uint64_t maxResponse = 0;
};
struct Fetched {
  std::int32_t status = -1;
  std::string body, error;
  Fields headers;
};
struct Said {
  std::int32_t level = 0;
  std::string text;
};
struct Counted {
  std::string name;
  double by = 0;
  Fields labels;
};

/// The payload of a message.
template <class M>
[[nodiscard]] std::string encode(const M& message);
/// Nothing: it is not one, or breaks a bound.
template <class M>
[[nodiscard]] std::optional<M> decode(std::string_view payload);

struct Message {
  Type type{};
  std::uint64_t id = 0;
  std::string payload;
};

/// The datagrams of a message, in order. The payload must be kMaxMessage at most.
[[nodiscard]] std::vector<std::string> datagrams(Type type, std::uint64_t id, std::string_view payload);

/// Puts datagrams together again. Thread: one at a time.
class Assembler {
 public:
  enum class State : std::uint8_t { More, Whole, Broken };
  /// Whole: `out` is the message. Broken: it is no datagram of ours, or the message is too large; there is no way back.
  [[nodiscard]] State take(std::string_view datagram, Message& out);

 private:
  bool open_ = false;
  Message message_;
};

}  // namespace chatd::hostwire

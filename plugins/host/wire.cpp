#include "host/wire.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace chatd::hostwire {

namespace {

constexpr std::uint32_t kMagic = 0x31504843;  // "CHP1"
constexpr std::uint32_t kMore = 1;

struct Header {
  std::uint32_t magic = kMagic;
  std::uint16_t type = 0;
  std::uint16_t reserved = 0;
  std::uint64_t id = 0;
  std::uint32_t flags = 0;
  std::uint32_t length = 0;
};
static_assert(sizeof(Header) == kHeader);

class Writer {
 public:
  static constexpr bool kReads = false;
  template <class T>
  void number(const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value, std::size_t most) {
    const auto length = static_cast<std::uint32_t>(std::min(value.size(), most));
    number(length);
    out.append(value, 0, length);
  }
  std::string out;
};

class Reader {
 public:
  static constexpr bool kReads = true;
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  void number(T& value) {
    if (!take(sizeof value)) return;
    std::memcpy(&value, taken_.data(), sizeof value);
  }
  void text(std::string& value, std::size_t most) {
    std::uint32_t length = 0;
    number(length);
    if (length > most) good_ = false;
    if (take(length)) value = taken_;
  }
  void fail() { good_ = false; }
  [[nodiscard]] bool done() const { return good_ && rest_.empty(); }
  [[nodiscard]] bool good() const { return good_; }

 private:
  bool take(std::size_t n) {
    if (!good_ || rest_.size() < n) {
      good_ = false;
      return false;
    }
    taken_ = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return true;
  }
  std::string_view rest_;
  std::string_view taken_;
  bool good_ = true;
};

// One description for both directions: `A` is Writer with a const message, or Reader with one to fill.
template <class A>
void flag(A& a, auto& value) {
  std::uint8_t byte = value ? 1 : 0;
  a.number(byte);
  if constexpr (A::kReads) value = byte != 0;
}

template <class A, class List, class Each>
void list(A& a, List& items, std::size_t most, Each each) {
  auto count = static_cast<std::uint32_t>(std::min(items.size(), most));
  a.number(count);
  if constexpr (A::kReads) {
    if (count > most) a.fail();
    if (!a.good()) return;
    items.resize(count);
  }
  for (std::uint32_t i = 0; i < count; ++i) each(items[i]);
}

template <class A, class F>
void fields(A& a, F& pairs) {
  list(a, pairs, kMaxFields, [&a](auto& field) {
    a.text(field.first, kMaxField);
    a.text(field.second, kMaxField);
  });
}

#define CHATD_WIRE_DESCRIBE(MESSAGE)                       \
  template <class A, class M>                              \
  requires std::is_same_v<std::remove_const_t<M>, MESSAGE> \
  void describe(A& a, M& m)

CHATD_WIRE_DESCRIBE(Loaded) {
  flag(a, m.ok);
  a.text(m.reason, kMaxReason);
  a.number(m.flags);
  for (auto* text : {&m.id, &m.name, &m.version, &m.vendor}) a.text(*text, kMaxReason);
  a.text(m.schema, kMaxSchema);
  flag(a, m.confined);
}
CHATD_WIRE_DESCRIBE(Create) {
  a.text(m.app, kMaxReason);
  a.text(m.config, kMaxConfig);
  fields(a, m.secrets);
}
CHATD_WIRE_DESCRIBE(Reconfigure) {
  a.text(m.config, kMaxConfig);
  fields(a, m.secrets);
}
CHATD_WIRE_DESCRIBE(Outcome) {
  flag(a, m.ok);
  a.text(m.reason, kMaxReason);
}
CHATD_WIRE_DESCRIBE(Verify) {
  a.number(m.instance);
  a.text(m.app, kMaxReason);
  a.text(m.token, kMaxToken);
  for (auto* text : {&m.claimedUser, &m.clientIp, &m.origin, &m.trace}) a.text(*text, kMaxField);
  fields(a, m.fields);
  a.number(m.deadlineNs);
}
CHATD_WIRE_DESCRIBE(Answered) {
  a.number(m.instance);
  flag(a, m.hasResult);
  a.number(m.verdict);
  for (auto* text : {&m.user, &m.displayName, &m.avatar}) a.text(*text, kMaxField);
  // One more than is allowed, so that the daemon can tell too long from just fitting.
  a.text(m.claims, kMaxClaims + 1);
  a.text(m.code, kMaxReason);
  a.text(m.detail, kMaxField);
  a.number(m.expiresAtMs);
  a.number(m.cacheTtlMs);
  list(a, m.grants, kMaxGrants, [&a](auto& grant) {
    a.number(grant.perms);
    a.text(grant.glob, kMaxGlob);
  });
}
CHATD_WIRE_DESCRIBE(Cancel) { a.number(m.instance); }
CHATD_WIRE_DESCRIBE(Fetch) {
  a.number(m.instance);
  a.text(m.method, kMaxReason);
  a.text(m.url, kMaxField);
  a.text(m.body, kMaxBody);
  fields(a, m.headers);
  a.number(m.deadlineNs);
  a.number(m.maxResponse);
}
CHATD_WIRE_DESCRIBE(Fetched) {
  a.number(m.status);
  a.text(m.body, kMaxBody);
  a.text(m.error, kMaxReason);
  fields(a, m.headers);
}
CHATD_WIRE_DESCRIBE(Said) {
  a.number(m.level);
  a.text(m.text, kMaxReason);
}
CHATD_WIRE_DESCRIBE(Counted) {
  a.text(m.name, kMaxReason);
  a.number(m.by);
  list(a, m.labels, kMaxLabels, [&a](auto& label) {
    a.text(label.first, kMaxLabel);
    a.text(label.second, kMaxLabel);
  });
}
#undef CHATD_WIRE_DESCRIBE

}  // namespace

template <class M>
std::string encode(const M& message) {
  Writer writer;
  describe(writer, message);
  return std::move(writer.out);
}

template <class M>
std::optional<M> decode(std::string_view payload) {
  Reader reader(payload);
  M message;
  describe(reader, message);
  if (!reader.done()) return std::nullopt;
  return message;
}

#define CHATD_WIRE_MESSAGE(M)            \
  template std::string encode(const M&); \
  template std::optional<M> decode<M>(std::string_view);
CHATD_WIRE_MESSAGE(Loaded)
CHATD_WIRE_MESSAGE(Create)
CHATD_WIRE_MESSAGE(Reconfigure)
CHATD_WIRE_MESSAGE(Outcome)
CHATD_WIRE_MESSAGE(Verify)
CHATD_WIRE_MESSAGE(Answered)
CHATD_WIRE_MESSAGE(Cancel)
CHATD_WIRE_MESSAGE(Fetch)
CHATD_WIRE_MESSAGE(Fetched)
CHATD_WIRE_MESSAGE(Said)
CHATD_WIRE_MESSAGE(Counted)
#undef CHATD_WIRE_MESSAGE

std::vector<std::string> datagrams(Type type, std::uint64_t id, std::string_view payload) {
  CHATD_ASSERT(payload.size() <= kMaxMessage);
  std::vector<std::string> out;
  do {
    const std::string_view part = payload.substr(0, kMaxPayload);
    payload.remove_prefix(part.size());
    Header header;
    header.type = static_cast<std::uint16_t>(type);
    header.id = id;
    header.flags = payload.empty() ? 0 : kMore;
    header.length = static_cast<std::uint32_t>(part.size());
    std::string& datagram = out.emplace_back(reinterpret_cast<const char*>(&header), sizeof header);
    datagram += part;
  } while (!payload.empty());
  return out;
}

Assembler::State Assembler::take(std::string_view datagram, Message& out) {
  Header header;
  if (datagram.size() < sizeof header) return State::Broken;
  std::memcpy(&header, datagram.data(), sizeof header);
  datagram.remove_prefix(sizeof header);
  if (header.magic != kMagic || header.flags > kMore || header.length != datagram.size()) return State::Broken;
  const auto type = static_cast<Type>(header.type);
  if (open_ && (type != message_.type || header.id != message_.id)) return State::Broken;
  if (!open_) message_ = {type, header.id, {}};
  if (message_.payload.size() + datagram.size() > kMaxMessage) return State::Broken;
  message_.payload += datagram;
  open_ = header.flags == kMore;
  if (open_) return State::More;
  out = std::move(message_);
  message_ = {};
  return State::Whole;
}

}  // namespace chatd::hostwire

#include "protocol/permessage_deflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "protocol/websocket.h"

namespace chatd::ws {

namespace {

constexpr std::string_view kName = "permessage-deflate";
constexpr std::string_view kAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view kOwnWindow = "; server_max_window_bits=15";
constexpr int kRawWindow = -15;  // negative: without zlib's own header and checksum
constexpr int kMemory = 8;       // zlib's default: 128 KiB for a compressor's hash chains and buffers
// Of a frame of 22 KB level 1 takes a third of the time of the default 6 (169 against 489 us) and makes 15 % more bytes.
constexpr int kLevel = 1;
// A sync flush ends in an empty stored block, which is left out on the wire (RFC 7692 section 7.2.1).
constexpr std::string_view kTail("\x00\x00\xFF\xFF", 4);
constexpr std::size_t kPiece = 16 * 1024;  // bytes by which inflated output grows
constexpr unsigned kCompressed = 0x40;     // RSV1

// ---- the header

constexpr std::string_view kSpace = " \t";

void skipSpace(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size())); }

bool isTokenCharacter(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kOthers.find(c) != std::string_view::npos;
}

/// The token at the front of `text`, cut off; empty: none.
std::string_view cutToken(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), isTokenCharacter);
  const std::string_view token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(token.size());
  return token;
}

bool cutCharacter(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

struct Parameter {
  std::string_view name;
  std::optional<std::string_view> value;
};

/// `name`, `name=value` or `name="value"`; the value must be a token also when quoted (RFC 6455 section 9.1).
std::optional<Parameter> cutParameter(std::string_view& text) {
  Parameter parameter{cutToken(text), std::nullopt};
  if (parameter.name.empty()) return std::nullopt;
  skipSpace(text);
  if (!cutCharacter(text, '=')) return parameter;
  skipSpace(text);
  const bool quoted = cutCharacter(text, '"');
  parameter.value = cutToken(text);
  if (parameter.value->empty() || (quoted && !cutCharacter(text, '"'))) return std::nullopt;
  return parameter;
}

/// 8 to 15 without a leading zero (section 7.1.2).
std::optional<int> windowBits(const std::optional<std::string_view>& value) {
  constexpr std::array<std::string_view, 8> kValues = {"8", "9", "10", "11", "12", "13", "14", "15"};
  if (!value) return std::nullopt;
  const auto found = std::find(kValues.begin(), kValues.end(), *value);
  if (found == kValues.end()) return std::nullopt;
  return static_cast<int>(found - kValues.begin()) + 8;
}

/// The parameters of one offer, as they come.
class Offer {
 public:
  void take(const Parameter& p) {
    if (p.name == "server_no_context_takeover") {
      good_ = good_ && !p.value && !std::exchange(serverAnew_, true);
    } else if (p.name == "client_no_context_takeover") {
      good_ = good_ && !p.value && !std::exchange(clientAnew_, true);
    } else if (p.name == "server_max_window_bits") {
      good_ = good_ && windowBits(p.value) == 15 && !std::exchange(serverBits_, true);
    } else if (p.name == "client_max_window_bits") {
      // Its window may be as large as it likes: ours for inflating is the largest.
      good_ = good_ && (!p.value || windowBits(p.value)) && !std::exchange(clientBits_, true);
    } else {
      good_ = false;
    }
  }
  [[nodiscard]] std::optional<std::string> answer() const {
    if (!good_) return std::nullopt;
    std::string text(kAnswer);
    if (serverBits_) text += kOwnWindow;
    return text;
  }

 private:
  bool good_ = true;
  bool serverAnew_ = false;
  bool clientAnew_ = false;
  bool serverBits_ = false;
  bool clientBits_ = false;
};

// ---- zlib

void check(int answer) {
  if (answer == Z_MEM_ERROR) throw std::bad_alloc();
  CHATD_ASSERT(answer == Z_OK);
}

/// One a thread and direction, used message by message: nothing of one is left for the next.
struct InflateStream : z_stream {
  InflateStream() : z_stream{} { check(::inflateInit2(this, kRawWindow)); }
  ~InflateStream() { ::inflateEnd(this); }
  InflateStream(const InflateStream&) = delete;
  InflateStream& operator=(const InflateStream&) = delete;
};
struct DeflateStream : z_stream {
  DeflateStream() : z_stream{} { check(::deflateInit2(this, kLevel, Z_DEFLATED, kRawWindow, kMemory, Z_DEFAULT_STRATEGY)); }
  ~DeflateStream() { ::deflateEnd(this); }
  DeflateStream(const DeflateStream&) = delete;
  DeflateStream& operator=(const DeflateStream&) = delete;
};

void give(z_stream& stream, std::string_view input) {
  CHATD_ASSERT(input.size() <= std::numeric_limits<uInt>::max());
  // zlib only reads, but its type has no const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
}

/// Room for at least one byte behind the `size` that are used, at most `most` in all.
void makeRoom(std::vector<char>& out, std::size_t size, std::size_t most) {
  const std::size_t wanted = std::min(most, size + kPiece);
  if (wanted > out.capacity()) out.reserve(std::min(most, std::max(wanted, 2 * out.capacity())));
  out.resize(wanted);
}

/// Inflates all input that the stream has. One byte beyond maxSize proves that there is too much. ended: the input closed
/// with a block that called itself the last.
Inflated run(z_stream& stream, std::size_t start, std::size_t maxSize, std::vector<char>& out, bool& ended) {
  for (;;) {
    const std::size_t size = out.size();
    char beyond = 0;
    const bool full = size - start == maxSize;
    if (full) {
      stream.next_out = reinterpret_cast<Bytef*>(&beyond);
      stream.avail_out = 1;
    } else {
      makeRoom(out, size, start + maxSize);
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + size);
      stream.avail_out = static_cast<uInt>(out.size() - size);
    }
    const uInt room = stream.avail_out;
    const int answer = ::inflate(&stream, Z_SYNC_FLUSH);
    const std::size_t came = room - stream.avail_out;
    if (answer == Z_MEM_ERROR) throw std::bad_alloc();
    if (full && came > 0) return Inflated::TooBig;
    if (!full) out.resize(size + came);
    if (answer == Z_STREAM_END) {
      ended = stream.avail_in == 0;
      if (ended) return Inflated::Done;
      check(::inflateReset(&stream));  // what follows begins anew
      continue;
    }
    if (answer != Z_OK && answer != Z_BUF_ERROR) return Inflated::Broken;
    if (stream.avail_out > 0) return stream.avail_in == 0 ? Inflated::Done : Inflated::Broken;
  }
}

}  // namespace

std::optional<std::string> negotiateDeflate(std::string_view offers) {
  std::optional<std::string> chosen;
  for (;;) {
    skipSpace(offers);
    if (offers.empty()) return chosen;
    if (cutCharacter(offers, ',')) continue;  // empty elements are allowed in every list
    const std::string_view name = cutToken(offers);
    if (name.empty()) return std::nullopt;
    Offer offer;
    for (skipSpace(offers); cutCharacter(offers, ';'); skipSpace(offers)) {
      skipSpace(offers);
      const auto parameter = cutParameter(offers);
      if (!parameter) return std::nullopt;
      offer.take(*parameter);
    }
    if (!chosen && equalIgnoreCase(name, kName)) chosen = offer.answer();
    // To the end all the same: a header that is malformed further on is not to be trusted here.
    if (!offers.empty() && offers.front() != ',') return std::nullopt;
  }
}

Inflated inflateMessage(std::string_view payload, std::size_t maxSize, std::vector<char>& out) {
  thread_local InflateStream stream;
  check(::inflateReset(&stream));
  const std::size_t start = out.size();
  bool ended = false;
  for (const std::string_view part : {payload, kTail}) {
    give(stream, part);
    const Inflated how = run(stream, start, maxSize, out, ended);
    if (how != Inflated::Done || ended) return how;
  }
  // What zlib says when a block has just ended at the border of a byte; else the message was cut inside one.
  constexpr int kAtBlockEnd = 128;
  return stream.data_type == kAtBlockEnd ? Inflated::Done : Inflated::Broken;
}

std::optional<std::string> deflateMessage(std::string_view payload) {
  // A byte that is not gained is not worth the peer's work.
  if (payload.size() <= kTail.size()) return std::nullopt;
  thread_local DeflateStream stream;
  check(::deflateReset(&stream));
  std::string out(payload.size() - 1 + kTail.size(), '\0');
  give(stream, payload);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int answer = ::deflate(&stream, Z_SYNC_FLUSH);
  CHATD_ASSERT(answer == Z_OK || answer == Z_BUF_ERROR);
  // With no room left the flush may not be whole: then it is no shorter either.
  if (stream.avail_out == 0) return std::nullopt;
  out.resize(out.size() - stream.avail_out);
  CHATD_ASSERT(std::string_view(out).ends_with(kTail));
  out.resize(out.size() - kTail.size());
  return out;
}

std::string deflateFrames(std::string_view frames) {
  std::string out;
  std::string_view rest = frames;
  bool gained = false;
  while (!rest.empty()) {
    const std::string_view before = rest;
    const ServerFrame frame = takeServerFrame(rest);
    std::optional<std::string> shorter;
    const bool message = frame.opcode == Opcode::Text || frame.opcode == Opcode::Binary;
    if (message && frame.payload.size() >= kDeflateFrom && frame.payload.size() <= kDeflateUpTo) {
      shorter = deflateMessage(frame.payload);
    }
    if (!shorter) {
      out.append(before.substr(0, before.size() - rest.size()));
      continue;
    }
    gained = true;
    const std::size_t start = out.size();
    appendFrame(out, frame.opcode, *shorter);
    out[start] = static_cast<char>(static_cast<unsigned char>(out[start]) | kCompressed);
  }
  if (!gained) out.clear();
  return out;
}

}  // namespace chatd::ws

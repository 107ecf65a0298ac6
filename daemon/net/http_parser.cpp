#include "net/http_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "net/http_text.h"

namespace chatd::net {

namespace {

constexpr std::size_t kMethodBytes = 32;
constexpr std::size_t kTargetBytes = 8 * 1024;     // of the request target; longer is 414
constexpr std::size_t kChunkLineBytes = 256;       // of one chunk size with its extensions
constexpr std::size_t kExtensionBytes = 4 * 1024;  // of all chunk extensions of a body
constexpr std::size_t kTrailerBytes = 4 * 1024;    // of all trailers
constexpr std::size_t kChunkDigits = 16;
constexpr std::size_t kReservedBody = 64 * 1024;  // what a Content-Length alone may make us allocate
constexpr std::size_t kKeptLine = 256;            // bytes of capacity that an idle parser keeps

[[nodiscard]] int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

[[nodiscard]] bool isDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

HttpParser::Status HttpParser::status() const {
  if (stage_ == Stage::Complete) return Status::Complete;
  return stage_ == Stage::Refused ? Status::Refused : Status::More;
}

std::size_t HttpParser::feed(std::string_view data) {
  std::size_t used = 0;
  while (used < data.size() && stage_ < Stage::Complete) {
    started_ = true;
    const std::string_view rest = data.substr(used);
    used += stage_ == Stage::Body || stage_ == Stage::ChunkData ? feedBody(rest) : feedLine(rest);
  }
  return used;
}

std::size_t HttpParser::feedLine(std::string_view data) {
  if (stage_ == Stage::RequestLine && line_.empty() && !isTokenChar(data.front()) && data.front() != '\r') {
    // Something else speaks here (TLS, most often); a line end that might never come is not waited for.
    refuse(400, "The request does not begin with a method.");
    return 0;
  }
  const void* const end = std::memchr(data.data(), '\n', data.size());
  const std::size_t size =
      end == nullptr ? data.size() : static_cast<std::size_t>(static_cast<const char*>(end) - data.data()) + 1;
  if (line_.size() + size > lineAllowance()) {
    lineTooLong();
    return 0;
  }
  if (end == nullptr) {
    line_.append(data);
    return size;
  }
  std::string_view whole = data.substr(0, size);
  if (!line_.empty()) {
    line_.append(whole);
    whole = line_;
  }
  if (whole.size() < 2 || whole[whole.size() - 2] != '\r') {
    refuse(400, "A line ends with LF without CR.");
    return size;
  }
  lineBytes_ += whole.size();
  line(whole.substr(0, whole.size() - 2));
  line_.clear();
  return size;
}

std::size_t HttpParser::lineAllowance() const {
  switch (stage_) {
    case Stage::ChunkSize:
      return kChunkLineBytes;
    case Stage::ChunkEnd:
      return 2;
    case Stage::Trailer:
      return kTrailerBytes - std::min(kTrailerBytes, lineBytes_);
    default:
      return limits_.headerBytes - std::min(limits_.headerBytes, lineBytes_);
  }
}

void HttpParser::lineTooLong() {
  switch (stage_) {
    case Stage::RequestLine:
      return refuse(414, "The request line is longer than the limit.");
    case Stage::ChunkSize:
      return refuse(400, "The line of a chunk size is too long.");
    case Stage::ChunkEnd:
      return refuse(400, "A chunk is longer than its size.");
    default:
      return refuse(431, "The header fields are larger than the limit.");
  }
}

void HttpParser::line(std::string_view text) {
  switch (stage_) {
    case Stage::RequestLine:
      return requestLine(text);
    case Stage::Header:
      return headerLine(text);
    case Stage::ChunkSize:
      return chunkSize(text);
    case Stage::Trailer:
      return trailerLine(text);
    default:
      break;
  }
  CHATD_ASSERT(stage_ == Stage::ChunkEnd);
  if (!text.empty()) return refuse(400, "A chunk is longer than its size.");
  stage_ = Stage::ChunkSize;
}

// --- the request line

void HttpParser::requestLine(std::string_view text) {
  if (text.empty()) {
    // RFC 9112 2.2: one empty line before a request is ignored (old clients send it behind a body).
    if (std::exchange(emptyLineSkipped_, true)) return refuse(400, "The request begins with empty lines.");
    return;
  }
  const std::size_t first = text.find(' ');
  const std::size_t last = text.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refuse(400, "The request line is not method, target, version.");
  const std::string_view method = text.substr(0, first);
  const std::string_view target = text.substr(first + 1, last - first - 1);
  if (!isToken(method) || method.size() > kMethodBytes) return refuse(400, "The method is not a token.");
  version(text.substr(last + 1));
  if (stage_ == Stage::Refused) return;
  if (target.size() > kTargetBytes) return refuse(414, "The request target is longer than the limit.");
  const auto fits = [](char c) { return c > 0x20 && c < 0x7F && c != '#'; };
  if (target.empty() || !std::all_of(target.begin(), target.end(), fits)) {
    return refuse(400, "The request target has a byte that must be escaped.");
  }
  request_.method = method;
  request_.target = target;
  stage_ = Stage::Header;
  targetForm();
}

void HttpParser::version(std::string_view text) {
  const bool http =
      text.size() == 8 && text.substr(0, 5) == "HTTP/" && isDigit(text[5]) && text[6] == '.' && isDigit(text[7]);
  if (!http) return refuse(400, "The version is not HTTP/digit.digit.");
  if (text[5] != '1' || text[7] > '1') return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  http10_ = text[7] == '0';
}

void HttpParser::targetForm() {
  const std::string_view target = request_.target;
  if (request_.method == "CONNECT") return refuse(501, "CONNECT is not supported.");
  if (target.front() == '/') {
    const std::size_t mark = std::min(target.find('?'), target.size());
    request_.path = target.substr(0, mark);
    request_.query = target.substr(std::min(mark + 1, target.size()));
    return;
  }
  if (target == "*") {
    if (request_.method != "OPTIONS") return refuse(400, "The target * is for OPTIONS only.");
    request_.path = "*";
    return;
  }
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (equalIgnoreCase(target.substr(0, scheme.size()), scheme)) return absoluteForm(target.substr(scheme.size()));
  }
  refuse(400, "The target is neither a path nor an http URL.");
}

void HttpParser::absoluteForm(std::string_view rest) {
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  if (!isAuthority(rest.substr(0, end))) return refuse(400, "The authority of the target is not valid.");
  authority_ = rest.substr(0, end);
  rest.remove_prefix(end);
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  request_.path = mark == 0 ? "/" : rest.substr(0, mark);
  request_.query = rest.substr(std::min(mark + 1, rest.size()));
}

// --- the header

void HttpParser::headerLine(std::string_view text) {
  if (text.empty()) return headComplete();
  if (text.front() == ' ' || text.front() == '\t') return refuse(400, "A header line begins with a space.");
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return refuse(400, "A header line has no colon.");
  const std::string_view name = text.substr(0, colon);
  if (!isToken(name)) return refuse(400, "A header name is not a token.");
  const std::string_view value = trimmed(text.substr(colon + 1));
  if (!isFieldValue(value)) return refuse(400, "A header value has a control character.");
  if (++headers_ > limits_.headerCount) return refuse(431, "There are more header fields than the limit.");
  request_.headers.emplace_back(name, value);
  knownHeader(name, value);
}

void HttpParser::knownHeader(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (!equalIgnoreCase(name, "host")) return;
      if (std::exchange(hasHost_, true)) return refuse(400, "There is more than one Host.");
      if (!isAuthority(value)) return refuse(400, "Host is not valid.");
      return;
    case 6:
      if (!equalIgnoreCase(name, "expect")) return;
      if (!equalIgnoreCase(value, "100-continue")) return refuse(417, "Only 100-continue can be expected.");
      expects_ = true;
      return;
    case 7:
      upgrades_ = upgrades_ || (equalIgnoreCase(name, "upgrade") && listHas(value, "websocket"));
      return;
    case 10:
      if (equalIgnoreCase(name, "connection")) connectionOptions(value);
      return;
    case 14:
      if (equalIgnoreCase(name, "content-length")) contentLength(value);
      return;
    case 17:
      if (!equalIgnoreCase(name, "transfer-encoding")) return;
      if (hasCoding_) coding_ += ',';
      coding_ += value;
      hasCoding_ = true;
      return;
    default:
      return;
  }
}

void HttpParser::contentLength(std::string_view value) {
  if (std::exchange(hasLength_, true)) return refuse(400, "There is more than one Content-Length.");
  if (value.empty() || !std::all_of(value.begin(), value.end(), isDigit)) {
    return refuse(400, "Content-Length is not a number.");
  }
  left_ = 0;
  for (const char c : value) {
    left_ = left_ * 10 + static_cast<std::uint64_t>(c - '0');
    if (left_ > limits_.bodyBytes) return refuse(413, "The body is larger than the limit.");
  }
}

void HttpParser::connectionOptions(std::string_view value) {
  // `close` wins over `keep-alive`, wherever it stands; see headComplete() for the defaults.
  if (listHas(value, "close")) closeAsked_ = true;
  if (listHas(value, "keep-alive")) keepAsked_ = true;
}

void HttpParser::headComplete() {
  if (!http10_ && !hasHost_) return refuse(400, "Host is missing.");
  if (http10_) {
    // RFC 9110 7.8: what HTTP/1.0 asks to upgrade to is ignored; an old proxy passes the header on and not what follows.
    upgrades_ = false;
    std::erase_if(request_.headers, [](const auto& field) { return equalIgnoreCase(field.first, "upgrade"); });
  }
  if (!authority_.empty()) {
    // RFC 9112 3.2.2: the authority of the target replaces Host.
    for (auto& [name, value] : request_.headers) {
      if (equalIgnoreCase(name, "host")) value = authority_;
    }
    if (!hasHost_) request_.headers.emplace_back("Host", authority_);
  }
  keepAlive_ = !closeAsked_ && (!http10_ || keepAsked_);
  bodyFraming();
}

void HttpParser::bodyFraming() {
  if (hasCoding_) {
    if (hasLength_) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.");
    if (http10_) return refuse(400, "HTTP/1.0 has no Transfer-Encoding.");
    if (!equalIgnoreCase(coding_, "chunked")) {
      const std::size_t comma = coding_.rfind(',');
      const std::string_view last = trimmed(std::string_view(coding_).substr(comma == std::string::npos ? 0 : comma + 1));
      const bool others = comma != std::string::npos && !listHas(std::string_view(coding_).substr(0, comma), "chunked");
      // Without chunked as the last coding the end of the body cannot be known.
      if (!isToken(last) || (comma != std::string::npos && !others) || (others && !equalIgnoreCase(last, "chunked"))) {
        return refuse(400, "The last transfer coding must be chunked, once.");
      }
      return refuse(501, "chunked is the only transfer coding understood.");
    }
  }
  const bool body = hasCoding_ || left_ > 0;
  if (upgrades_ && body) return refuse(400, "A request for a WebSocket has no body.");
  if (!body) return complete();
  if (!hasCoding_) request_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(left_, kReservedBody)));
  expects_ = expects_ && !http10_;
  stage_ = hasCoding_ ? Stage::ChunkSize : Stage::Body;
}

bool HttpParser::takeContinue() { return inBody() && std::exchange(expects_, false) && request_.body.empty(); }

// --- the body

std::size_t HttpParser::feedBody(std::string_view data) {
  expects_ = false;  // it did not wait
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, data.size()));
  request_.body.append(data.substr(0, size));
  left_ -= size;
  if (left_ == 0) {
    if (stage_ == Stage::Body) {
      complete();
    } else {
      stage_ = Stage::ChunkEnd;
    }
  }
  return size;
}

void HttpParser::chunkSize(std::string_view text) {
  std::size_t digits = 0;
  std::uint64_t size = 0;
  for (; digits < text.size() && digits <= kChunkDigits && hexDigit(text[digits]) >= 0; ++digits) {
    size = size * 16 + static_cast<std::uint64_t>(hexDigit(text[digits]));
  }
  if (digits == 0 || digits > kChunkDigits) return refuse(400, "A chunk size is not a hexadecimal number.");
  const std::string_view extension = text.substr(digits);
  if (!extension.empty()) {
    // Extensions are read over, not understood; only their shape and their amount are checked.
    if (trimmed(extension).substr(0, 1) != ";" || !isFieldValue(extension)) {
      return refuse(400, "A chunk size is followed by something that is no extension.");
    }
    extensionBytes_ += extension.size();
    if (extensionBytes_ > kExtensionBytes) return refuse(400, "The chunk extensions are too long.");
  }
  if (size > limits_.bodyBytes || request_.body.size() > limits_.bodyBytes - size) {
    return refuse(413, "The body is larger than the limit.");
  }
  left_ = size;
  expects_ = false;  // it did not wait
  lineBytes_ = 0;    // from here on it counts trailers
  stage_ = size == 0 ? Stage::Trailer : Stage::ChunkData;
}

void HttpParser::trailerLine(std::string_view text) {
  if (text.empty()) return complete();
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !isToken(text.substr(0, colon)) || !isFieldValue(text.substr(colon + 1))) {
    return refuse(400, "A trailer is not a header field.");
  }
  // Dropped: nothing that comes behind the body may change what the head has said.
  if (++headers_ > limits_.headerCount) refuse(431, "There are more header fields than the limit.");
}

// --- the end

HttpRequest HttpParser::take() {
  CHATD_ASSERT(stage_ == Stage::Complete);
  HttpRequest request = std::exchange(request_, HttpRequest{});
  stage_ = Stage::RequestLine;
  started_ = emptyLineSkipped_ = hasHost_ = hasLength_ = hasCoding_ = expects_ = upgrades_ = closeAsked_ = keepAsked_ =
      false;
  lineBytes_ = headers_ = extensionBytes_ = 0;
  left_ = 0;
  if (line_.capacity() > kKeptLine) std::string().swap(line_);
  authority_.clear();
  coding_.clear();
  return request;
}

void HttpParser::refuse(int status, std::string_view reason) {
  stage_ = Stage::Refused;
  refusal_ = status;
  reason_ = reason;
}

}  // namespace chatd::net

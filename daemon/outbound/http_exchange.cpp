#include "outbound/http_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxHead = 16 * 1024;
constexpr std::size_t kMaxFields = 100;
constexpr int kMaxInterim = 8;

Error failed(std::string detail) { return {Code::VerifierUnavailable, std::move(detail)}; }

/// RFC 9110 5.6.2
bool isToken(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

bool isFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return (b >= 0x20 && b != 0x7F) || b == '\t';
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Bytes of the answer, buffered.
class Reader {
 public:
  Reader(Stream& stream, const Until& until) : stream_(stream), until_(until) {}

  /// One line without its CRLF. `budget` is what the head may still take.
  Result<std::string> line(std::size_t& budget) {
    std::string out;
    for (;;) {
      const auto end = buffered().find('\n');
      const auto part = buffered().substr(0, end);
      if (part.size() + 1 > budget) return failed("the head of the answer is larger than 16 KiB");
      budget -= part.size();
      out.append(part);
      at_ += part.size();
      if (end != std::string_view::npos) {
        ++at_;
        --budget;
        if (!out.ends_with('\r')) return failed("a line of the answer does not end in CRLF");
        out.pop_back();
        return out;
      }
      CHATD_TRY(more, fill());
      if (!more) return failed("the answer ended in its head");
    }
  }

  /// Exactly `count` bytes onto `out`.
  Result<void> take(std::string& out, std::size_t count) {
    while (count > 0) {
      if (buffered().empty()) {
        CHATD_TRY(more, fill());
        if (!more) return failed("the answer ended before its body was complete");
      }
      const auto part = buffered().substr(0, count);
      out.append(part);
      at_ += part.size();
      count -= part.size();
    }
    return {};
  }

  /// Everything up to the end of the connection.
  Result<void> rest(std::string& out, std::size_t most) {
    for (;;) {
      if (out.size() + buffered().size() > most) return failed(fmt::format("the answer is larger than {} bytes", most));
      out.append(buffered());
      at_ = end_;
      CHATD_TRY(more, fill());
      if (!more) return {};
    }
  }

  [[nodiscard]] bool drained() const { return at_ == end_; }
  [[nodiscard]] bool touched() const { return touched_; }

 private:
  [[nodiscard]] std::string_view buffered() const { return {buffer_.data() + at_, end_ - at_}; }
  Result<bool> fill() {
    CHATD_TRY(got, stream_.read(buffer_.data(), buffer_.size(), until_));
    at_ = 0;
    end_ = got;
    touched_ = touched_ || got > 0;
    return got > 0;
  }

  Stream& stream_;
  const Until& until_;
  std::array<char, 8192> buffer_{};
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  bool touched_ = false;
};

struct Head {
  bool keepAlive = true;
  bool chunked = false;
  std::optional<std::size_t> length;
};

Result<int> readStatusLine(Reader& in, Head& head, std::size_t& budget) {
  CHATD_TRY(line, in.line(budget));
  // "HTTP/1.1 200 OK"; the reason may be absent, with its blank.
  const std::string_view text = line;
  if (text.size() < 12 || !text.starts_with("HTTP/1.") || (text[7] != '0' && text[7] != '1') || text[8] != ' ' ||
      (text.size() > 12 && text[12] != ' ')) {
    return failed("the answer is not HTTP/1.1");
  }
  int status = 0;
  const auto [end, error] = std::from_chars(text.data() + 9, text.data() + 12, status);
  if (error != std::errc{} || end != text.data() + 12 || status < 100) return failed("the answer has no valid status");
  head.keepAlive = text[7] == '1';
  return status;
}

Result<void> noteField(std::string_view name, std::string_view value, Head& head) {
  if (name == "content-length") {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error != std::errc{} || end != value.data() + value.size() || head.length) {
      return failed("the answer has no valid Content-Length");
    }
    head.length = length;
  } else if (name == "transfer-encoding") {
    if (!equalIgnoreCase(value, "chunked") || head.chunked) return failed("the answer has an unknown Transfer-Encoding");
    head.chunked = true;
  } else if (name == "connection") {
    if (toLower(value).find("close") != std::string::npos) head.keepAlive = false;
  }
  return {};
}

Result<void> readFields(Reader& in, Head& head, OutboundResponse& out, std::size_t& budget) {
  for (;;) {
    CHATD_TRY(line, in.line(budget));
    if (line.empty()) break;
    if (out.headers.size() == kMaxFields) return failed("the answer has more than 100 header fields");
    const auto colon = line.find(':');
    const std::string_view name = std::string_view(line).substr(0, colon);
    if (colon == std::string::npos || !isToken(name)) return failed("the answer has a broken header field");
    const std::string_view value = trimmed(std::string_view(line).substr(colon + 1));
    if (!isFieldValue(value)) return failed("the answer has a control character in a header field");
    out.headers.emplace_back(toLower(name), std::string(value));
    CHATD_CHECK(noteField(out.headers.back().first, value, head));
  }
  if (head.chunked && head.length) return failed("the answer has a Content-Length and a Transfer-Encoding");
  return {};
}

Result<void> readChunks(Reader& in, std::string& body, std::size_t most) {
  // Chunk lines and trailers are bounded together, else a peer could send one-byte chunks with long extensions for ever.
  std::size_t budget = kMaxHead + most * 8;
  for (;;) {
    CHATD_TRY(line, in.line(budget));
    const std::string_view digits = trimmed(std::string_view(line).substr(0, line.find(';')));
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (error != std::errc{} || digits.empty() || end != digits.data() + digits.size()) {
      return failed("the answer has a broken chunk");
    }
    if (size == 0) break;
    if (size > most - body.size()) return failed(fmt::format("the answer is larger than {} bytes", most));
    CHATD_CHECK(in.take(body, size));
    CHATD_TRY(after, in.line(budget));
    if (!after.empty()) return failed("the answer has a broken chunk");
  }
  for (;;) {
    CHATD_TRY(trailer, in.line(budget));
    if (trailer.empty()) return {};
  }
}

Result<OutboundResponse> readAnswer(Reader& in, const OutboundRequest& request, bool& reusable) {
  OutboundResponse out;
  Head head;
  std::size_t budget = kMaxHead;
  for (int interim = 0;; ++interim) {
    head = Head{};
    out.headers.clear();
    CHATD_TRY(status, readStatusLine(in, head, budget));
    CHATD_CHECK(readFields(in, head, out, budget));
    out.status = status;
    if (status >= 200) break;
    // 101 would change the protocol, which nobody asked for.
    if (status == 101 || interim == kMaxInterim) return failed("the answer does not come to its final status");
  }
  const bool empty = request.method == "HEAD" || out.status == 204 || out.status == 304;
  if (empty) {
    reusable = head.keepAlive && in.drained();
    return out;
  }
  if (head.chunked) {
    CHATD_CHECK(readChunks(in, out.body, request.maxResponse));
  } else if (head.length) {
    if (*head.length > request.maxResponse) {
      return failed(fmt::format("the answer is larger than {} bytes", request.maxResponse));
    }
    CHATD_CHECK(in.take(out.body, *head.length));
  } else {
    head.keepAlive = false;
    CHATD_CHECK(in.rest(out.body, request.maxResponse));
  }
  reusable = head.keepAlive && in.drained();
  return out;
}

std::string encode(const Url& url, const OutboundRequest& request) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, url.target, url.authority);
  for (const auto& [name, value] : request.headers) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  // Compressed answers could grow without bound.
  out.append("Accept-Encoding: identity\r\n");
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", request.body.size());
  }
  out.append("\r\n").append(request.body);
  return out;
}

}  // namespace

Result<void> checkRequest(const OutboundRequest& request) {
  constexpr std::array<std::string_view, 6> ours = {"host",       "content-length",  "transfer-encoding",
                                                    "connection", "accept-encoding", "upgrade"};
  if (!isToken(request.method)) return failed("the method is not valid");
  for (const auto& [name, value] : request.headers) {
    if (!isToken(name) || std::find(ours.begin(), ours.end(), toLower(name)) != ours.end()) {
      return failed("a header field may not be set or has no valid name");
    }
    if (!isFieldValue(value)) return failed(fmt::format("the header field {} has a control character", name));
  }
  return {};
}

Exchange exchange(Stream& stream, const Url& url, const OutboundRequest& request, const Until& until) {
  Exchange out{failed("not sent")};
  if (auto sent = stream.write(encode(url, request), until); !sent.ok()) {
    out.response = std::move(sent).error();
    return out;
  }
  Reader in(stream, until);
  out.response = readAnswer(in, request, out.reusable);
  out.answered = in.touched();
  return out;
}

}  // namespace chatd

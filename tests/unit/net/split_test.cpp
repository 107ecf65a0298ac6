// A property of HttpParser: which requests a stream of bytes is does not depend on where it is cut. Random streams of
// pipelined requests, good and damaged, are read whole, one byte at a time, and in random pieces. The seed is in the
// message.
#include <boost/test/unit_test.hpp>
#include <random>
#include <string>
#include <vector>

#include "net/http_parser.h"

using namespace chatd::net;

namespace {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  /// From 0 to `most`.
  std::size_t upTo(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(engine_); }
  bool oneIn(std::size_t n) { return upTo(n - 1) == 0; }
  template <class T>
  const T& of(const std::vector<T>& choices) {
    return choices[upTo(choices.size() - 1)];
  }

 private:
  std::mt19937 engine_;
};

const HttpLimits& limits() {
  static const HttpLimits small = [] {
    HttpLimits made;
    made.headerBytes = 600;
    made.headerCount = 12;
    made.bodyBytes = 400;
    return made;
  }();
  return small;
}

std::string chunked(Random& random) {
  std::string out = "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t chunks = random.upTo(4); chunks > 0; --chunks) {
    const std::size_t size = 1 + random.upTo(60);
    char digits[16];
    std::snprintf(digits, sizeof digits, random.oneIn(2) ? "%zx" : "%04zX", size);
    out.append(digits).append(random.oneIn(4) ? ";a=\"b\"" : "").append("\r\n").append(size, 'c').append("\r\n");
  }
  return out + "0\r\n" + (random.oneIn(3) ? "X-Trailer: y\r\n" : "") + "\r\n";
}

std::string oneRequest(Random& random) {
  static const std::vector<std::string> kFirst = {
      "GET / HTTP/1.1",     "POST /a/b?c=d HTTP/1.1",     "HEAD /x HTTP/1.0",
      "OPTIONS * HTTP/1.1", "PUT http://b:80/y HTTP/1.1", "DELETE /%2e%2e?a HTTP/1.1",
      "BREW / HTTP/1.1"};
  static const std::vector<std::string> kHeaders = {
      "X-One: two",         "accept:*/*", "Connection: keep-alive", "Connection: close", "Expect: 100-continue",
      "Upgrade: websocket", "X-Empty:",   "X-Tab: \ta\tb \t",       "TE: trailers",      "Cookie: a=b; c=d"};
  std::string out = random.oneIn(8) ? "\r\n" : "";
  out += random.of(kFirst) + "\r\nHost: example.com\r\n";
  for (std::size_t count = random.upTo(4); count > 0; --count) out += random.of(kHeaders) + "\r\n";
  if (random.oneIn(3)) return out + chunked(random);
  if (random.oneIn(2)) return out + "\r\n";
  const std::size_t size = random.upTo(420);  // at times over the limit
  return out + "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'b');
}

std::string stream(Random& random) {
  std::string out;
  for (std::size_t count = 1 + random.upTo(5); count > 0; --count) out += oneRequest(random);
  // Every other stream is damaged: a byte changed, left out, or put in.
  if (random.oneIn(2)) {
    const std::size_t at = random.upTo(out.size() - 1);
    const char byte = random.of(std::vector<char>{'\r', '\n', ' ', ':', '\0', ',', '\t', '0', '\x80'});
    if (random.oneIn(3)) {
      out.erase(at, 1);
    } else if (random.oneIn(2)) {
      out.insert(at, 1, byte);
    } else {
      out[at] = byte;
    }
  }
  return out;
}

/// A parser over one stream, and what came out of it.
class Stream {
 public:
  void feed(std::string_view piece) {
    while (!piece.empty() && !refused_) {
      piece.remove_prefix(parser_.feed(piece));
      if (parser_.status() == HttpParser::Status::Refused) {
        refused_ = true;
        seen_.push_back("refused " + std::to_string(parser_.refusal()) + " " + std::string(parser_.reason()));
      } else if (parser_.status() == HttpParser::Status::Complete) {
        const HttpRequest request = parser_.take();
        std::string text = request.method + " " + request.target + " " + request.path + " " + request.query;
        for (const auto& [name, value] : request.headers) text.append("|").append(name).append(":").append(value);
        seen_.push_back(text + "|" + request.body + (parser_.keepAlive() ? "|keep" : "|close"));
      } else {
        BOOST_REQUIRE(piece.empty());
      }
    }
  }
  [[nodiscard]] const std::vector<std::string>& seen() const { return seen_; }

 private:
  HttpParser parser_{limits()};
  bool refused_ = false;
  std::vector<std::string> seen_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(split_input)

BOOST_AUTO_TEST_CASE(requests_are_the_same_however_their_bytes_are_cut) {
  constexpr unsigned kStreams = 2000;
  std::size_t requests = 0;
  std::size_t refusals = 0;
  for (unsigned seed = 1; seed <= kStreams; ++seed) {
    Random random(seed);
    const std::string bytes = stream(random);
    Stream whole;
    whole.feed(bytes);
    for (const std::string& one : whole.seen()) ++(one.starts_with("refused ") ? refusals : requests);
    Stream inBytes;
    for (const char& c : bytes) inBytes.feed({&c, 1});
    BOOST_REQUIRE_MESSAGE(inBytes.seen() == whole.seen(), "one byte at a time, seed " << seed);
    for (int i = 0; i < 5; ++i) {
      Stream inPieces;
      for (std::string_view left = bytes; !left.empty();) {
        const std::size_t size = std::min(left.size(), 1 + random.upTo(random.oneIn(3) ? 300 : 9));
        inPieces.feed(left.substr(0, size));
        left.remove_prefix(size);
      }
      BOOST_REQUIRE_MESSAGE(inPieces.seen() == whole.seen(), "in pieces, seed " << seed);
    }
  }
  // The streams say something, or the property would be an empty one.
  BOOST_TEST(requests > kStreams);
  BOOST_TEST(refusals > kStreams / 4);
}

BOOST_AUTO_TEST_SUITE_END()

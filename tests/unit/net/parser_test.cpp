// HttpParser: what it takes, what it refuses, and that neither depends on where the bytes are cut.
#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_parser.h"

using namespace chatd::net;

namespace {

const HttpLimits kLimits;

struct Outcome {
  HttpParser::Status status = HttpParser::Status::More;
  int refusal = 0;
  HttpRequest request;
  bool keepAlive = false;
  std::size_t consumed = 0;
};

Outcome parse(const std::vector<std::string_view>& pieces, const HttpLimits& limits) {
  HttpParser parser(limits);
  Outcome out;
  for (const std::string_view piece : pieces) {
    const std::size_t used = parser.feed(piece);
    out.consumed += used;
    if (parser.status() != HttpParser::Status::More) break;
    BOOST_REQUIRE(used == piece.size());
  }
  out.status = parser.status();
  if (out.status == HttpParser::Status::Refused) {
    out.refusal = parser.refusal();
    BOOST_TEST(!parser.reason().empty());
  }
  if (out.status == HttpParser::Status::Complete) {
    out.keepAlive = parser.keepAlive();
    out.request = parser.take();
  }
  return out;
}

void same(const Outcome& a, const Outcome& b) {
  BOOST_REQUIRE(a.status == b.status);
  BOOST_REQUIRE(a.refusal == b.refusal);
  BOOST_REQUIRE(a.request.method == b.request.method);
  BOOST_REQUIRE(a.request.path == b.request.path);
  BOOST_REQUIRE(a.request.query == b.request.query);
  BOOST_REQUIRE(a.request.target == b.request.target);
  BOOST_REQUIRE(a.request.headers == b.request.headers);
  BOOST_REQUIRE(a.request.body == b.request.body);
  BOOST_REQUIRE(a.keepAlive == b.keepAlive);
  if (a.status == HttpParser::Status::Complete) BOOST_REQUIRE(a.consumed == b.consumed);
}

/// The outcome of `text` in one piece, after checking that byte by byte and every cut in two give the same.
Outcome parse(std::string_view text, const HttpLimits& limits = kLimits) {
  const Outcome whole = parse(std::vector<std::string_view>{text}, limits);
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  same(whole, parse(bytes, limits));
  const std::size_t step = text.size() > 2000 ? 97 : 1;
  for (std::size_t cut = 1; cut < text.size(); cut += step)
    same(whole, parse({text.substr(0, cut), text.substr(cut)}, limits));
  return whole;
}

int refusal(std::string_view text, const HttpLimits& limits = kLimits) {
  const Outcome out = parse(text, limits);
  BOOST_REQUIRE(out.status == HttpParser::Status::Refused);
  return out.refusal;
}

HttpRequest request(std::string_view text, const HttpLimits& limits = kLimits) {
  const Outcome out = parse(text, limits);
  BOOST_REQUIRE_EQUAL(out.refusal, 0);
  BOOST_REQUIRE(out.status == HttpParser::Status::Complete);
  return out.request;
}

/// A GET of HTTP/1.1 with Host and these lines (each with its CRLF).
std::string get(std::string_view lines) { return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n"; }
std::string post(std::string_view lines, std::string_view body) {
  return "POST /p HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n" + std::string(body);
}
std::string chunked(std::string_view body) { return post("Transfer-Encoding: chunked\r\n", body); }

}  // namespace

BOOST_AUTO_TEST_SUITE(http_parser)

// --- request line

BOOST_AUTO_TEST_CASE(a_plain_get_is_read_whole) {
  const HttpRequest r = request("GET /a/b?x=1&y=%20 HTTP/1.1\r\nHost: example.com:8080\r\nX-One:  two \t\r\n\r\n");
  BOOST_TEST(r.method == "GET");
  BOOST_TEST(r.target == "/a/b?x=1&y=%20");
  BOOST_TEST(r.path == "/a/b");
  BOOST_TEST(r.query == "x=1&y=%20");
  BOOST_TEST(*r.header("x-one") == "two");
  BOOST_TEST(r.header("x-two") == nullptr);
  BOOST_TEST(r.body.empty());
}
BOOST_AUTO_TEST_CASE(an_unknown_method_is_for_the_router_to_refuse) {
  BOOST_TEST(request("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").method == "BREW");
}
BOOST_AUTO_TEST_CASE(a_method_that_is_no_token_is_refused) {
  BOOST_TEST(refusal("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_method_longer_than_32_bytes_is_refused) {
  BOOST_TEST(refusal(std::string(33, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_tls_hello_is_refused_at_its_first_byte) { BOOST_TEST(refusal("\x16\x03\x01\x02") == 400); }
BOOST_AUTO_TEST_CASE(one_empty_line_before_the_request_is_ignored) {
  BOOST_TEST(request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").path == "/");
}
BOOST_AUTO_TEST_CASE(two_empty_lines_before_the_request_are_refused) {
  BOOST_TEST(refusal("\r\n\r\nGET / HTTP/1.1\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_line_end_without_cr_is_refused_in_the_request_line) {
  BOOST_TEST(refusal("GET / HTTP/1.1\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_line_end_without_cr_is_refused_in_the_header) {
  BOOST_TEST(refusal("GET / HTTP/1.1\r\nHost: a\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_line_end_without_cr_is_refused_at_the_end_of_the_head) {
  BOOST_TEST(refusal("GET / HTTP/1.1\r\nHost: a\r\n\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_cr_without_lf_is_refused) { BOOST_TEST(refusal("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n") == 400); }
BOOST_AUTO_TEST_CASE(two_spaces_in_the_request_line_are_refused) {
  BOOST_TEST(refusal("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET /  HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET / HTTP/1.1 \r\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_tab_in_the_request_line_is_refused) {
  BOOST_TEST(refusal("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(http_0_9_is_refused) { BOOST_TEST(refusal("GET /\r\n\r\n") == 400); }
BOOST_AUTO_TEST_CASE(http_2_and_1_2_are_505) {
  BOOST_TEST(refusal("PRI * HTTP/2.0\r\n\r\n") == 505);
  BOOST_TEST(refusal("GET / HTTP/1.2\r\nHost: a\r\n\r\n") == 505);
  BOOST_TEST(refusal("GET / HTTP/0.9\r\nHost: a\r\n\r\n") == 505);
}
BOOST_AUTO_TEST_CASE(a_version_in_lower_case_or_with_more_digits_is_refused) {
  BOOST_TEST(refusal("GET / http/1.1\r\nHost: a\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET / HTTP/1.10\r\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_target_that_is_too_long_is_414) {
  BOOST_TEST(refusal("GET /" + std::string(8192, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
  BOOST_TEST(refusal("GET /" + std::string(20'000, 'a')) == 414);
}
BOOST_AUTO_TEST_CASE(a_target_with_a_fragment_a_control_byte_or_raw_utf_8_is_refused) {
  BOOST_TEST(refusal("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(an_absolute_target_is_normalised_and_replaces_host) {
  const HttpRequest r = request("GET http://real:81/p?q HTTP/1.1\r\nHost: other\r\n\r\n");
  BOOST_TEST(r.path == "/p");
  BOOST_TEST(r.query == "q");
  BOOST_TEST(*r.header("host") == "real:81");
  BOOST_TEST(request("GET HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\n").path == "/");
  const HttpRequest noPath = request("GET http://h?q=1 HTTP/1.1\r\nHost: h\r\n\r\n");
  BOOST_TEST(noPath.path == "/");
  BOOST_TEST(noPath.query == "q=1");
}
BOOST_AUTO_TEST_CASE(an_absolute_target_with_user_information_or_no_host_is_refused) {
  BOOST_TEST(refusal("GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(the_asterisk_is_for_options_only) {
  BOOST_TEST(request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path == "*");
  BOOST_TEST(refusal("GET * HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(connect_is_501) { BOOST_TEST(refusal("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n") == 501); }
BOOST_AUTO_TEST_CASE(a_target_without_a_slash_is_refused) {
  BOOST_TEST(refusal("GET a HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}

// --- header fields

BOOST_AUTO_TEST_CASE(http_1_1_needs_exactly_one_host) {
  BOOST_TEST(refusal("GET / HTTP/1.1\r\n\r\n") == 400);
  BOOST_TEST(refusal("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(http_1_0_needs_no_host_but_takes_no_two) {
  BOOST_TEST(request("GET / HTTP/1.0\r\n\r\n").path == "/");
  BOOST_TEST(refusal("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_host_is_a_name_or_an_address_with_a_port) {
  for (const char* good : {"a", "a.b:80", "[::1]", "[::1]:8080", "127.0.0.1:1", "a:"}) {
    BOOST_TEST(*request("GET / HTTP/1.1\r\nHost: " + std::string(good) + "\r\n\r\n").header("Host") == good);
  }
  for (const char* bad : {"", "a b", "a,b", "a/b", "u@a", "a:b", "a:123456", "[::1", "[]", "[::1]x", ":80", "a\xC3\xA9"}) {
    BOOST_TEST(refusal("GET / HTTP/1.1\r\nHost: " + std::string(bad) + "\r\n\r\n") == 400);
  }
}
BOOST_AUTO_TEST_CASE(a_space_before_the_colon_is_refused) { BOOST_TEST(refusal(get("X : y\r\n")) == 400); }
BOOST_AUTO_TEST_CASE(a_folded_header_is_refused) {
  BOOST_TEST(refusal(get("X: y\r\n z\r\n")) == 400);
  BOOST_TEST(refusal(get("X: y\r\n\tz\r\n")) == 400);
  BOOST_TEST(refusal("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_header_without_a_colon_or_a_name_is_refused) {
  BOOST_TEST(refusal(get("nonsense\r\n")) == 400);
  BOOST_TEST(refusal(get(": y\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(a_header_name_that_is_no_token_is_refused) {
  for (const char* bad : {"a(b", "a b", "a\xC3", "a\"", "a/b", "a\x7F"})
    BOOST_TEST(refusal(get(std::string(bad) + ": y\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(a_control_byte_in_a_header_value_is_refused) {
  for (const char c : {'\0', '\x01', '\x0B', '\x1F', '\x7F'})
    BOOST_TEST(refusal(get("X: a" + std::string(1, c) + "b\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(a_header_value_may_be_empty_have_tabs_and_bytes_above_127) {
  BOOST_TEST(*request(get("X:\r\n")).header("X") == "");
  BOOST_TEST(*request(get("X: a\tb\r\n")).header("X") == "a\tb");
  BOOST_TEST(*request(get("X: \xC3\xA9\r\n")).header("X") == "\xC3\xA9");
}
BOOST_AUTO_TEST_CASE(nothing_in_a_header_value_is_decoded) {
  const std::string encoded = "=?utf-8?Q?=0D=0AX-Evil:_1?=";
  const HttpRequest r = request(get("X: " + encoded + "\r\n"));
  BOOST_TEST(*r.header("X") == encoded);
  BOOST_TEST(r.headers.size() == 2U);
}
BOOST_AUTO_TEST_CASE(repeated_headers_keep_their_order) {
  const HttpRequest r = request(get("X: 1\r\nx: 2\r\n"));
  BOOST_TEST(r.headers[1].second == "1");
  BOOST_TEST(r.headers[2].second == "2");
}
BOOST_AUTO_TEST_CASE(a_hundred_headers_are_taken_and_one_more_is_431) {
  std::string lines;
  for (int i = 1; i < 100; ++i) lines += "X: y\r\n";
  BOOST_TEST(request(get(lines)).headers.size() == 100U);
  BOOST_TEST(refusal(get(lines + "X: y\r\n")) == 431);
}
BOOST_AUTO_TEST_CASE(a_head_of_exactly_the_limit_is_taken_and_one_byte_more_is_431) {
  HttpLimits limits;
  const std::string head = get("X: 0123456789\r\n");
  limits.headerBytes = head.size();
  BOOST_TEST(request(head, limits).headers.size() == 2U);
  limits.headerBytes = head.size() - 1;
  BOOST_TEST(refusal(head, limits) == 431);
}
BOOST_AUTO_TEST_CASE(a_header_line_without_an_end_is_431_at_the_limit) {
  BOOST_TEST(refusal("GET / HTTP/1.1\r\nX: " + std::string(17'000, 'y')) == 431);
}

// --- framing

BOOST_AUTO_TEST_CASE(a_body_of_content_length_is_read_and_no_byte_more) {
  const Outcome out = parse(post("Content-Length: 5\r\n", "helloGET / HTTP"));
  BOOST_TEST(out.request.body == "hello");
  BOOST_TEST(out.consumed == post("Content-Length: 5\r\n", "hello").size());
}
BOOST_AUTO_TEST_CASE(an_incomplete_body_is_not_complete) {
  BOOST_TEST((parse(post("Content-Length: 5\r\n", "hell")).status == HttpParser::Status::More));
}
BOOST_AUTO_TEST_CASE(a_body_of_zero_is_complete_with_the_head) {
  BOOST_TEST(request(post("Content-Length: 0\r\n", "")).body.empty());
}
BOOST_AUTO_TEST_CASE(a_post_without_a_length_has_no_body) { BOOST_TEST(request(post("", "")).body.empty()); }
BOOST_AUTO_TEST_CASE(two_content_lengths_are_refused_also_when_equal) {
  BOOST_TEST(refusal(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")) == 400);
  BOOST_TEST(refusal(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")) == 400);
  BOOST_TEST(refusal(post("Content-Length: 5, 5\r\n", "hello")) == 400);
}
BOOST_AUTO_TEST_CASE(a_content_length_that_is_not_digits_is_refused) {
  for (const char* bad : {"", "+5", "-5", "5 5", "0x5", "5a", "\"5\"", "5.0", "1_0"}) {
    BOOST_TEST(refusal(post("Content-Length: " + std::string(bad) + "\r\n", "hello")) == 400);
  }
}
BOOST_AUTO_TEST_CASE(a_content_length_over_the_limit_is_413_before_the_body_comes) {
  HttpLimits limits;
  limits.bodyBytes = 5;
  BOOST_TEST(request(post("Content-Length: 5\r\n", "hello"), limits).body == "hello");
  BOOST_TEST(refusal(post("Content-Length: 6\r\n", ""), limits) == 413);
  BOOST_TEST(refusal(post("Content-Length: 18446744073709551621\r\n", ""), limits) == 413);
}
BOOST_AUTO_TEST_CASE(content_length_with_transfer_encoding_is_refused_in_both_orders) {
  BOOST_TEST(refusal(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")) == 400);
  BOOST_TEST(refusal(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")) == 400);
  BOOST_TEST(refusal(post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(a_chunked_body_is_joined) {
  const Outcome out = parse(chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nNEXT"));
  BOOST_TEST(out.request.body == "hello world");
  BOOST_TEST(out.consumed == chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n").size());
}
BOOST_AUTO_TEST_CASE(chunk_sizes_are_hex_in_both_cases_with_leading_zeros) {
  BOOST_TEST(request(chunked("00A\r\n0123456789\r\nb\r\n0123456789x\r\n000\r\n\r\n")).body.size() == 21U);
}
BOOST_AUTO_TEST_CASE(a_chunk_size_that_is_not_hex_is_refused) {
  for (const char* bad : {"", " 5", "5 ", "0x5", "-5", "+5", "g", "5\t", "11111111111111111"}) {
    BOOST_TEST(refusal(chunked(std::string(bad) + "\r\nhello\r\n0\r\n\r\n")) == 400);
  }
}
BOOST_AUTO_TEST_CASE(a_chunk_size_that_would_overflow_is_413) {
  BOOST_TEST(refusal(chunked("FFFFFFFFFFFFFFFF\r\n")) == 413);
}
BOOST_AUTO_TEST_CASE(a_chunk_longer_than_its_size_is_refused) {
  BOOST_TEST(refusal(chunked("4\r\nhello\r\n0\r\n\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(a_chunk_that_ends_in_a_bare_lf_is_refused) {
  BOOST_TEST(refusal(chunked("5\nhello\r\n0\r\n\r\n")) == 400);
  BOOST_TEST(refusal(chunked("5\r\nhello\n0\r\n\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(chunk_extensions_are_read_over) {
  BOOST_TEST(request(chunked("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n")).body == "hello");
}
BOOST_AUTO_TEST_CASE(a_long_chunk_extension_is_refused) {
  BOOST_TEST(refusal(chunked("5;" + std::string(300, 'a') + "\r\nhello\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(many_small_chunk_extensions_are_refused) {
  std::string body;
  for (int i = 0; i < 100; ++i) body += "1;" + std::string(60, 'a') + "\r\nx\r\n";
  BOOST_TEST(refusal(chunked(body)) == 400);
}
BOOST_AUTO_TEST_CASE(a_chunk_extension_with_a_control_byte_is_refused) {
  BOOST_TEST(refusal(chunked("5;a\x01\r\nhello\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(chunks_that_pass_the_limit_together_are_413) {
  HttpLimits limits;
  limits.bodyBytes = 8;
  BOOST_TEST(request(chunked("5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"), limits).body.size() == 8U);
  BOOST_TEST(refusal(chunked("5\r\nhello\r\n4\r\nabcd\r\n0\r\n\r\n"), limits) == 413);
}
BOOST_AUTO_TEST_CASE(trailers_are_dropped) {
  const HttpRequest r = request(chunked("1\r\nx\r\n0\r\nAuthorization: evil\r\nContent-Length: 9\r\n\r\n"));
  BOOST_TEST(r.header("Authorization") == nullptr);
  BOOST_TEST(r.header("Content-Length") == nullptr);
}
BOOST_AUTO_TEST_CASE(a_trailer_that_is_no_field_is_refused) {
  BOOST_TEST(refusal(chunked("0\r\nbad\r\n\r\n")) == 400);
  BOOST_TEST(refusal(chunked("0\r\nX : y\r\n\r\n")) == 400);
  BOOST_TEST(refusal(chunked("0\r\n X: y\r\n\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(trailers_over_their_limit_are_431) {
  BOOST_TEST(refusal(chunked("0\r\nX: " + std::string(5000, 'y') + "\r\n\r\n")) == 431);
  std::string many = "0\r\n";
  for (int i = 0; i < 120; ++i) many += "X: y\r\n";
  BOOST_TEST(refusal(chunked(many + "\r\n")) == 431);
}
BOOST_AUTO_TEST_CASE(an_unknown_transfer_coding_is_501) {
  for (const char* coding : {"gzip", "identity", "xchunked", "gzip, chunked", "chunkedx"}) {
    BOOST_TEST(refusal(post("Transfer-Encoding: " + std::string(coding) + "\r\n", "0\r\n\r\n")) == 501);
  }
}
BOOST_AUTO_TEST_CASE(a_transfer_coding_that_hides_the_end_of_the_body_is_refused) {
  for (const char* coding :
       {"", "chunked, gzip", "chunked, chunked", "chunked;q=1", "chunked,", "gzip, identity", "\"chunked\""}) {
    BOOST_TEST(refusal(post("Transfer-Encoding: " + std::string(coding) + "\r\n", "0\r\n\r\n")) == 400);
  }
  BOOST_TEST(refusal(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")) == 400);
  BOOST_TEST(refusal(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", "0\r\n\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(transfer_encoding_hidden_by_a_vertical_tab_or_a_space_is_refused) {
  BOOST_TEST(refusal(post("Transfer-Encoding: \x0B"
                          "chunked\r\n",
                          "0\r\n\r\n")) == 400);
  BOOST_TEST(refusal(post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")) == 400);
}
BOOST_AUTO_TEST_CASE(chunked_is_taken_in_any_case) {
  BOOST_TEST(request(post("transfer-ENCODING: Chunked\r\n", "1\r\nx\r\n0\r\n\r\n")).body == "x");
}
BOOST_AUTO_TEST_CASE(http_1_0_has_no_transfer_encoding) {
  BOOST_TEST(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400);
}
BOOST_AUTO_TEST_CASE(a_websocket_request_with_a_body_is_refused) {
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  BOOST_TEST(request(get(upgrade)).body.empty());
  BOOST_TEST(request(get(upgrade + "Content-Length: 0\r\n")).body.empty());
  BOOST_TEST(refusal(get(upgrade + "Content-Length: 5\r\n")) == 400);
  BOOST_TEST(refusal(get(upgrade + "Transfer-Encoding: chunked\r\n")) == 400);
}

// --- connection and expectation

BOOST_AUTO_TEST_CASE(an_upgrade_in_http_1_0_is_ignored) {
  const HttpRequest r =
      request("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUPGRADE: websocket\r\nContent-Length: 2\r\n\r\nhi");
  BOOST_TEST(r.header("Upgrade") == nullptr);
  BOOST_TEST(r.body == "hi");
}
BOOST_AUTO_TEST_CASE(http_1_1_keeps_the_connection_unless_close_is_asked) {
  BOOST_TEST(parse(get("")).keepAlive);
  BOOST_TEST(!parse(get("Connection: close\r\n")).keepAlive);
  BOOST_TEST(!parse(get("Connection: keep-alive, CLOSE\r\n")).keepAlive);
  BOOST_TEST(!parse(get("Connection: close\r\nConnection: keep-alive\r\n")).keepAlive);
}
BOOST_AUTO_TEST_CASE(http_1_0_closes_unless_keep_alive_is_asked) {
  BOOST_TEST(!parse("GET / HTTP/1.0\r\n\r\n").keepAlive);
  BOOST_TEST(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keepAlive);
}
BOOST_AUTO_TEST_CASE(the_client_that_expects_100_is_told_once_and_only_while_it_waits) {
  const std::string head = post("Expect: 100-continue\r\nContent-Length: 5\r\n", "");
  HttpParser parser(kLimits);
  parser.feed(head);
  BOOST_TEST(parser.takeContinue());
  BOOST_TEST(!parser.takeContinue());
  parser.feed("hello");
  BOOST_TEST((parser.status() == HttpParser::Status::Complete));
  HttpParser impatient(kLimits);
  impatient.feed(head + "he");
  BOOST_TEST(!impatient.takeContinue());
  HttpParser old(kLimits);
  old.feed("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  BOOST_TEST(!old.takeContinue());
}
BOOST_AUTO_TEST_CASE(any_other_expectation_is_417) { BOOST_TEST(refusal(get("Expect: tea\r\n")) == 417); }
BOOST_AUTO_TEST_CASE(a_parser_is_clean_after_each_request) {
  HttpParser parser(kLimits);
  const std::string first =
      post("Transfer-Encoding: chunked\r\nConnection: close\r\nExpect: 100-continue\r\n", "1\r\nx\r\n0\r\nT: y\r\n\r\n");
  const std::string all = first + "\r\n" + get("X: 1\r\n") + post("Content-Length: 1\r\n", "z");
  std::size_t at = parser.feed(all);
  BOOST_TEST(at == first.size());
  BOOST_TEST(parser.take().body == "x");
  BOOST_TEST(!parser.started());
  at += parser.feed(std::string_view(all).substr(at));
  BOOST_TEST(parser.keepAlive());
  const HttpRequest second = parser.take();
  BOOST_TEST(second.method == "GET");
  BOOST_TEST(second.body.empty());
  BOOST_TEST(second.headers.size() == 2U);
  at += parser.feed(std::string_view(all).substr(at));
  BOOST_TEST(parser.take().body == "z");
  BOOST_TEST(at == all.size());
}
BOOST_AUTO_TEST_CASE(nothing_is_consumed_after_a_refusal) {
  HttpParser parser(kLimits);
  parser.feed("bad\r\n");
  BOOST_TEST(parser.feed("GET / HTTP/1.1\r\n") == 0U);
  BOOST_TEST(parser.refusal() == 400);
}

// --- HttpRequest

BOOST_AUTO_TEST_CASE(a_query_value_is_the_first_of_its_name_decoded) {
  const HttpRequest r = request("GET /?a=1&b=x%20y+z&a=2&empty=&bare&bad=%zz&%63=c HTTP/1.1\r\nHost: a\r\n\r\n");
  BOOST_TEST(r.queryValue("a").value() == "1");
  BOOST_TEST(r.queryValue("b").value() == "x y z");
  BOOST_TEST(r.queryValue("empty").value() == "");
  BOOST_TEST(r.queryValue("bare").value() == "");
  BOOST_TEST(r.queryValue("c").value() == "c");
  BOOST_TEST(!r.queryValue("bad").has_value());
  BOOST_TEST(!r.queryValue("absent").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

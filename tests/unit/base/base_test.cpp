// base: text, ids, JSON, tasks, queues, the error table.
#include <boost/test/unit_test.hpp>

#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/json.h"
#include "base/masked_url.h"
#include "base/queue.h"
#include "base/task.h"
#include "base/text.h"

using namespace chatd;

BOOST_AUTO_TEST_SUITE(base)

BOOST_AUTO_TEST_CASE(utf8_takes_what_rfc_3629_allows_and_nothing_else) {
  for (const char* good : {"", "plain ascii text", "h\xC3\xA9llo", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
    BOOST_TEST(isUtf8(good));
  for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                          "12345678\xFF"}) {
    BOOST_TEST(!isUtf8(bad));
  }
}

BOOST_AUTO_TEST_CASE(base64_agrees_with_rfc_4648_and_reads_back_every_length) {
  BOOST_TEST(toBase64("") == "");
  BOOST_TEST(toBase64("f") == "Zg==");
  BOOST_TEST(toBase64("fo") == "Zm8=");
  BOOST_TEST(toBase64("foobar") == "Zm9vYmFy");
  BOOST_TEST(toBase64Url("\xFB\xFF") == "-_8");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    BOOST_TEST(fromBase64(toBase64(bytes)).value() == bytes);
    BOOST_TEST(fromBase64Url(toBase64Url(bytes)).value() == bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
  for (const char* bad : {"Zg", "Zg=", "Z===", "Zh==", "Z g=", "Zm9v-mFy"}) BOOST_TEST(!fromBase64(bad).has_value());
}

BOOST_AUTO_TEST_CASE(an_id_is_digits_up_to_two_to_the_fifty_three) {
  BOOST_TEST(parseId("1").value() == 1);
  BOOST_TEST(parseId("9007199254740991").value() == kMaxInteger);
  for (const char* bad : {"", "0", "-1", "+1", "1a", " 1", "9007199254740992", "99999999999999999999"})
    BOOST_TEST(!parseId(bad).has_value());
}

BOOST_AUTO_TEST_CASE(a_name_has_no_slash_no_control_character_and_is_not_digits_only) {
  BOOST_TEST(!nameFault("usr-1-2").has_value());
  BOOST_TEST(!nameFault("caf\xC3\xA9 \xF0\x9F\x98\x80").has_value());
  for (const char* bad : {"", "123", "a/b", "a\nb", "\x7F", "a\xC2\x85z", "\xFF"}) BOOST_TEST(nameFault(bad).has_value());
  BOOST_TEST(!nameFault(std::string(128, 'a')).has_value());
  BOOST_TEST(nameFault(std::string(129, 'a')).has_value());
}

BOOST_AUTO_TEST_CASE(time_is_written_and_read_back_as_rfc_3339) {
  const Timestamp t = fromMicros(1'772'360'430'123'456);
  BOOST_TEST(toRfc3339(t) == "2026-03-01T10:20:30.123Z");
  BOOST_TEST(micros(*parseRfc3339("2026-03-01T10:20:30.123456Z")) == micros(t));
  BOOST_TEST(micros(*parseRfc3339("2026-03-01T12:20:30.123456+02:00")) == micros(t));
  for (const char* bad : {"", "2026-03-01", "2026-13-01T10:20:30Z", "2026-02-30T10:20:30Z", "2026-03-01T10:20:30",
                          "2026-03-01T10:20:30.Z", "2026-03-01T10:20:30Zx"}) {
    BOOST_TEST(!parseRfc3339(bad).has_value());
  }
}

BOOST_AUTO_TEST_CASE(json_is_read_strictly) {
  BOOST_TEST(parseJson(R"({"a":[1,2,{"b":null}]})").ok());
  for (const char* bad :
       {"", "{", "{\"a\":1}x", "{'a':1}", "[1,]", "\"\xFF\"", "{\"a\":1,\"a\":2}", "NaN", "{\"a\":{\"b\":1,\"b\":2}}"}) {
    BOOST_TEST(!parseJson(bad).ok());
  }
  for (const char* half : {R"("\ud800")", R"("\udc00")", R"("\udc00\ud800")", R"({"\udde0":1})"})
    BOOST_TEST(!parseJson(half).ok());
  BOOST_TEST(asView(parseJson(R"("\ud83d\ude00")").value()) == "\xF0\x9F\x98\x80");
  BOOST_TEST(parseJson(std::string(32, '[') + std::string(32, ']')).ok());
  BOOST_TEST(!parseJson(std::string(33, '[') + std::string(33, ']')).ok());
  BOOST_TEST(!parseJson(std::string(1'000'000, '[')).ok());
}

BOOST_AUTO_TEST_CASE(json_numbers_are_read_exactly) {
  const auto read = [](const char* text) { return std::move(parseJson(text)).value(); };
  BOOST_TEST(read("9223372036854775807").GetInt64() == INT64_MAX);
  BOOST_TEST(read("-9223372036854775808").GetInt64() == INT64_MIN);
  BOOST_TEST(read("18446744073709551615").GetUint64() == UINT64_MAX);
  BOOST_TEST(read("7").IsInt());
  BOOST_TEST(!read("7.0").IsInt64());
  BOOST_TEST(read("18446744073709551616").GetDouble() == 18446744073709551616.0);
  BOOST_TEST(read("0.1").GetDouble() == 0.1);
  BOOST_TEST(read("1.7976931348623157e308").GetDouble() == 1.7976931348623157e308);
  BOOST_TEST(read("0e55").GetDouble() == 0.0);
  BOOST_TEST(read("1e-400").GetDouble() == 0.0);
  BOOST_TEST(read("5e-324").GetDouble() == 5e-324);
  for (const char* bad : {"1e400", "-1e400", "01", "+1", ".5", "1.", "1e", "-"}) BOOST_TEST(!parseJson(bad).ok(), bad);
  BOOST_TEST(!parseJson(std::string(400, '9')).ok());
}

BOOST_AUTO_TEST_CASE(json_that_we_write_reads_back_the_same) {
  std::string out;
  std::string nasty = "quote \" backslash \\ newline \n bell \x07 nul ";
  nasty.push_back('\0');
  nasty += "\xF0\x9F\x98\x80";
  JsonWriter w(out);
  w.beginObject()
      .field("text", nasty)
      .key("list")
      .beginArray()
      .integer(-5)
      .boolean(true)
      .null()
      .beginObject()
      .endObject()
      .endArray()
      .field("n", std::int64_t{9007199254740991})
      .endObject();
  const auto back = parseJson(out);
  BOOST_REQUIRE(back.ok());
  BOOST_TEST(asView(*find(*back, "text")) == nasty);
  BOOST_TEST(find(*back, "list")->Size() == 4U);
  BOOST_TEST(find(*back, "n")->GetInt64() == kMaxInteger);
}

BOOST_AUTO_TEST_CASE(a_bearer_stands_behind_one_space_or_more) {
  BOOST_TEST(bearerOf("Bearer abc") == "abc");
  BOOST_TEST(bearerOf("bearer   abc") == "abc");
  for (const char* none : {"", "Bearer", "Bearer ", "Bearer   ", "Bearerabc", "Basic abc", "abc"})
    BOOST_TEST(bearerOf(none) == "");
}

BOOST_AUTO_TEST_CASE(a_url_is_shown_without_what_may_be_secret_in_it) {
  const auto shown = [](std::string_view url) { return maskedUrl(url).value_or("same"); };
  BOOST_TEST(shown("https://x.example/a/b") == "same");
  BOOST_TEST(shown("https://x.example/?") == "same");
  BOOST_TEST(shown("just a text?key=1") == "same");
  BOOST_TEST(shown("://?k=1") == "same");
  BOOST_TEST(shown("https://x.example/a?key=s&plain&empty=#f") == "https://x.example/a?key=***&***&empty=***#***");
  BOOST_TEST(shown("HTTPS://user:p@ss@x.example:1/a@b") == "HTTPS://***@b");
  BOOST_TEST(shown("https://x.example?key=a=b?c") == "https://x.example?key=***");
  BOOST_TEST(shown("https://x.example/#f?k=1") == "https://x.example/#***");
  BOOST_TEST(shown(" https://x.example/?k=s") == " https://x.example/?k=***");
  BOOST_TEST(shown("postgresql://u:p@h/db") == "postgresql://***@h/db");
  BOOST_TEST(shown("https://x.example/@ann/a@b") == "same");
}

BOOST_AUTO_TEST_CASE(a_password_is_hidden_in_urls_of_databases_too_and_however_it_was_written) {
  const std::pair<std::string_view, std::string_view> shown[] = {
      {"jdbc:postgresql://u:PASS@h/db?password=Q", "jdbc:postgresql://***@h/db?password=***"},
      {"jdbc:postgresql://h1:1,h2:2/db?user=u&password=Q", "jdbc:postgresql://h1:1,h2:2/db?user=***&password=***"},
      {"jdbc:sqlserver://h:1433;user=sa;password=a?b=c", "jdbc:sqlserver://h:1433;***"},
      {"jdbc:sqlserver://h;password=p@ss", "jdbc:sqlserver://***@"},
      {"redis://a:P1@h1,redis://b:P2@h2/0", "redis://***@h2/0"},
      {"http://h1/a,https://u:P@h2/", "http://***@h2/"},
      {"https://user:pa/ss@host/", "https://***@host/"},
      {"https://user:12/34@host/?k=s", "https://***@host/?k=***"},
      {"https://user:pa?ss@host/?k=s", "https://***@"},
      {"https://user:pa#ss@host/", "https://***@"},
      {"https://h:1/?mail=a@b", "https://h:1/?mail=***"},
      {"https://[::1]/?mail=a@b", "https://[::1]/?mail=***"},
      {"https://***@x.example/a?key=***&***", "https://***@x.example/a?key=***&***"}};
  for (const auto& [url, masked] : shown) {
    BOOST_TEST(maskedUrl(url).value_or("same") == masked);
    // What was masked stays as it is, and is known for it.
    BOOST_TEST(maskedUrl(masked).value_or("same") == masked);
  }
}

BOOST_AUTO_TEST_CASE(every_error_row_stands_at_its_code_and_has_a_wire_name_of_its_own) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < errorTable().size(); ++i) {
    const ErrorRow& r = errorTable()[i];
    BOOST_TEST(static_cast<std::size_t>(r.code) == i);
    BOOST_TEST(names.insert(r.wire).second, r.wire);
    BOOST_TEST((r.status >= 400 && r.status < 600));
    BOOST_TEST(!r.text.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_task_moves_its_captures_whether_they_are_small_or_large) {
  auto counter = std::make_shared<int>(0);
  Task small = [counter] { ++*counter; };
  std::array<char, 200> big{};
  Task large = [counter, big] { *counter += 10 + big[0]; };
  Task moved = std::move(small);
  BOOST_TEST(!small);
  moved();
  small = std::move(large);
  small();
  BOOST_TEST(*counter == 11);
  moved = nullptr;
  small = nullptr;
  BOOST_TEST(counter.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_full_queue_says_so_and_a_closed_one_hands_out_what_it_has) {
  BoundedQueue<int> q(2);
  BOOST_TEST((q.push(1) == Offer::Taken));
  BOOST_TEST((q.push(2) == Offer::Taken));
  BOOST_TEST((q.push(3) == Offer::Full));
  q.close();
  BOOST_TEST((q.push(4) == Offer::Closing));
  BOOST_TEST(q.pop().value() == 1);
  BOOST_TEST(q.pop().value() == 2);
  BOOST_TEST(!q.pop().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ip)

BOOST_AUTO_TEST_CASE(an_address_has_one_form_whatever_socket_it_came_from) {
  BOOST_TEST((IpAddress::parse("192.0.2.1") == IpAddress::parse("::ffff:192.0.2.1")));
  BOOST_TEST(IpAddress::parse("::ffff:c000:201")->text() == "192.0.2.1");
  BOOST_TEST(IpAddress::parse("2001:DB8:0:0::1")->text() == "2001:db8::1");
  for (const char* bad :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "[::1]", "::1%lo", "1.2.3.4:80", "x"})
    BOOST_TEST(!IpAddress::parse(bad).has_value());
  BOOST_TEST(!IpAddress::parse(std::string_view("1.2.3.4\0x", 9)).has_value());
}

BOOST_AUTO_TEST_CASE(a_range_holds_its_prefix_and_no_more) {
  const auto holds = [](const char* range, const char* address) {
    return IpRange::parse(range)->contains(*IpAddress::parse(address));
  };
  BOOST_TEST(holds("10.0.0.0/8", "10.255.255.255"));
  BOOST_TEST(!holds("10.0.0.0/8", "11.0.0.0"));
  BOOST_TEST(holds("192.0.2.128/25", "192.0.2.128"));
  BOOST_TEST(!holds("192.0.2.128/25", "192.0.2.127"));
  BOOST_TEST(holds("192.0.2.7", "192.0.2.7"));
  BOOST_TEST(!holds("192.0.2.7", "192.0.2.6"));
  BOOST_TEST(holds("2001:db8::/33", "2001:db8:7fff::1"));
  BOOST_TEST(!holds("2001:db8::/33", "2001:db8:8000::1"));
  BOOST_TEST(holds("::1", "::1"));
  BOOST_TEST(holds("0.0.0.0/0", "203.0.113.9"));
  BOOST_TEST(!holds("0.0.0.0/0", "::1"));
  BOOST_TEST(holds("::/0", "2001:db8::1"));
  BOOST_TEST(!holds("::/0", "203.0.113.9"));
  BOOST_TEST(holds("::ffff:10.0.0.0/104", "10.1.2.3"));
}

BOOST_AUTO_TEST_CASE(what_is_no_range_is_refused_with_the_reason) {
  const auto fault = [](const char* text) { return IpRange::parse(text).error().detail(); };
  BOOST_TEST(fault("10.0.0.1/8") == "has bits set behind its prefix: write 10.0.0.0/8");
  BOOST_TEST(fault("2001:db8::1/64") == "has bits set behind its prefix: write 2001:db8::/64");
  BOOST_TEST(fault("nowhere/8") == "\"nowhere\" is not an IP address");
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8x", "::/129", "10.0.0.0/8/8"})
    BOOST_TEST(fault(bad).starts_with("the length behind '/' must be 0 to "));
}

BOOST_AUTO_TEST_SUITE_END()

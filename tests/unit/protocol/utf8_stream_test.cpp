// Utf8Stream gives the verdict of isUtf8(), however the text is cut.
#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

#include "base/text.h"
#include "protocol/utf8_stream.h"

using namespace chatd;

namespace {
bool streamed(std::string_view text, std::size_t chunk) {
  Utf8Stream stream;
  for (; !text.empty(); text.remove_prefix(std::min(chunk, text.size()))) {
    if (!stream.feed(text.substr(0, chunk))) return false;
  }
  return stream.whole();
}
}  // namespace

BOOST_AUTO_TEST_SUITE(utf8_stream)

BOOST_AUTO_TEST_CASE(every_sequence_of_two_bytes_and_many_longer_ones_get_the_verdict_of_the_whole) {
  std::string text(2, '\0');
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      text[0] = static_cast<char>(a);
      text[1] = static_cast<char>(b);
      BOOST_REQUIRE(streamed(text, 1) == isUtf8(text));
    }
  }
  const unsigned char telling[] = {'a',  0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2,
                                   0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF};
  std::mt19937 random(3);
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(telling[random() % sizeof telling]);
    BOOST_REQUIRE(streamed(bytes, 1) == isUtf8(bytes));
    BOOST_REQUIRE(streamed(bytes, 3) == isUtf8(bytes));
    BOOST_REQUIRE(streamed(bytes, bytes.size() + 1) == isUtf8(bytes));
  }
}

BOOST_AUTO_TEST_CASE(a_broken_stream_stays_broken) {
  Utf8Stream stream;
  BOOST_TEST(!stream.feed("\xFF"));
  BOOST_TEST(!stream.feed("good"));
  BOOST_TEST(!stream.whole());
  stream.reset();
  BOOST_TEST(stream.feed("good"));
  BOOST_TEST(stream.whole());
}

BOOST_AUTO_TEST_SUITE_END()

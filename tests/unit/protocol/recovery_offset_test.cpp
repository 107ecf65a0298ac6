// Offsets of connection state recovery.
#include "protocol/recovery_offset.h"

#include <boost/test/unit_test.hpp>

using namespace chatd;

BOOST_AUTO_TEST_SUITE(recovery_offset)

BOOST_AUTO_TEST_CASE(an_offset_is_read_as_it_was_written) {
  for (const char* epoch : {"a1b2", "", "with.dots.in.it"}) {
    const auto read = parseRecoveryOffset(toText(RecoveryOffset{RoomId{12}, epoch, Seq{345}, Rev{6}}));
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(raw(read->room) == 12);
    BOOST_TEST(read->epoch == epoch);
    BOOST_TEST(raw(read->seq) == 345);
    BOOST_TEST(raw(read->rev) == 6);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_offset_is_none) {
  for (const char* text : {"", "You have joined the room", "1", "1.e", "1.e.2", "x.e.1.2", "1.e.-1.2", "1.e.1.", "1.e..2",
                           "1.e.1.99999999999999999999", " 1.e.1.2"}) {
    BOOST_TEST(!parseRecoveryOffset(text).has_value(), text);
  }
}

BOOST_AUTO_TEST_SUITE_END()

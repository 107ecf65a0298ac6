// plugins: the C header, seen from C11 and C++.
#include <boost/test/unit_test.hpp>

#include "sdk/chatd_plugin.h"

extern "C" int chatd_sdk_in_c(const chatd_host* host);

BOOST_AUTO_TEST_SUITE(plugins_sdk)

BOOST_AUTO_TEST_CASE(a_member_is_there_if_the_struct_is_long_enough) {
  chatd_host host{};
  host.struct_size = sizeof host;
  BOOST_TEST(chatd_sdk_in_c(&host) == 1);
  host.struct_size = offsetof(chatd_host, service);
  BOOST_TEST(chatd_sdk_in_c(&host) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

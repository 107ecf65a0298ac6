#include <boost/test/unit_test.hpp>
#include "store/store.h"
using namespace chatd;
BOOST_AUTO_TEST_CASE(smoke) {
  SystemClock clock;
  Store s({.url = "sqlite::memory:"}, clock);
  auto o = s.open();
  if (!o.ok()) BOOST_TEST_MESSAGE(o.error().detail());
  BOOST_REQUIRE(o.ok());
  auto a = s.directory().createApp({"demo", {}, {}});
  if (!a.ok()) BOOST_TEST_MESSAGE(a.error().detail());
  BOOST_REQUIRE(a.ok());
}

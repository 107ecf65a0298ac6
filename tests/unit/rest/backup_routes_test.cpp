// /backup…: who may, and how refusals of the store are told. What a backup is, the store's own tests show.
#include <boost/test/unit_test.hpp>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(backup_routes)

BOOST_AUTO_TEST_CASE(backups_are_for_operators) {
  House house;
  const AppId app = house.makeApp("a");
  const As owner = house.account("boss", AccountRole::Owner, {app});
  for (const As& as : {house.keyOf(app), owner, house.userToken(app, "u1")}) {
    BOOST_TEST(house.call(as, "POST", "/backup").status == 403);
    BOOST_TEST(house.call(as, "GET", "/backup").status == 403);
    BOOST_TEST(house.call(as, "GET", "/backup/b").status == 403);
    BOOST_TEST(house.call(as, "POST", "/backup/b/verify").status == 403);
    BOOST_TEST(house.call(as, "DELETE", "/backup/b").status == 403);
  }
  BOOST_TEST(house.call(house.nobody, "GET", "/backup").status == 401);
  BOOST_TEST(house.call(house.account("root", AccountRole::Operator, {}), "GET", "/backup").status == 200);
}

BOOST_AUTO_TEST_CASE(what_the_store_refuses_is_told) {
  House house;  // its database is in memory, which has no backups
  BOOST_TEST(house.call(house.peer, "POST", "/backup").code() == "conflict");
  BOOST_TEST(house.call(house.peer, "POST", "/backup", R"({"name":"../x"})").at("errors.0.field") == "name");
  BOOST_TEST(house.call(house.peer, "POST", "/backup", R"({"name":7})").status == 422);
  BOOST_TEST(house.call(house.peer, "GET", "/backup").size("items") == 0U);
  for (const char* path : {"/backup/none", "/backup/..", "/backup/.x"}) {
    BOOST_TEST(house.call(house.peer, "GET", path).status == 404, path);
    BOOST_TEST(house.call(house.peer, "DELETE", path).status == 404, path);
  }
  BOOST_TEST(house.call(house.peer, "POST", "/backup/none/verify").status == 404);
}

BOOST_AUTO_TEST_SUITE_END()

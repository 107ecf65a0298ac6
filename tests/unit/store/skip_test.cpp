// Without an installed PostgreSQL its cases are skipped, and that is said; where CI=true they fail instead.
#include <boost/test/tree/traverse.hpp>
#include <boost/test/tree/visitor.hpp>
#include <cstdlib>
#include <iostream>

#include "unit/store/fixture.h"

namespace {

namespace ut = boost::unit_test;

class Disable final : public ut::test_tree_visitor {
 public:
  void visit(const ut::test_case& test) override {
    if (test.p_name->find("Postgresql") != std::string::npos) off(test);
  }
  bool test_suite_start(const ut::test_suite& suite) override {
    if (suite.p_name->find("postgresql") == std::string::npos) return true;
    off(suite);
    return false;
  }
  int count = 0;

 private:
  void off(const ut::test_unit& unit) {
    ut::framework::get<ut::test_unit>(unit.p_id).p_run_status.value = ut::test_unit::RS_DISABLED;
    ++count;
  }
};

struct SkipWithoutPostgresql {
  SkipWithoutPostgresql() {
    const char* ci = std::getenv("CI");
    if (chatd::test::PostgresServer::programs() || (ci != nullptr && std::string_view(ci) == "true")) return;
    Disable disable;
    ut::traverse_test_tree(ut::framework::master_test_suite(), disable, true);
    std::cout << "PostgreSQL is not installed: " << disable.count << " cases or suites of it are skipped\n";
  }
};

}  // namespace

BOOST_TEST_GLOBAL_CONFIGURATION(SkipWithoutPostgresql);

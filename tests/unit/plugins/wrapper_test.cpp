// plugins/sdk: the C++ wrapper. Nothing thrown crosses, and each job is answered exactly once.
#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <vector>

#include "sdk/chatd_plugin.hpp"

namespace {

struct Context {
  struct Told {
    chatd_job job;
    std::int32_t verdict;
    std::string user, detail;
    std::uint64_t grants;
  };
  std::vector<Told> told;
  std::string logged;
};

Context* of(chatd_host_ctx* ctx) { return reinterpret_cast<Context*>(ctx); }

chatd_host makeHost(Context& ctx) {
  chatd_host host{};
  host.struct_size = sizeof host;
  host.ctx = reinterpret_cast<chatd_host_ctx*>(&ctx);
  host.complete = [](chatd_host_ctx* c, chatd_job job, const chatd_result* r) {
    of(c)->told.push_back({job, r->verdict, std::string(chatd_sdk::view(r->user_id)),
                           std::string(chatd_sdk::view(r->error_detail)), r->grant_count});
  };
  host.log = [](chatd_host_ctx* c, std::int32_t, chatd_str text, const chatd_kv*, std::uint32_t) {
    of(c)->logged += std::string(chatd_sdk::view(text)) + "\n";
  };
  host.service = [](chatd_host_ctx*, const char*) -> const void* { return nullptr; };
  return host;
}

class Tester : public chatd_sdk::Verifier {
 public:
  Tester(chatd_sdk::Host host, std::string_view, std::string_view config) : host_(host) {
    if (config == "throw") throw std::invalid_argument("no such config");
    if (config == "throw int") throw 5;
  }
  void verify(const chatd_sdk::Request& request, chatd_sdk::Job job) override {
    if (request.token == "throw") throw std::runtime_error("inside");
    if (request.token == "drop") return;
    if (request.token == "twice") job.answer(chatd_sdk::Answer::deny("first"));
    if (request.token == "fetch") {
      // There is no client: the callback is never called, and the job in it is let go of.
      auto held = std::make_shared<chatd_sdk::Job>(std::move(job));
      static_cast<void>(host_.fetch({}, [held](const chatd_sdk::HttpResponse&) {}));
      return;
    }
    chatd_sdk::Answer answer = chatd_sdk::Answer::allow("ann");
    answer.grants.push_back({CHATD_PERM_READ, "*"});
    job.answer(answer);
  }

 private:
  chatd_sdk::Host host_;
};

/// Takes another configuration while it works.
class Changeable : public chatd_sdk::Verifier {
 public:
  Changeable(chatd_sdk::Host, std::string_view, std::string_view config) : user_(config) {}
  void verify(const chatd_sdk::Request&, chatd_sdk::Job job) override { job.answer(chatd_sdk::Answer::allow(user_)); }
  void reconfigure(std::string_view config) {
    if (config == "throw") throw std::invalid_argument("not now");
    user_ = config;
  }

 private:
  std::string user_;
};

}  // namespace

CHATD_PLUGIN_AS(wrapper_test_entry, Tester, 0, "t", "T", "1", "tests", nullptr)
CHATD_PLUGIN_AS(changeable_entry, Changeable, 0, "c", "C", "1", "tests", nullptr)

BOOST_AUTO_TEST_SUITE(plugin_wrapper)

BOOST_AUTO_TEST_CASE(a_constructor_that_throws_is_a_reason_for_the_admin) {
  const chatd_plugin* plugin = wrapper_test_entry(0);
  Context ctx;
  const chatd_host host = makeHost(ctx);
  chatd_instance* instance = nullptr;
  char err[8] = {};
  BOOST_TEST(plugin->create(&host, {nullptr, 0}, chatd_sdk::str("throw"), &instance, err, sizeof err) != 0);
  BOOST_TEST(std::string(err) == "no such");
  BOOST_TEST(plugin->create(&host, {nullptr, 0}, chatd_sdk::str("throw int"), &instance, nullptr, 0) != 0);
  BOOST_TEST((instance == nullptr));
}

BOOST_AUTO_TEST_CASE(every_job_is_answered_once_whatever_the_verifier_does) {
  const chatd_plugin* plugin = wrapper_test_entry(0);
  Context ctx;
  const chatd_host host = makeHost(ctx);
  chatd_instance* instance = nullptr;
  BOOST_REQUIRE(plugin->create(&host, {nullptr, 0}, {nullptr, 0}, &instance, nullptr, 0) == 0);
  const std::vector<std::pair<std::string, std::int32_t>> cases = {{"ok", CHATD_ALLOW},
                                                                   {"throw", CHATD_UNAVAILABLE},
                                                                   {"drop", CHATD_UNAVAILABLE},
                                                                   {"twice", CHATD_DENY},
                                                                   {"fetch", CHATD_UNAVAILABLE}};
  chatd_job job = 100;
  for (const auto& [token, verdict] : cases) {
    chatd_verify_req request{};
    request.struct_size = sizeof request;
    request.token = chatd_sdk::str(token);
    BOOST_TEST(plugin->verify(instance, &request, ++job) == 0);
    BOOST_REQUIRE(ctx.told.size() == 1U);
    BOOST_TEST(ctx.told[0].job == job);
    BOOST_TEST(ctx.told[0].verdict == verdict, token);
    if (token == "ok") BOOST_TEST(ctx.told[0].grants == 1U);
    ctx.told.clear();
  }
  BOOST_TEST((ctx.logged.find("inside") != std::string::npos));
  plugin->destroy(instance);
}

BOOST_AUTO_TEST_CASE(a_verifier_that_can_be_reconfigured_shows_it_and_one_that_cannot_does_not) {
  BOOST_TEST((wrapper_test_entry(0)->reconfigure == nullptr));
  const chatd_plugin* plugin = changeable_entry(0);
  BOOST_REQUIRE((plugin->reconfigure != nullptr));
  Context ctx;
  const chatd_host host = makeHost(ctx);
  chatd_instance* instance = nullptr;
  char err[16] = {};
  BOOST_REQUIRE(plugin->create(&host, {nullptr, 0}, chatd_sdk::str("ann"), &instance, err, sizeof err) == 0);
  BOOST_TEST(plugin->reconfigure(instance, chatd_sdk::str("throw"), err, sizeof err) != 0);
  BOOST_TEST(std::string(err) == "not now");
  chatd_verify_req request{};
  request.struct_size = sizeof request;
  BOOST_TEST(plugin->verify(instance, &request, 1) == 0);
  BOOST_TEST(plugin->reconfigure(instance, chatd_sdk::str("bob"), err, sizeof err) == 0);
  BOOST_TEST(plugin->verify(instance, &request, 2) == 0);
  BOOST_REQUIRE_EQUAL(ctx.told.size(), 2U);
  BOOST_TEST(ctx.told[0].user == "ann");
  BOOST_TEST(ctx.told[1].user == "bob");
  plugin->destroy(instance);
}

BOOST_AUTO_TEST_SUITE_END()

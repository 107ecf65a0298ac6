// auth: the classic tokenVerificationUrl, from the chain through the bundled `http` verifier to a server and back.
#include "chain_fixture.h"
#include "unit/outbound/tiny_server.h"

using namespace chatd;
using namespace chatd::test;

namespace {

struct ClassicFixture : ChainFixture {
  ClassicFixture() {
    chain.reset();
    options.plugins = bundledPlugins();
    options.allowPrivateNetworks = true;
    make();
  }
  void ask(const TinyServer& server, milliseconds timeout = seconds(20)) {
    VerifierSpec s = spec("http", timeout);
    s.config = R"({"url":")" + server.url("/verify") + R"("})";
    configure({s});
  }
};

/// Judges by the Bearer that it is shown.
void classic(TinyServer::Peer& peer) {
  while (const auto head = peer.request()) {
    const auto has = [&](const char* token) {
      return head->find(std::string("Authorization: Bearer ") + token) != std::string::npos;
    };
    bool sent = false;
    if (has("good")) {
      sent = peer.send(answer(200, R"({"user":{"id":1,"firstName":"Ann"}})"));
    } else if (has("moved")) {
      sent = peer.send(answer(302, "", "Location: http://127.0.0.1:1/\r\n"));
    } else if (has("broken")) {
      sent = peer.send(answer(500, ""));
    } else if (has("empty")) {
      sent = peer.send(answer(200, "{}"));
    } else {
      sent = peer.send(answer(401, ""));
    }
    if (!sent) return;
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(auth_classic_url, ClassicFixture)

BOOST_AUTO_TEST_CASE(the_answer_of_the_url_decides) {
  TinyServer server(classic);
  ask(server);
  const auto who = verify("good");
  BOOST_REQUIRE(who.ok());
  BOOST_TEST(who->user.appUserId == "1");
  BOOST_TEST(who->user.firstName.value() == "Ann");
  BOOST_TEST(outcome("bad") == "unauthorized");
  BOOST_TEST(outcome("moved") == "verifier_unavailable");
  BOOST_TEST(outcome("broken") == "verifier_unavailable");
  BOOST_TEST(outcome("empty") == "verifier_unavailable");
  BOOST_TEST((log().find("names no user") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_private_address_is_refused_unless_the_app_may) {
  TinyServer server(classic);
  AppSettings s;
  s.allowPrivateNetworks = false;
  settings(s);
  ask(server);
  BOOST_TEST(outcome("good") == "verifier_unavailable");
  BOOST_TEST(server.connections() == 0);
  BOOST_TEST((log().find("may not be called") != std::string::npos));
  s.allowPrivateNetworks = true;
  settings(s);
  BOOST_TEST(outcome("good") == "user:1");
}

BOOST_AUTO_TEST_CASE(a_url_that_hangs_is_unavailable_in_time_and_slows_no_other_app) {
  TinyServer hanging([](TinyServer::Peer& peer) { peer.hang(); });
  TinyServer good(classic);
  ask(hanging, milliseconds(300));
  VerifierSpec s = spec("http");
  s.config = R"({"url":")" + good.url() + R"("})";
  BOOST_REQUIRE(store.createApp({"other", {}, {s}}).ok());
  std::vector<Outcome> waiting;
  for (int i = 0; i < 64; ++i) waiting.push_back(start("t" + std::to_string(i)));
  BOOST_TEST(outcome("good", "other") == "user:1");
  for (Outcome& o : waiting) BOOST_TEST(text(wait(std::move(o))) == "verifier_unavailable");
}

BOOST_AUTO_TEST_CASE(stop_does_not_wait_for_a_url_that_hangs) {
  TinyServer hanging([](TinyServer::Peer& peer) { peer.hang(); });
  ask(hanging, seconds(60));
  Outcome waiting = start("t");
  BOOST_REQUIRE(eventually([&] { return hanging.connections() == 1; }));
  const auto begin = steady_clock::now();
  http.stop();
  chain->stop();
  BOOST_TEST((steady_clock::now() - begin < seconds(20)));
  BOOST_TEST(text(wait(std::move(waiting))) == "verifier_unavailable");
}

BOOST_AUTO_TEST_SUITE_END()

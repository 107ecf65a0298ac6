// plugins: the bundled verifier `jwt` through its C struct: whose tokens it judges and which it leaves to the next one of
// the chain; what it says of a key's file.
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <boost/test/unit_test.hpp>

#include <array>
#include <fstream>
#include <string>

#include "base/text.h"
#include "jwt/jwt_plugin.h"
#include "plugin_fixture.h"
#include "support/plugin_folder.h"

namespace {

using chatd::test::Completed;

const std::string kOurs(32, 'o');
const std::string kTheirs(32, 't');

struct Fixture : chatd::test::PluginFixture {
  Fixture() : PluginFixture(chatd_jwt_plugin_entry(CHATD_ABI_MINOR)) {}

  Completed judgedToken(const std::string& token) {
    BOOST_REQUIRE(verify(token) == 0);
    BOOST_REQUIRE(ctx.completed.size() == 1U);
    const Completed c = ctx.completed.at(0);
    ctx.completed.clear();
    return c;
  }
};

/// An HS256 token of ann's that does not expire in the fixture's time; `more` begins with a comma.
std::string token(const std::string& secret, const std::string& more = "",
                  const std::string& header = R"({"alg":"HS256"})") {
  const std::string text =
      chatd::toBase64Url(header) + "." + chatd::toBase64Url(R"({"sub":"ann","exp":4000000000)" + more + "}");
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), out.data(), &length);
  return text + "." + chatd::toBase64Url({reinterpret_cast<const char*>(out.data()), length});
}

std::string config(const std::string& key, const std::string& more = "") {
  return R"({"keys":[{"alg":"HS256",)" + key + R"("secret":")" + kOurs + R"("}])" + more + "}";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plugins_jwt, Fixture)

BOOST_AUTO_TEST_CASE(a_token_that_names_another_issuer_is_left_to_the_next_verifier) {
  BOOST_REQUIRE(create(config("", R"(,"issuer":"https://ours")")) == "");
  BOOST_TEST(judgedToken(token(kOurs, R"(,"iss":"https://ours")")).verdict == CHATD_ALLOW);
  // Whoever signed it: nothing of it was believed.
  for (const std::string& secret : {kTheirs, kOurs}) {
    const auto c = judgedToken(token(secret, R"(,"iss":"https://theirs")"));
    BOOST_TEST(c.verdict == CHATD_DEFER);
    BOOST_TEST(c.detail == "is of another issuer");
  }
}

BOOST_AUTO_TEST_CASE(a_token_that_names_our_issuer_or_none_is_judged_by_its_signature_first) {
  BOOST_REQUIRE(create(config("", R"(,"issuer":"https://ours")")) == "");
  for (const char* iss : {R"(,"iss":"https://ours")", R"(,"iss":["https://theirs"])", R"(,"iss":null)", ""}) {
    const auto c = judgedToken(token(kTheirs, iss));
    BOOST_TEST(c.verdict == CHATD_DENY, iss);
    BOOST_TEST(c.detail == "its signature is not of a configured key", iss);
  }
  for (const char* iss : {R"(,"iss":["https://theirs"])", R"(,"iss":null)", R"(,"iss":5)", ""}) {
    const auto c = judgedToken(token(kOurs, iss));
    BOOST_TEST(c.verdict == CHATD_DENY, iss);
    BOOST_TEST(c.detail == "names no issuer", iss);
  }
}

BOOST_AUTO_TEST_CASE(without_issuer_and_kid_a_foreign_signature_is_denied_and_another_kid_is_left_to_the_next) {
  BOOST_REQUIRE(create(config("")) == "");
  BOOST_TEST(judgedToken(token(kTheirs)).verdict == CHATD_DENY);
  Fixture named;
  BOOST_REQUIRE(named.create(config(R"("kid":"ours",)")) == "");
  BOOST_TEST(named.judgedToken(token(kTheirs, "", R"({"alg":"HS256","kid":"theirs"})")).verdict == CHATD_DEFER);
  BOOST_TEST(named.judgedToken(token(kTheirs)).verdict == CHATD_DENY);
}

BOOST_AUTO_TEST_CASE(for_a_token_of_another_issuer_no_published_keys_are_read) {
  BOOST_REQUIRE(create(R"({"jwksUrl":"https://ours/keys","algorithms":["RS256"],"issuer":"https://ours"})") == "");
  const auto c = judgedToken(token(kTheirs, R"(,"iss":"https://theirs")", R"({"alg":"RS256","kid":"new"})"));
  BOOST_TEST(c.verdict == CHATD_DEFER);
  BOOST_TEST(ctx.fetched.empty());
}

// Who may set verifiers need not be somebody who may look around on the machine.
BOOST_AUTO_TEST_CASE(whatever_is_the_matter_with_a_pem_file_is_refused_in_the_same_words_and_told_to_the_log) {
  const chatd::test::PluginFolder folder;
  EVP_PKEY* pair = ::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  BOOST_REQUIRE(pair != nullptr);
  const auto written = [&](const char* name, bool isPrivate) {
    BIO* out = ::BIO_new(::BIO_s_mem());
    BOOST_REQUIRE((isPrivate ? ::PEM_write_bio_PrivateKey(out, pair, nullptr, nullptr, 0, nullptr, nullptr)
                             : ::PEM_write_bio_PUBKEY(out, pair)) == 1);
    char* text = nullptr;
    const auto size = static_cast<std::size_t>(::BIO_get_mem_data(out, &text));
    std::ofstream(folder.file(name), std::ios::binary).write(text, static_cast<std::streamsize>(size));
    ::BIO_free(out);
    return folder.file(name);
  };
  const std::string publicKey = written("public.pem", false);
  const std::string privateKey = written("private.pem", true);
  std::ofstream(folder.file("words")) << "no key";
  ::EVP_PKEY_free(pair);

  const auto with = [](const char* alg, const std::string& file) {
    return std::string(R"({"keys":[{"alg":")") + alg + R"(","pemFile":")" + file + R"("}]})";
  };
  const std::string refusal = create(with("EdDSA", folder.file("nothing")));
  BOOST_TEST(refusal.find("keys[0].pemFile: must be the absolute path of a file") == 0U);
  for (const std::string& file : {privateKey, folder.file("words"), folder.path(), std::string("relative")}) {
    BOOST_TEST(create(with("EdDSA", file)) == refusal, file);
  }
  const std::string otherType = create(with("ES256", publicKey));
  BOOST_TEST(otherType == create(with("ES256", folder.file("nothing"))));
  BOOST_REQUIRE(ctx.logged.size() == 7U);
  BOOST_TEST(ctx.logged[0] == "keys[0].pemFile " + folder.file("nothing") + ": cannot be read");
  BOOST_TEST(ctx.logged[1].find(privateKey + ": is a private key") != std::string::npos);
  BOOST_TEST(ctx.logged[5].find(publicKey + ": ES256 wants an EC key") != std::string::npos);
  BOOST_TEST(create(with("EdDSA", publicKey)) == "");
}

BOOST_AUTO_TEST_SUITE_END()

// plugins/jwt: which keys are taken, and how many are tried.
#include "jwt/keys.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <boost/test/unit_test.hpp>

#include "base/text.h"

namespace chatd::jwt {
namespace {

using namespace std::string_literals;

const Algorithm& alg(std::string_view name) { return *algorithm(name); }

/// A JWK with a modulus of 2048 bits and this exponent.
std::string rsa(const std::string& exponent) {
  return R"({"kty":"RSA","n":")" + toBase64Url(std::string(256, '\xC1')) + R"(","e":")" + toBase64Url(exponent) + R"("})";
}
std::string fault(const std::string& jwk) {
  const auto json = parseJson(jwk);
  const auto key = Key::fromJwk("", alg("RS256"), *json);
  return key.ok() ? "" : key.error().detail();
}

/// An Ed25519 key pair.
class Signer {
 public:
  Signer() : key_(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) { BOOST_REQUIRE(key_ != nullptr); }
  ~Signer() { ::EVP_PKEY_free(key_); }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  [[nodiscard]] Key key(const std::string& kid) const {
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    BOOST_REQUIRE(::EVP_PKEY_get_raw_public_key(key_, reinterpret_cast<unsigned char*>(raw.data()), &size) == 1);
    const auto json = parseJson(R"({"kty":"OKP","crv":"Ed25519","x":")" + toBase64Url(raw) + R"("})");
    return *Key::fromJwk(kid, alg("EdDSA"), *json);
  }
  [[nodiscard]] std::string sign(const std::string& text) const {
    std::string out(64, '\0');
    std::size_t size = out.size();
    EVP_MD_CTX* context = ::EVP_MD_CTX_new();
    BOOST_TEST(::EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_) == 1);
    BOOST_TEST(::EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                                reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
    ::EVP_MD_CTX_free(context);
    return out;
  }

 private:
  EVP_PKEY* key_;
};

BOOST_AUTO_TEST_SUITE(jwt_keys)

BOOST_AUTO_TEST_CASE(an_rsa_key_with_an_exponent_that_costs_milliseconds_or_is_none_is_refused_with_words) {
  BOOST_TEST(fault(rsa("\x01\x00\x01"s)) == "");
  BOOST_TEST(fault(rsa("\x03")) == "");
  BOOST_TEST(fault(rsa(std::string(8, '\xFF'))) == "");
  for (const std::string& bad : {"\x01"s + std::string(8, '\xFF'), std::string(256, '\xC1'), "\x01"s, "\x04"s}) {
    BOOST_TEST(fault(rsa(bad)) == "an RSA key's public exponent must be odd, above 1 and of at most 64 bits", bad.size());
  }
  // One of them in a set of keys takes the others no place.
  const auto set = keysOfSet(R"({"keys":[)" + rsa(std::string(256, '\xC1')) + "," + rsa("\x03") + "]}", {&alg("RS256")});
  BOOST_REQUIRE(set.ok());
  BOOST_TEST(set->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pem_key_is_judged_like_a_jwk) {
  BIGNUM* exponent = nullptr;
  BOOST_REQUIRE(::BN_hex2bn(&exponent, "10000000000000001") > 0);
  EVP_PKEY_CTX* context = ::EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* pair = nullptr;
  BOOST_REQUIRE(::EVP_PKEY_keygen_init(context) == 1);
  BOOST_REQUIRE(::EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1);
  BOOST_REQUIRE(::EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent) == 1);
  BOOST_REQUIRE(::EVP_PKEY_generate(context, &pair) == 1);
  BIO* out = ::BIO_new(::BIO_s_mem());
  BOOST_REQUIRE(::PEM_write_bio_PUBKEY(out, pair) == 1);
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(::BIO_get_mem_data(out, &text));
  const std::string pem(text, size);
  const auto key = Key::fromPem("", alg("RS256"), pem);
  BOOST_REQUIRE(!key.ok());
  BOOST_TEST(key.error().detail().find("at most 64 bits") != std::string::npos);
  ::BIO_free(out);
  ::EVP_PKEY_free(pair);
  ::EVP_PKEY_CTX_free(context);
  ::BN_free(exponent);
}

BOOST_AUTO_TEST_CASE(of_keys_that_a_token_does_not_name_sixteen_are_tried_and_the_one_it_names_first) {
  const Signer signer;
  const Signer other;
  const std::string signature = signer.sign("text");
  const auto found = [&](const Keys& keys, const char* kid) { return match(keys, alg("EdDSA"), kid, "text", signature); };
  Keys keys;
  for (int i = 0; i < 16; ++i) keys.push_back(other.key(""));
  BOOST_CHECK(found(keys, "") == Match::Bad);
  keys.push_back(signer.key("k"));
  BOOST_CHECK(found(keys, "") == Match::TooMany);
  BOOST_CHECK(found(keys, "k") == Match::Good);
  BOOST_CHECK(found(keys, "x") == Match::Bad);
  BOOST_CHECK(match(keys, alg("RS256"), "", "text", signature) == Match::None);
  BOOST_CHECK(found({keys.back()}, "x") == Match::None);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chatd::jwt

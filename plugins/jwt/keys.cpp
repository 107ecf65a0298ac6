#include "jwt/keys.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "common/config_reader.h"

namespace chatd::jwt {

namespace {

constexpr std::size_t kMaxKeys = 64;
constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 16'384;
// Nobody's is longer than 32; a verification costs its length: one as long as the modulus takes milliseconds.
constexpr int kMostExponentBits = 64;

constexpr std::array kAlgorithms = {
    Algorithm{"HS256", Kind::Hmac, "SHA256"},
    Algorithm{"HS384", Kind::Hmac, "SHA384"},
    Algorithm{"HS512", Kind::Hmac, "SHA512"},
    Algorithm{"RS256", Kind::Rsa, "SHA256"},
    Algorithm{"RS384", Kind::Rsa, "SHA384"},
    Algorithm{"RS512", Kind::Rsa, "SHA512"},
    Algorithm{"PS256", Kind::RsaPss, "SHA256"},
    Algorithm{"PS384", Kind::RsaPss, "SHA384"},
    Algorithm{"PS512", Kind::RsaPss, "SHA512"},
    Algorithm{"ES256", Kind::Ec, "SHA256", 32, "P-256", "prime256v1"},
    Algorithm{"ES384", Kind::Ec, "SHA384", 48, "P-384", "secp384r1"},
    Algorithm{"ES512", Kind::Ec, "SHA512", 66, "P-521", "secp521r1"},
    Algorithm{"EdDSA", Kind::EdDsa},
};

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* it) const {
    kFree(it);
  }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Freer<kFree>>;
using BigNumber = Owned<BIGNUM, BN_free>;
using Context = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

Error invalid(std::string what) {
  ::ERR_clear_error();
  return {Code::Invalid, std::move(what)};
}

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::shared_ptr<EVP_PKEY> shared(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* k) { ::EVP_PKEY_free(k); }};
}

std::optional<std::string> decoded(const JsonValue& jwk, const char* member) {
  const std::string text = plugins::textOr(jwk, member);
  auto out = text.empty() ? std::nullopt : fromBase64Url(text);
  return out && !out->empty() && out->size() <= 4096 ? out : std::nullopt;
}

std::shared_ptr<EVP_PKEY> fromParameters(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM, OSSL_PARAM_free> parameters(::OSSL_PARAM_BLD_to_param(builder));
  const Context context(::EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || ::EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  if (::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) return nullptr;
  return shared(key);
}

std::shared_ptr<EVP_PKEY> rsaOf(const JsonValue& jwk) {
  const auto n = decoded(jwk, "n");
  const auto e = decoded(jwk, "e");
  if (!n || !e) return nullptr;
  const BigNumber modulus(::BN_bin2bn(bytes(*n), static_cast<int>(n->size()), nullptr));
  const BigNumber exponent(::BN_bin2bn(bytes(*e), static_cast<int>(e->size()), nullptr));
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(::OSSL_PARAM_BLD_new());
  if (::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return fromParameters("RSA", builder.get());
}

std::shared_ptr<EVP_PKEY> ecOf(const JsonValue& jwk, const Algorithm& alg) {
  const auto x = decoded(jwk, "x");
  const auto y = decoded(jwk, "y");
  if (!x || !y || x->size() != alg.coordinate || y->size() != alg.coordinate) return nullptr;
  const std::string point = "\x04" + *x + *y;
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(::OSSL_PARAM_BLD_new());
  if (::OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, alg.curveName, 0) != 1 ||
      ::OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  return fromParameters("EC", builder.get());
}

std::shared_ptr<EVP_PKEY> edOf(const JsonValue& jwk) {
  const std::string curve = plugins::textOr(jwk, "crv");
  const int type = curve == "Ed25519" ? EVP_PKEY_ED25519 : curve == "Ed448" ? EVP_PKEY_ED448 : 0;
  const auto x = decoded(jwk, "x");
  if (type == 0 || !x) return nullptr;
  return shared(::EVP_PKEY_new_raw_public_key(type, nullptr, bytes(*x), x->size()));
}

const char* typeOf(Kind kind) {
  switch (kind) {
    case Kind::Ec:
      return "EC";
    case Kind::EdDsa:
      return "OKP";
    case Kind::Hmac:
      return "oct";
    default:
      return "RSA";
  }
}

/// Whether a public exponent is one that RSA can have and that is verified with in no time.
bool goodExponent(const EVP_PKEY* key) {
  BIGNUM* out = nullptr;
  if (::EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &out) != 1) return false;
  const BigNumber exponent(out);
  return ::BN_is_odd(out) == 1 && ::BN_is_one(out) == 0 && ::BN_num_bits(out) <= kMostExponentBits;
}

/// r and s side by side (RFC 7518, section 3.4) to what OpenSSL verifies. Empty: they are not.
std::string derOf(std::string_view raw, std::size_t coordinate) {
  if (raw.size() != 2 * coordinate) return {};
  const Owned<ECDSA_SIG, ECDSA_SIG_free> signature(::ECDSA_SIG_new());
  BIGNUM* r = ::BN_bin2bn(bytes(raw), static_cast<int>(coordinate), nullptr);
  BIGNUM* s = ::BN_bin2bn(bytes(raw.substr(coordinate)), static_cast<int>(coordinate), nullptr);
  if (signature == nullptr || ::ECDSA_SIG_set0(signature.get(), r, s) != 1) return {};
  unsigned char* out = nullptr;
  const int length = ::i2d_ECDSA_SIG(signature.get(), &out);
  if (length <= 0) return {};
  std::string der(reinterpret_cast<const char*>(out), static_cast<std::size_t>(length));
  ::OPENSSL_free(out);
  return der;
}

}  // namespace

const Algorithm* algorithm(std::string_view name) {
  const auto* it = std::find_if(kAlgorithms.begin(), kAlgorithms.end(), [&](const Algorithm& a) { return a.name == name; });
  return it == kAlgorithms.end() ? nullptr : it;
}

Result<Key> Key::fromSecret(std::string kid, const Algorithm& alg, std::string secret) {
  if (alg.kind != Kind::Hmac) return invalid(fmt::format("{} wants a public key and not a secret", alg.name));
  // RFC 7518, section 3.2: at least as long as the hash.
  const std::size_t least = alg.digest == std::string_view("SHA256")   ? 32
                            : alg.digest == std::string_view("SHA384") ? 48
                                                                       : 64;
  if (secret.size() < least) return invalid(fmt::format("a secret for {} must have at least {} bytes", alg.name, least));
  Key key(std::move(kid), alg);
  key.secret_ = std::move(secret);
  return key;
}

Result<Key> Key::fromPem(std::string kid, const Algorithm& alg, const std::string& pem) {
  // It would lie in the database and be listed; whoever signs keeps it.
  if (pem.find("PRIVATE KEY-----") != std::string::npos) return invalid("is a private key; give the public one only");
  Key key(std::move(kid), alg);
  const auto open = [&pem] { return Owned<BIO, BIO_free_all>(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); };
  key.pkey_ = shared(::PEM_read_bio_PUBKEY(open().get(), nullptr, nullptr, nullptr));
  if (!key.pkey_) {
    const Owned<X509, X509_free> certificate(::PEM_read_bio_X509(open().get(), nullptr, nullptr, nullptr));
    if (certificate) key.pkey_ = shared(::X509_get_pubkey(certificate.get()));
  }
  if (!key.pkey_) return invalid("is no PEM public key and no PEM certificate");
  CHATD_CHECK(key.judge());
  return key;
}

Result<Key> Key::fromJwk(std::string kid, const Algorithm& alg, const JsonValue& jwk) {
  if (alg.kind == Kind::Hmac) return invalid("a JWK for HS256, HS384 or HS512 is a secret; give it as secret");
  if (plugins::textOr(jwk, "kty") != typeOf(alg.kind)) return invalid(fmt::format("{} wants another type of key", alg.name));
  if (alg.kind == Kind::Ec && plugins::textOr(jwk, "crv") != alg.curve) return invalid("is of another curve");
  Key key(std::move(kid), alg);
  key.pkey_ = alg.kind == Kind::Ec ? ecOf(jwk, alg) : alg.kind == Kind::EdDsa ? edOf(jwk) : rsaOf(jwk);
  if (!key.pkey_) return invalid("cannot be read");
  CHATD_CHECK(key.judge());
  return key;
}

// The key is of the type, curve and size that its algorithm wants.
Result<void> Key::judge() const {
  const int type = ::EVP_PKEY_get_base_id(pkey_.get());
  switch (alg_->kind) {
    case Kind::Rsa:
    case Kind::RsaPss: {
      if (type != EVP_PKEY_RSA && !(alg_->kind == Kind::RsaPss && type == EVP_PKEY_RSA_PSS)) {
        return invalid(fmt::format("{} wants an RSA key", alg_->name));
      }
      const int bits = ::EVP_PKEY_get_bits(pkey_.get());
      if (bits < kLeastRsaBits || bits > kMostRsaBits) return invalid("an RSA key must have 2048 to 16384 bits");
      if (!goodExponent(pkey_.get())) {
        return invalid("an RSA key's public exponent must be odd, above 1 and of at most 64 bits");
      }
      return {};
    }
    case Kind::Ec: {
      std::array<char, 64> curve{};
      if (type != EVP_PKEY_EC || ::EVP_PKEY_get_group_name(pkey_.get(), curve.data(), curve.size(), nullptr) != 1 ||
          curve.data() != std::string_view(alg_->curveName)) {
        return invalid(fmt::format("{} wants an EC key on {}", alg_->name, alg_->curve));
      }
      return {};
    }
    case Kind::EdDsa:
      if (type != EVP_PKEY_ED25519 && type != EVP_PKEY_ED448) return invalid("EdDSA wants an Ed25519 or Ed448 key");
      return {};
    default:
      return invalid("a public key cannot be a secret");
  }
}

bool Key::signs(std::string_view text, std::string_view signature) const {
  if (alg_->kind == Kind::Hmac) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned length = 0;
    const auto* done = ::HMAC(::EVP_get_digestbyname(alg_->digest), secret_.data(), static_cast<int>(secret_.size()),
                              bytes(text), text.size(), out.data(), &length);
    return done != nullptr && equalConstantTime({reinterpret_cast<const char*>(out.data()), length}, signature);
  }
  std::string der;
  if (alg_->kind == Kind::Ec) {
    der = derOf(signature, alg_->coordinate);
    if (der.empty()) return false;
    signature = der;
  }
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(::EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  bool ready = context != nullptr && ::EVP_DigestVerifyInit_ex(context.get(), &settings, alg_->digest, nullptr, nullptr,
                                                               pkey_.get(), nullptr) == 1;
  if (ready && alg_->kind == Kind::RsaPss) {
    ready = ::EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
            ::EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  const bool good =
      ready && ::EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
  ::ERR_clear_error();
  return good;
}

Match match(const Keys& keys, const Algorithm& alg, std::string_view kid, std::string_view text,
            std::string_view signature) {
  Match found = Match::None;
  int tried = 0;
  for (const bool named : {true, false}) {
    for (const Key& key : keys) {
      const bool itsOwn = !kid.empty() && key.kid() == kid;
      if (&key.alg() != &alg || named != itsOwn || (!itsOwn && !kid.empty() && !key.kid().empty())) continue;
      // A secret costs microseconds.
      if (alg.kind != Kind::Hmac && tried++ == kMostTried) return Match::TooMany;
      if (key.signs(text, signature)) return Match::Good;
      found = Match::Bad;
    }
  }
  return found;
}

Result<Keys> keysOfSet(std::string_view text, const std::vector<const Algorithm*>& algorithms) {
  const auto json = parseJson(text);
  if (!json.ok() || !json->IsObject()) return invalid("is no JSON object");
  const JsonValue* list = find(*json, "keys");
  if (list == nullptr || !list->IsArray()) return invalid("has no list \"keys\"");
  Keys keys;
  for (const JsonValue& jwk : list->GetArray()) {
    if (!jwk.IsObject() || plugins::textOr(jwk, "use", "sig") != "sig") continue;
    const std::string named = plugins::textOr(jwk, "alg");
    for (const Algorithm* alg : algorithms) {
      if (keys.size() >= kMaxKeys || (!named.empty() && named != alg->name)) continue;
      if (auto key = Key::fromJwk(plugins::textOr(jwk, "kid"), *alg, jwk); key.ok()) keys.push_back(std::move(*key));
    }
  }
  if (keys.empty()) return invalid("has no key that fits the algorithms of the configuration");
  return keys;
}

}  // namespace chatd::jwt

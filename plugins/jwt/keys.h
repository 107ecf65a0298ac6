// Algorithms, keys and signatures of JSON Web Signature (RFC 7515, 7518, 8037), on OpenSSL. A key is for exactly one
// algorithm, which configuration decides and never the token. Thread: any (values).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

struct evp_pkey_st;

namespace chatd::jwt {

enum class Kind : std::uint8_t { Hmac, Rsa, RsaPss, Ec, EdDsa };

struct Algorithm {
  std::string_view name;
  Kind kind{};
  const char* digest = nullptr;     ///< OpenSSL's name; EdDSA: none
  std::size_t coordinate = 0;       ///< EC: bytes of r and of s
  const char* curve = nullptr;      ///< EC: as JWK names it
  const char* curveName = nullptr;  ///< EC: as OpenSSL names it
};

/// Nothing: not one of ours; "none" never is.
[[nodiscard]] const Algorithm* algorithm(std::string_view name);

class Key {
 public:
  /// Errors: Invalid with the reason.
  static Result<Key> fromSecret(std::string kid, const Algorithm& alg, std::string secret);
  /// A PEM public key or certificate. Errors: Invalid: none, of another type than the algorithm wants, RSA below 2048
  /// bits or with a public exponent above 64.
  static Result<Key> fromPem(std::string kid, const Algorithm& alg, const std::string& pem);
  /// A public JWK of type RSA, EC or OKP.
  static Result<Key> fromJwk(std::string kid, const Algorithm& alg, const JsonValue& jwk);

  [[nodiscard]] const std::string& kid() const { return kid_; }
  [[nodiscard]] const Algorithm& alg() const { return *alg_; }
  /// True if `signature` is this key's over `text`.
  [[nodiscard]] bool signs(std::string_view text, std::string_view signature) const;

 private:
  Key(std::string kid, const Algorithm& alg) : kid_(std::move(kid)), alg_(&alg) {}
  [[nodiscard]] Result<void> judge() const;

  std::string kid_;
  const Algorithm* alg_;
  std::string secret_;                 ///< HMAC
  std::shared_ptr<evp_pkey_st> pkey_;  ///< the others; never changed
};

using Keys = std::vector<Key>;

/// Public keys that are tried for one token: each costs up to milliseconds, and whoever sends tokens need not be anybody.
inline constexpr int kMostTried = 16;

enum class Match : std::uint8_t {
  None,     ///< no key is for its algorithm and kid
  Bad,      ///< none of those did
  TooMany,  ///< none of the first kMostTried did, and there are more
  Good
};

/// Whether one of the keys that may have signed `text` did: first those of this kid, then those that have none; of a token
/// that names none (empty), all.
[[nodiscard]] Match match(const Keys& keys, const Algorithm& alg, std::string_view kid, std::string_view text,
                          std::string_view signature);

/// The keys of a JWK Set (RFC 7517) that fit one of the algorithms. A key that names its algorithm is for that one; else it
/// is taken once for each that fits its type. Symmetric keys, keys for encryption and keys that cannot be read are left out.
/// Errors: Invalid (no set, or none that fits).
[[nodiscard]] Result<Keys> keysOfSet(std::string_view json, const std::vector<const Algorithm*>& algorithms);

}  // namespace chatd::jwt

#include "common/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/assert.h"

namespace chatd::plugins {

namespace {
const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
}  // namespace

std::string hmacSha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  const auto* done =
      ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(text), text.size(), out.data(), &length);
  CHATD_ASSERT(done != nullptr);
  return {reinterpret_cast<const char*>(out.data()), length};
}

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  const int done = ::EVP_Digest(text.data(), text.size(), out.data(), &length, ::EVP_sha256(), nullptr);
  CHATD_ASSERT(done == 1);
  return {reinterpret_cast<const char*>(out.data()), length};
}

}  // namespace chatd::plugins

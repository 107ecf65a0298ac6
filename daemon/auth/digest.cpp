#include "auth/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"

namespace chatd {

namespace {
constexpr std::size_t kSize = 32;
unsigned char* bytesOf(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }
}  // namespace

std::string sha256(std::string_view bytes) {
  std::string out(kSize, '\0');
  unsigned int size = 0;
  const int ok = ::EVP_Digest(bytes.data(), bytes.size(), bytesOf(out), &size, ::EVP_sha256(), nullptr);
  CHATD_ASSERT(ok == 1 && size == kSize);
  return out;
}

std::string hmacSha256(std::string_view key, std::string_view bytes) {
  std::string out(kSize, '\0');
  unsigned int size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* made =
      ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), data, bytes.size(), bytesOf(out), &size);
  CHATD_ASSERT(made != nullptr && size == kSize);
  return out;
}

}  // namespace chatd

#include "base/plain_text.h"

#include <algorithm>

#include "base/text.h"

namespace chatd {

bool isPlainText(std::string_view bytes) {
  return isUtf8(bytes) && std::none_of(bytes.begin(), bytes.end(), [](char c) {
           const auto b = static_cast<unsigned char>(c);
           return b < 0x20 || b == 0x7F;
         });
}

}  // namespace chatd

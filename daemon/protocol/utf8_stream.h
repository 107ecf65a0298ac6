// Utf8Stream: is text that arrives in pieces well-formed UTF-8? Fails at the first byte that cannot be mended.
#pragma once

#include <cstdint>
#include <string_view>

namespace chatd {

class Utf8Stream {
 public:
  /// False: what came so far is not the beginning of any well-formed text (and stays so).
  [[nodiscard]] bool feed(std::string_view bytes);
  /// True if no character is left open.
  [[nodiscard]] bool whole() const { return open_ == 0; }
  void reset() { *this = Utf8Stream{}; }

 private:
  /// Takes the first byte of a character of several. False: it cannot be one.
  [[nodiscard]] bool lead(unsigned char c);

  std::uint8_t open_ = 0;      ///< continuation bytes that the character under way still wants
  std::uint8_t least_ = 0x80;  ///< range of the next continuation byte
  std::uint8_t most_ = 0xBF;
};

}  // namespace chatd

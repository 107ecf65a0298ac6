// Bytes and text: UTF-8 validation, base64, hex. Pure. Thread: any.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chatd {

/// True if `bytes` is well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). Source: RFC 3629.
[[nodiscard]] bool isUtf8(std::string_view bytes);

/// RFC 4648 section 4, padded.
[[nodiscard]] std::string toBase64(std::string_view bytes);
void appendBase64(std::string& out, std::string_view bytes);
/// RFC 4648 section 5 (URL-safe), without padding.
[[nodiscard]] std::string toBase64Url(std::string_view bytes);
/// Both alphabets are not mixed: `fromBase64` takes section 4 padded, `fromBase64Url` section 5, padding optional.
[[nodiscard]] std::optional<std::string> fromBase64(std::string_view text);
[[nodiscard]] std::optional<std::string> fromBase64Url(std::string_view text);

/// Lower-case hex.
[[nodiscard]] std::string toHex(std::string_view bytes);

/// %XX and '+' (a space, only if `plusIsSpace`) decoded. Nothing on a broken escape.
[[nodiscard]] std::optional<std::string> percentDecode(std::string_view text, bool plusIsSpace);

/// Equal in time that depends on the lengths only. For secrets.
[[nodiscard]] bool equalConstantTime(std::string_view a, std::string_view b);

/// ASCII only; for header names and the like.
[[nodiscard]] bool equalIgnoreCase(std::string_view a, std::string_view b);
[[nodiscard]] std::string toLower(std::string_view text);

/// The credential of "Bearer CREDENTIAL" (RFC 9110, section 11.4: one space or more); empty: it is no such thing.
[[nodiscard]] std::string_view bearerOf(std::string_view authorization);

/// A name of an app or a room: 1 to 128 bytes of UTF-8, no control characters, no '/', not digits only.
/// Nothing if it is one; else what is wrong with it, for an Error. Source: CONTRACT section 1.
[[nodiscard]] std::optional<std::string> nameFault(std::string_view name);

}  // namespace chatd

// permessage-deflate, the server's side of RFC 7692: the negotiation, and messages compressed and inflated one by one.
// Pure: no I/O, no clock. Thread: any.
//
// Nothing is kept between messages, in neither direction: both no_context_takeover parameters are always in our answer. What
// is compressed for one connection is therefore right for all of them, and a connection costs no memory for its windows; the
// price is that short messages, which would profit from those before them, are sent as they are.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chatd::ws {

/// Payloads below this are not compressed: see tests/bench/bench_deflate.cpp.
inline constexpr std::size_t kDeflateFrom = 512;  // bytes
/// Nor are those above, which would hold up the loop for milliseconds.
inline constexpr std::size_t kDeflateUpTo = 256 * 1024;  // bytes

/// The value of Sec-WebSocket-Extensions to answer with, for the first of the client's offers that can be taken; nothing: no
/// extension. offers: all Sec-WebSocket-Extensions lines of the request, joined by commas. An offer with an unknown or
/// repeated parameter or a wrong value is passed over (RFC 7692 section 7.1), and so is one that wants a window of ours
/// under 15 bits: what is compressed is shared by connections, and zlib has no raw window of 8.
[[nodiscard]] std::optional<std::string> negotiateDeflate(std::string_view offers);

enum class Inflated : unsigned char {
  Done,
  TooBig,  ///< more than maxSize would come out; `out` has not grown beyond it
  Broken,  ///< not DEFLATE, or it ends inside a block
};
/// Inflates the payload of one message behind what is in `out`. Memory grows with what comes out, up to maxSize, whatever
/// the input promises.
[[nodiscard]] Inflated inflateMessage(std::string_view payload, std::size_t maxSize, std::vector<char>& out);

/// The payload of a message, compressed; nothing if that would not be shorter.
[[nodiscard]] std::optional<std::string> deflateMessage(std::string_view payload);

/// One or several whole server frames with those compressed that are worth it, ready for the wire; empty if none is.
[[nodiscard]] std::string deflateFrames(std::string_view frames);

}  // namespace chatd::ws

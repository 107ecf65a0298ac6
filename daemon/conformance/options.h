// The command line of chatd-conformance. Thread: main.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <variant>

namespace chatd::conformance {

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 3000;  ///< 0: any free one
  std::chrono::milliseconds pingInterval{25'000};
  std::chrono::milliseconds pingTimeout{20'000};
  std::size_t maxPayload = 1'000'000;  ///< bytes of one Engine.IO message or POST; /echo and / have limits of their own
  bool deflate = false;                ///< permessage-deflate is negotiated where a client offers it
};

/// The options, or the exit code of a process that is done: 0 after --help, 2 after a mistake (said on `err`).
[[nodiscard]] std::variant<Options, int> parseOptions(int argc, const char* const* argv, std::ostream& out,
                                                      std::ostream& err);

}  // namespace chatd::conformance

#include "conformance/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <exception>
#include <map>
#include <optional>
#include <string_view>

namespace chatd::conformance {

namespace {

constexpr int kExitOk = 0;
constexpr int kExitUsage = 2;

/// "127.0.0.1:3000", "[::1]:3000", "localhost:0"; false if it is not of that form.
bool splitListen(std::string_view text, Options& options) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') return false;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return false;
  }
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (fault != std::errc{} || end != port.data() + port.size()) return false;
  options.address = host;
  return true;
}

}  // namespace

std::variant<Options, int> parseOptions(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  Options options;
  std::string listen = "127.0.0.1:3000";
  std::uint32_t interval = static_cast<std::uint32_t>(options.pingInterval.count());
  std::uint32_t timeout = static_cast<std::uint32_t>(options.pingTimeout.count());
  CLI::App app("chatd-conformance: chatd's protocol layers with echoes in place of the chat, for protocol test suites",
               "chatd-conformance");
  const std::map<std::string, bool> onOff{{"on", true}, {"off", false}};
  app.add_option("--listen", listen, "Listen here; port 0 takes a free one")->type_name("HOST:PORT")->capture_default_str();
  app.add_option("--ping-interval", interval, "Of Engine.IO, in milliseconds")
      ->type_name("MS")
      ->check(CLI::Range(10, 3'600'000))
      ->capture_default_str();
  app.add_option("--ping-timeout", timeout, "Of Engine.IO, in milliseconds")
      ->type_name("MS")
      ->check(CLI::Range(10, 3'600'000))
      ->capture_default_str();
  app.add_option("--max-payload", options.maxPayload, "Bytes of one Engine.IO message or POST")
      ->type_name("BYTES")
      ->check(CLI::Range(1024, 16 << 20))
      ->capture_default_str();
  app.add_option("--deflate", options.deflate, "Negotiate permessage-deflate: on or off (default: off)")
      ->type_name("on|off")
      ->transform(CLI::CheckedTransformer(onOff).description(""));
  app.set_help_flag("--help,-h", "Show this help");
  app.footer(
      "Serves: /engine.io/ (echo), /socket.io/ (namespaces / and /custom), /echo (WebSocket echo, messages to 16 MiB), and\n"
      "every method on / (echo of the body, to 16 MiB). Any origin is allowed. Ends with SIGTERM or SIGINT.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    app.exit(e, out, err);
    return kExitOk;
  } catch (const CLI::Error& e) {
    err << "chatd-conformance: " << e.what() << "\nTry: chatd-conformance --help\n";
    return kExitUsage;
  }
  if (!splitListen(listen, options)) {
    err << "chatd-conformance: --listen: HOST:PORT is expected\nTry: chatd-conformance --help\n";
    return kExitUsage;
  }
  options.pingInterval = std::chrono::milliseconds(interval);
  options.pingTimeout = std::chrono::milliseconds(timeout);
  return options;
}

}  // namespace chatd::conformance

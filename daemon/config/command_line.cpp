#include "config/command_line.h"

#include <CLI/CLI.hpp>
#include <exception>

#include "config/option_value.h"

namespace chatd {

std::variant<CommandLine, int> parseCommandLine(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CommandLine line;
  std::string listen;
  CLI::App app("chatd: a chat server for the users of your applications", "chatd");
  app.add_option("--config", line.config, "The configuration file (default: /etc/chatd/chatd.yaml)")->type_name("FILE");
  app.add_flag("--check-config", line.checkConfig, "Check the configuration and exit: 0, or 78 with what is wrong");
  app.add_flag(
      "--dev", line.dev,
      "To try it out: no file needed, data in ./chatd-data, 127.0.0.1:8080, /demo/ on, verification may reach private "
      "networks");
  app.add_option("--data-dir", line.dataDir, "The data directory; wins over the file and the environment")->type_name("DIR");
  app.add_option("--listen", listen, "Listen here alone; port 0 takes a free one")->type_name("HOST:PORT");
  app.set_version_flag("--version", "chatd " CHATD_VERSION);
  app.set_help_flag("--help,-h", "Show this help");
  app.footer("Exit: 0 clean stop, 2 usage, 78 bad configuration, 1 anything else. See chatd(8), chatd.yaml(5).");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    app.exit(e, out, err);
    return kExitOk;
  } catch (const CLI::Error& e) {
    err << "chatd: " << e.what() << "\nTry: chatd --help\n";
    return kExitUsage;
  }
  const auto usage = [&err](std::string_view what) {
    err << "chatd: " << what << "\nTry: chatd --help\n";
    return kExitUsage;
  };
  if (line.dataDir && line.dataDir->empty()) return usage("--data-dir: must not be empty");
  if (app.count("--listen") > 0) {
    auto parsed = parseListener(listen);
    if (!parsed.ok()) return usage("--listen: " + parsed.error().detail());
    line.listen = *std::move(parsed);
  }
  return line;
}

}  // namespace chatd

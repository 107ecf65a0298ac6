#include "cli/settings.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <ostream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr const char* kDefaultServer = "unix:/run/chatd/admin.sock";
constexpr std::size_t kMaxToken = 16384;
constexpr double kMaxTimeoutMs = 24.0 * 3600 * 1000;

constexpr std::array<std::pair<std::string_view, Format>, 7> kFormats = {{{"table", Format::Table},
                                                                          {"wide", Format::Wide},
                                                                          {"json", Format::Json},
                                                                          {"ndjson", Format::Ndjson},
                                                                          {"yaml", Format::Yaml},
                                                                          {"tsv", Format::Tsv},
                                                                          {"name", Format::Name}}};

Outcome<std::string> readTokenFile(const std::string& path, const Io& io) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxToken + 2, '\0');
  struct stat found {};
  int fault = !file || ::stat(path.c_str(), &found) != 0 ? errno : 0;
  if (fault == 0 && S_ISDIR(found.st_mode)) fault = EISDIR;
  if (fault != 0) return usage(fmt::format("cannot read the token file {}: {}", visible(path), std::strerror(fault)));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (S_ISREG(found.st_mode) && (found.st_mode & 077U) != 0) {
    io.err << "chatctl: warning: others can read the token file " << path << "; chmod 600 it\n";
  }
  return cleanToken(std::move(text), path);
}

Outcome<void> resolveServer(const GlobalFlags& flags, const Io& io, Settings& to) {
  const Context* context = nullptr;
  const auto named = flags.context ? flags.context : io.environment("CHATCTL_CONTEXT");
  to.contextName = named.value_or(to.contexts.current);
  if (!to.contextName.empty()) {
    context = to.contexts.find(to.contextName);
    if (context == nullptr && named && !to.brokenContexts) return to.contexts.unknown(to.contextName, Exit::Usage);
    if (context == nullptr) to.contextName.clear();
  }
  std::string text = kDefaultServer;
  to.serverFrom = "default";
  if (flags.server) {
    text = *flags.server;
    to.serverFrom = "--server";
  } else if (const auto variable = io.environment("CHATCTL_SERVER"); variable && !flags.context) {
    text = *variable;
    to.serverFrom = "CHATCTL_SERVER";
  } else if (context != nullptr) {
    text = context->server;
    to.serverFrom = "context " + to.contextName;
  }
  CHATD_TRY(server, parseServer(text));
  to.server = server;
  return {};
}

Outcome<void> resolveToken(const GlobalFlags& flags, const Io& io, Settings& to) {
  if (flags.tokenFile) {
    CHATD_TRY(token, readTokenFile(*flags.tokenFile, io));
    to.token = token;
    to.tokenFrom = "--token-file";
    return {};
  }
  if (const auto variable = io.environment("CHATCTL_TOKEN")) {
    CHATD_TRY(token, cleanToken(*variable, "CHATCTL_TOKEN"));
    to.token = token;
    to.tokenFrom = "CHATCTL_TOKEN";
    return {};
  }
  // A stored token goes only to the server that gave it.
  std::string name = to.contextName;
  const Context* context = to.contexts.find(name);
  if (context == nullptr || context->server != to.server.text) {
    const std::string* known = to.contexts.nameOfServer(to.server.text);
    name = known == nullptr ? "" : *known;
    context = to.contexts.find(name);
  }
  if (context != nullptr) to.token = context->token;
  to.tokenFrom = "context " + name;
  if (to.token && to.contexts.exposed()) {
    io.err << "chatctl: warning: others can read " << to.contexts.path() << ", which holds tokens; chmod 600 it\n";
  }
  return {};
}

/// --color over NO_COLOR (https://no-color.org) over what the stream is.
Outcome<void> resolveColor(const GlobalFlags& flags, const Io& io, Settings& to) {
  const std::string when = flags.color.value_or("auto");
  if (when != "auto" && when != "always" && when != "never")
    return usage(fmt::format("--color is auto, always or never, and not {}", when));
  const bool allowed = !io.environment("NO_COLOR") && io.environment("TERM") != "dumb";
  to.colorOut = when == "always" || (when == "auto" && allowed && io.outIsTerminal);
  to.colorErr = when == "always" || (when == "auto" && allowed && io.errIsTerminal);
  return {};
}

Outcome<void> resolveOutput(const GlobalFlags& flags, const Io& io, Settings& to) {
  if (const auto word = flags.output ? flags.output : io.environment("CHATCTL_OUTPUT")) {
    const auto* const row =
        std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& entry) { return entry.first == *word; });
    if (row == kFormats.end())
      return usage(fmt::format("there is no format {}", *word), "One of table, wide, json, ndjson, yaml, tsv, name.");
    to.format = row->second;
  }
  if (flags.fields) {
    std::istringstream rest(*flags.fields);
    for (std::string field; std::getline(rest, field, ',');) {
      if (field.empty()) return usage("--fields has an empty entry", "Write them as id,name.");
      if (std::find(to.fields.begin(), to.fields.end(), field) != to.fields.end())
        return usage(fmt::format("--fields has {} twice", visible(field)), "Name each field once.");
      to.fields.push_back(std::move(field));
    }
    if (to.fields.empty()) return usage("--fields names no field", "Write them as id,name.");
  }
  if (io.outIsTerminal && to.format == Format::Table) to.columns = io.columns;
  return resolveColor(flags, io, to);
}

}  // namespace

Outcome<std::string> cleanToken(std::string text, const std::string& from) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return usage(fmt::format("{} holds no token", from));
  if (text.size() > kMaxToken) return usage(fmt::format("the token in {} is longer than {} bytes", from, kMaxToken));
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (!plain) return usage(fmt::format("the token in {} has characters that no token has", from));
  return text;
}

Outcome<ServerAddress> parseServer(const std::string& text) {
  constexpr std::string_view kUnix = "unix:";
  const std::string hint = "Use http://HOST:PORT, https://HOST:PORT or unix:/PATH.";
  ServerAddress server;
  server.text = text;
  if (text.starts_with(kUnix)) {
    server.path = text.substr(kUnix.size());
    if (server.path.starts_with("//")) server.path.erase(0, 2);
    // sun_path holds 108 bytes with its NUL.
    if (server.path.empty() || server.path.size() > 107)
      return usage(fmt::format("not the path of a socket: {}", text), hint);
    return server;
  }
  try {
    const Poco::URI uri(text);
    if (uri.getScheme() != "http" && uri.getScheme() != "https") return usage(fmt::format("not a server: {}", text), hint);
    if (!uri.getUserInfo().empty() || !uri.getRawQuery().empty() || !uri.getFragment().empty() || uri.getHost().empty()) {
      return usage(fmt::format("a server is a scheme, a host and a port, nothing else: {}", uri.getHost()), hint);
    }
    server.kind = uri.getScheme() == "https" ? ServerAddress::Kind::Https : ServerAddress::Kind::Http;
    server.host = uri.getHost();
    server.port = uri.getPort();
    server.path = uri.getPath();
  } catch (const Poco::Exception&) {
    return usage(fmt::format("not a server: {}", text), hint);
  }
  while (server.path.ends_with('/')) server.path.pop_back();
  return server;
}

Outcome<std::chrono::milliseconds> parseTimeout(const std::string& text) {
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const double scale = unit == "ms"                  ? 1
                       : unit.empty() || unit == "s" ? 1000
                       : unit == "m"                 ? 60000
                       : unit == "h"                 ? 3600000
                                                     : 0;
  const double ms = value * scale;
  if (fault != std::errc() || !(ms >= 1) || ms > kMaxTimeoutMs) {
    return usage(fmt::format("not a time: {}", text), "Use seconds (30, 0.5) or a unit: 500ms, 30s, 2m.");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

Outcome<Settings> resolve(const GlobalFlags& flags, const Io& io) {
  Settings settings;
  auto contexts = Contexts::load(Contexts::pathFrom(io));
  if (contexts.ok()) settings.contexts = std::move(contexts.value());
  if (!contexts.ok()) settings.brokenContexts = contexts.error();
  CHATD_CHECK(resolveServer(flags, io, settings));
  CHATD_CHECK(resolveToken(flags, io, settings));
  if (const auto text = flags.timeout ? flags.timeout : io.environment("CHATCTL_TIMEOUT")) {
    CHATD_TRY(timeout, parseTimeout(*text));
    settings.timeout = timeout;
  }
  if (flags.app && flags.app->empty()) return usage("-a/--app is empty", "Is a variable of the shell not set?");
  settings.app = flags.app ? flags.app : io.environment("CHATCTL_APP");
  if (!settings.app) {
    const Context* context = settings.contexts.find(settings.contextName);
    if (context != nullptr && context->server == settings.server.text) settings.app = context->app;
    settings.appOfContext = settings.app.has_value();
  }
  CHATD_CHECK(resolveOutput(flags, io, settings));
  settings.retries = flags.retries;
  settings.quiet = flags.quiet;
  settings.noHeaders = flags.noHeaders;
  settings.yes = flags.yes;
  settings.noInput = flags.noInput;
  settings.dryRun = flags.dryRun;
  settings.debug = flags.debug;
  settings.verbose = flags.verbose;
  settings.confirm = flags.confirm;
  return settings;
}

}  // namespace chatd::cli

// From flags, environment and context to one immutable answer: which server, which credential, which app, how to print.
// Precedence: flag > environment > context > default. Pure but for the files it reads. Thread: the one of run().
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/contexts.h"
#include "cli/failure.h"
#include "cli/io.h"

namespace chatd::cli {

enum class Format { Table, Wide, Json, Ndjson, Yaml, Tsv, Name };

/// The global flags as they were written; unset ones are empty.
struct GlobalFlags {
  std::optional<std::string> server;
  std::optional<std::string> context;
  std::optional<std::string> app;
  std::optional<std::string> tokenFile;
  std::optional<std::string> timeout;
  std::optional<std::string> confirm;
  std::optional<std::string> output;
  std::optional<std::string> fields;
  std::optional<std::string> color;
  int retries = 0;
  bool quiet = false;
  bool noHeaders = false;
  bool yes = false;
  bool noInput = false;
  bool dryRun = false;
  bool verbose = false;
  bool debug = false;
};

/// Where the daemon listens.
struct ServerAddress {
  enum class Kind { Http, Https, Unix };
  Kind kind = Kind::Unix;
  std::string host;        ///< Http, Https; an IPv6 address without brackets
  std::uint16_t port = 0;  ///< Http, Https
  std::string path;        ///< Unix: the socket; else a prefix of every request path, without the last '/'
  std::string text;        ///< as the user wrote it
};
/// `http(s)://HOST[:PORT][/PREFIX]` or `unix:/PATH`. Errors: Exit::Usage.
[[nodiscard]] Outcome<ServerAddress> parseServer(const std::string& text);

/// `2`, `0.5`, `500ms`, `30s`, `2m`: more than 0, at most a day. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::chrono::milliseconds> parseTimeout(const std::string& text);

struct Settings {
  ServerAddress server;
  std::string serverFrom;            ///< for messages: "--server", "CHATCTL_SERVER", "context prod", "default"
  std::optional<std::string> token;  ///< bearer; nothing: none (the Unix socket vouches for us)
  std::string tokenFrom;             ///< for messages: "--token-file", "CHATCTL_TOKEN", "context prod"
  std::optional<std::string> app;    ///< -a, else CHATCTL_APP, else the context's
  bool appOfContext = false;         ///< `app` is the context's
  Format format = Format::Table;
  std::chrono::milliseconds timeout{30000};  ///< one request with its retries, from connect to the last byte
  int retries = 0;
  bool quiet = false;
  bool noHeaders = false;
  bool yes = false;
  bool noInput = false;  ///< never ask
  bool dryRun = false;   ///< what would change something is only checked by the server
  bool verbose = false;
  bool debug = false;     ///< requests and answers on stderr, secrets as ***
  bool colorOut = false;  ///< colours on the standard output
  bool colorErr = false;
  std::size_t columns = 0;          ///< a table is cut to them; 0: no bound
  std::vector<std::string> fields;  ///< --fields; empty: those of the noun
  std::optional<std::string> confirm;
  std::string contextName;  ///< the one in force; empty: none
  Contexts contexts;
  std::optional<Failure> brokenContexts;  ///< why the file cannot be read; then there are none, and only doctor goes on

  /// True if the credential itself names the app (an app key), so that -a may be left out.
  [[nodiscard]] bool credentialNamesApp() const { return token && token->starts_with("ck_"); }
};

/// Errors: Exit::Usage. A broken file of contexts is none: it is in `brokenContexts`.
[[nodiscard]] Outcome<Settings> resolve(const GlobalFlags& flags, const Io& io);

/// A token as read from a file or a pipe: one line, printable ASCII. `from` names the source in errors. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::string> cleanToken(std::string text, const std::string& from);

}  // namespace chatd::cli

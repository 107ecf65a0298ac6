#include "store/postgresql/pg_url.h"

#include <libpq-fe.h>

#include <memory>

namespace chatd::store {

namespace {

constexpr const char* kForm =
    "store.url: this is not a URL of PostgreSQL. Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…, "
    "several "
    "hosts as HOST:PORT,HOST:PORT, and every character of user, password and database that is not a letter or a digit as "
    "%XX.";

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

Error wrong(const char* text) { return {Code::Invalid, text}; }

// hosts and ports are lists of the same length, or there is one port for all.
std::string placesOf(const std::string& hosts, const std::string& ports) {
  std::string out;
  std::size_t host = 0;
  std::size_t port = 0;
  for (;;) {
    const std::size_t hostEnd = std::min(hosts.find(',', host), hosts.size());
    const std::size_t portEnd = std::min(ports.find(',', port), ports.size());
    out += hosts.substr(host, hostEnd - host);
    if (portEnd > port) out += ":" + ports.substr(port, portEnd - port);
    if (hostEnd == hosts.size()) return out;
    out += ",";
    host = hostEnd + 1;
    if (portEnd != ports.size()) port = portEnd + 1;
  }
}

}  // namespace

bool isPgUrl(std::string_view url) { return url.starts_with("postgresql://") || url.starts_with("postgres://"); }

Result<PgUrl> parsePgUrl(const std::string& url) {
  if (!isPgUrl(url)) return wrong(kForm);
  // Its own words about a fault quote the URL, and so the password: they are not passed on.
  char* fault = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(url.c_str(), &fault));
  PQfreemem(fault);
  if (!options) return wrong(kForm);
  PgUrl out;
  std::string user;
  std::string host;
  std::string port;
  std::string database;
  for (const PQconninfoOption* o = options.get(); o->keyword != nullptr; ++o) {
    if (o->val == nullptr) continue;
    const std::string_view name = o->keyword;
    const std::string_view value = o->val;
    if (name == "password") {
      if (value.find_first_of("\r\n") != std::string_view::npos) {
        return wrong("store.url: a password with a line break cannot be handed to PostgreSQL.");
      }
      out.password = Secret(std::string(value));
      continue;
    }
    // Poco takes its connection string apart at spaces, whatever is quoted.
    if (value.find(' ') != std::string_view::npos) {
      return wrong("store.url: a space can be in the password only, not in user, host, database or a parameter.");
    }
    if (name == "user") user = value;
    if (name == "host") host = value;
    if (name == "port") port = value;
    if (name == "dbname") database = value;
    out.settings.emplace_back(name, value);
  }
  out.shown = "postgresql://" + (user.empty() ? std::string() : user + "@") + placesOf(host, port) + "/" + database;
  return out;
}

}  // namespace chatd::store

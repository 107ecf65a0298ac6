#include "store/postgresql/pg_connect.h"

#include <Poco/Data/PostgreSQL/Connector.h>
#include <Poco/Data/PostgreSQL/SessionHandle.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/random.h"
#include "store/postgresql/pg_error.h"
#include "store/postgresql/pg_runner.h"

namespace chatd::store {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1000};
constexpr int kOldestServer = 130000;  // pg_current_xact_id()

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};

void registerOnce() {
  static const bool done = [] {
    Poco::Data::PostgreSQL::Connector::registerConnector();
    return true;
  }();
  static_cast<void>(done);
}

// A line of libpq's password file, for every host, port, database and user.
int passwordFileOf(const Secret& password) {
  if (password.empty()) return -1;
  std::string line = "*:*:*:*:";
  for (const char c : password.reveal()) {
    if (c == ':' || c == '\\') line.push_back('\\');
    line.push_back(c);
  }
  line.push_back('\n');
  const int fd = ::memfd_create("store-password", MFD_CLOEXEC);
  // libpq refuses one that others might read.
  if (fd < 0 || ::fchmod(fd, 0600) != 0 || ::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    const int why = errno;
    if (fd >= 0) ::close(fd);
    throw std::system_error(why, std::generic_category(), "cannot hold the password in memory");
  }
  return fd;
}

std::string trimmed(const char* text) {
  std::string out = text == nullptr ? "" : text;
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

// What a server said that let nobody in: "FATAL:  28P01: password authentication failed …", then lines about its source
// code. The first word is in the server's language. Without a state: nobody answered. Of several hosts the last one counts.
PgError refusalOf(const PGconn* connection) {
  const std::string text = PQerrorMessage(connection);
  constexpr std::size_t kState = 5;
  const auto isState = [](std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  };
  for (std::size_t at = text.rfind(":  "); at != std::string::npos && at > 0; at = text.rfind(":  ", at - 1)) {
    const std::size_t begin = at + 3;
    if (text.compare(begin + kState, 2, ": ") != 0 || !isState(std::string_view(text).substr(begin, kState))) continue;
    const std::size_t words = begin + kState + 2;
    return {text.substr(begin, kState), text.substr(words, text.find('\n', words) - words)};
  }
  return {"", trimmed(text.c_str())};
}

}  // namespace

PGconn* pgHandle(Connection& connection) {
  using Poco::Data::PostgreSQL::SessionHandle;
  return *Poco::AnyCast<SessionHandle*>(connection.session().getProperty("handle"));
}

PgConnector::PgConnector(PgUrl url, milliseconds limit)
    : url_(std::move(url)), limit_(limit), watch_(limit), passwordFile_(passwordFileOf(url_.password)) {
  registerOnce();
}

PgConnector::~PgConnector() {
  if (passwordFile_ >= 0) ::close(passwordFile_);
}

std::unique_ptr<Connection> PgConnector::connect(steady_clock::time_point until) {
  std::uint64_t made = 0;
  {
    LockGuard g(mutex_);
    if (steady_clock::now() < notBefore_) throw PgError("", lastFailure_);
    made = made_;
  }
  try {
    auto connection = make(std::min(until, steady_clock::now() + limit_));
    LockGuard g(mutex_);
    pause_ = milliseconds(0);
    notBefore_ = {};
    ++made_;
    return connection;
  } catch (const std::exception& e) {
    const auto* poco = dynamic_cast<const Poco::Exception*>(&e);
    LockGuard g(mutex_);
    // Somebody else was let in meanwhile: what kept us out is over.
    if (made_ != made) throw;
    lastFailure_ = poco != nullptr ? poco->displayText() : std::string(e.what());
    pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
    // Many daemons that lost one server must not come back in one moment.
    const auto jitter = randomNumber() % static_cast<std::uint64_t>(pause_.count());
    notBefore_ = steady_clock::now() + pause_ / 2 + milliseconds(jitter);
    throw;
  }
}

std::unique_ptr<Connection> PgConnector::make(steady_clock::time_point until) {
  probe(until);
  auto connection = std::make_unique<Connection>(Poco::Data::Session("PostgreSQL", pocoString()));
  PGconn* handle = pgHandle(*connection);
  connection->setLimit(watch_.watch(PQsocket(handle)));
  connection->setRunner(std::make_unique<PgRunner>(handle));
  PQsetNoticeProcessor(
      handle, [](void*, const char*) {}, nullptr);
  if (PQserverVersion(handle) < kOldestServer) throw PgError("0A000", "PostgreSQL 13 or newer is needed");
  return connection;
}

// A connection that is made and closed again, because only this way has a deadline in milliseconds; and what it costs where
// it succeeds it saves where it fails: Poco leaks 12 KB with each connection that it cannot make.
void PgConnector::probe(steady_clock::time_point until) const {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : url_.settings) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  if (!url_.password.empty()) {
    names.push_back("password");
    values.push_back(url_.password.reveal().c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  const std::unique_ptr<PGconn, Finish> connection(PQconnectStartParams(names.data(), values.data(), 0));
  if (!connection) throw std::bad_alloc();
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);  // with the SQLSTATE, which there is no other way to have
  PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
  while (PQstatus(connection.get()) != CONNECTION_BAD && wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    pollfd ready{PQsocket(connection.get()), static_cast<short>(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const int found = left.count() <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(left.count()));
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) throw PgError("", "the server did not answer in time");
    wants = PQconnectPoll(connection.get());
  }
  if (PQstatus(connection.get()) != CONNECTION_OK) throw refusalOf(connection.get());
}

std::string PgConnector::pocoString() const {
  // Poco waits by itself: at most so long for each host, and libpq knows no less than two seconds.
  std::string out = "connect_timeout=" + std::to_string(std::max<std::int64_t>(2, (limit_.count() + 999) / 1000));
  for (const auto& [name, value] : url_.settings) {
    if (name == "connect_timeout" || value.empty()) continue;
    out += " " + name + "=";
    for (const char c : value) {
      if (c == '\'' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  if (passwordFile_ >= 0) out += " passfile=/proc/self/fd/" + std::to_string(passwordFile_);
  return out;
}

}  // namespace chatd::store

#include "cli/transport.h"

#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/X509Certificate.h>
#include <sys/socket.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <istream>
#include <memory>
#include <ostream>

#include <fmt/format.h>

namespace chatd::cli {

namespace {

using Clock = std::chrono::steady_clock;
using Poco::Net::HTTPClientSession;

constexpr std::size_t kMaxBody = 256UL << 20U;

Failure unreachable(const ServerAddress& server, std::string_view why, std::string hint = {}) {
  return {Exit::Unreachable, "unreachable", fmt::format("cannot talk to {}: {}", server.text, why), std::move(hint), {}};
}

Failure tooLate(const ServerAddress& server, std::chrono::milliseconds timeout) {
  return {Exit::Unreachable,
          "timeout",
          fmt::format("no answer from {} within {} ms", server.text, timeout.count()),
          "The daemon may be overloaded; --timeout sets how long to wait.",
          {}};
}

Poco::Timespan asTimespan(std::chrono::milliseconds ms) {
  return {static_cast<long>(ms.count() / 1000), static_cast<long>(ms.count() % 1000 * 1000)};
}

/// A session over a connected Unix socket. Errors: thrown as Poco's.
std::unique_ptr<HTTPClientSession> overUnixSocket(const ServerAddress& server, const Poco::Timespan& timeout) {
  const Poco::Net::SocketAddress address(Poco::Net::SocketAddress::UNIX_LOCAL, server.path);
  Poco::Net::StreamSocket socket(address.family());
  socket.connect(address, timeout);
  socket.setSendTimeout(timeout);
  socket.setReceiveTimeout(timeout);
  return std::make_unique<HTTPClientSession>(socket);
}

/// Certificates of the system's store, or of $SSL_CERT_FILE / $SSL_CERT_DIR, which OpenSSL reads by itself.
Poco::Net::Context::Ptr tlsContext(Poco::Net::Context::VerificationMode mode) {
  static const bool ready = (Poco::Net::initializeSSL(), true);
  static_cast<void>(ready);
  Poco::Net::Context::Ptr context(new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", mode, 9, true));
  context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
  return context;
}

std::unique_ptr<HTTPClientSession> overTls(const ServerAddress& server) {
  return std::make_unique<Poco::Net::HTTPSClientSession>(server.host, server.port,
                                                         tlsContext(Poco::Net::Context::VERIFY_RELAXED));
}

std::unique_ptr<HTTPClientSession> open(const ServerAddress& server, const Poco::Timespan& timeout) {
  if (server.kind == ServerAddress::Kind::Unix) return overUnixSocket(server, timeout);
  auto session = server.kind == ServerAddress::Kind::Https ? overTls(server)
                                                           : std::make_unique<HTTPClientSession>(server.host, server.port);
  session->setTimeout(timeout, timeout, timeout);
  return session;
}

/// Nothing: the deadline passed or the body is too large (`tooLarge`).
std::optional<std::string> readBody(std::istream& in, Clock::time_point deadline, bool& tooLarge) {
  std::string body;
  std::array<char, 16384> block;
  // get() waits for at most one receive timeout; readsome() takes what that brought. So a dripping peer meets the deadline.
  for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
    body.push_back(static_cast<char>(c));
    const std::streamsize n = in.readsome(block.data(), static_cast<std::streamsize>(block.size()));
    body.append(block.data(), static_cast<std::size_t>(n));
    tooLarge = body.size() > kMaxBody;
    if (tooLarge || Clock::now() > deadline) return std::nullopt;
  }
  return body;
}

Outcome<HttpAnswer> talk(const ServerAddress& server, const HttpRequest& request, std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  const auto session = open(server, asTimespan(timeout));
  Poco::Net::HTTPRequest head(request.method,
                              server.kind == ServerAddress::Kind::Unix ? request.target : server.path + request.target,
                              Poco::Net::HTTPMessage::HTTP_1_1);
  if (server.kind == ServerAddress::Kind::Unix) head.setHost("localhost");
  for (const auto& [name, value] : request.headers) head.set(name, value);
  head.setKeepAlive(false);
  if (request.body) {
    head.setContentType("application/json");
    head.setContentLength64(static_cast<Poco::Int64>(request.body->size()));
  } else if (request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
    head.setContentLength64(0);
  }
  std::ostream& out = session->sendRequest(head);
  if (request.body) out << *request.body;
  out.flush();

  Poco::Net::HTTPResponse answer;
  std::istream& in = session->receiveResponse(answer);
  // A peer that refuses early (413) may hang up while we still send: its answer counts, not our failed write.
  const bool sendFailed = session->networkException() != nullptr;
  bool tooLarge = false;
  auto body = readBody(in, deadline, tooLarge);
  // The stream swallows what its socket threw; the session keeps it.
  if (!sendFailed && session->networkException() != nullptr) session->networkException()->rethrow();
  if (tooLarge) return unreachable(server, "the answer is larger than 256 MiB");
  if (!body) return tooLate(server, timeout);
  if (answer.hasContentLength() && request.method != "HEAD" &&
      static_cast<Poco::Int64>(body->size()) < answer.getContentLength64()) {
    return unreachable(server, "the answer was cut short");
  }
  HttpAnswer result;
  result.status = answer.getStatus();
  result.body = std::move(*body);
  result.requestId = answer.get("X-Request-Id", "");
  const std::string after = answer.get("Retry-After", "");
  long seconds = 0;
  std::from_chars(after.data(), after.data() + after.size(), seconds);
  result.retryAfter = std::chrono::seconds(seconds);
  int zone = 0;
  Poco::DateTime date;
  if (Poco::DateTimeParser::tryParse(Poco::DateTimeFormat::HTTP_FORMAT, answer.get("Date", ""), date, zone))
    result.date = date.timestamp().epochTime();
  return result;
}

/// What to do about an errno of connecting.
std::string connectHint(const ServerAddress& server, int number) {
  if (number == EACCES)
    return "The admin socket is for root and the group chatd: `sudo usermod -aG chatd $USER`, then log in again.";
  if (server.kind == ServerAddress::Kind::Unix) {
    return "Is chatd running, and is this its admin socket? --server or CHATCTL_SERVER names another.";
  }
  return "Is chatd running and listening there? --server or CHATCTL_SERVER names another.";
}

std::string reasonOf(const Poco::Exception& e) {
  if (e.code() != 0 && dynamic_cast<const Poco::Net::SSLException*>(&e) == nullptr) return std::strerror(e.code());
  return e.displayText();
}

}  // namespace

Outcome<HttpAnswer> exchange(const ServerAddress& server, const HttpRequest& request, std::chrono::milliseconds timeout) {
  try {
    return talk(server, request, timeout);
  } catch (const Poco::TimeoutException&) {
    return tooLate(server, timeout);
  } catch (const Poco::Net::SSLException& e) {
    return unreachable(server, e.displayText(), "If the certificate is your own, name its CA by SSL_CERT_FILE.");
  } catch (const Poco::Net::NoMessageException&) {
    return unreachable(server, "it closed the connection without an answer", "Is it chatd that listens there?");
  } catch (const Poco::Net::MessageException&) {
    return unreachable(server, "what answers is not HTTP", "Is it chatd that listens there?");
  } catch (const Poco::Net::HostNotFoundException&) {
    return unreachable(server, "the host is not known", "Look at the spelling of --server.");
  } catch (const Poco::Exception& e) {
    return unreachable(server, reasonOf(e), connectHint(server, e.code()));
  }
}

Outcome<ServerCertificate> certificateOf(const ServerAddress& server, std::chrono::milliseconds timeout) {
  try {
    Poco::Net::SecureStreamSocket socket(tlsContext(Poco::Net::Context::VERIFY_NONE));
    socket.setPeerHostName(server.host);
    socket.connect(Poco::Net::SocketAddress(server.host, server.port), asTimespan(timeout));
    socket.setReceiveTimeout(asTimespan(timeout));
    socket.completeHandshake();
    const Poco::Net::X509Certificate seen = socket.peerCertificate();
    return ServerCertificate{seen.commonName(), seen.validFrom().timestamp().epochTime(),
                             seen.expiresOn().timestamp().epochTime()};
  } catch (const Poco::Exception& e) {
    return unreachable(server, e.displayText());
  }
}

std::string percentEncode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~');
    if (unreserved) {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

}  // namespace chatd::cli

// Exchange: one HTTP request of an Engine.IO client, from its arrival to its answer, whatever loop it came on; and the words
// of the answers. Owned by whoever is about to answer. Thread: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/http.h"
#include "protocol/engine_io_payload.h"

namespace chatd::engine {

/// What is answered before there is a session, or instead of one. Source: the reference server.
enum class Refusal : std::uint8_t {
  TransportUnknown = 0,
  SessionUnknown = 1,
  BadMethod = 2,
  BadRequest = 3,
  Forbidden = 4,
  UnsupportedVersion = 5,
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

class Exchange {
 public:
  /// common: headers of every answer to this client (CORS).
  Exchange(net::HttpResponder responder, HttpHeaders common)
      : responder_(std::move(responder)), common_(std::move(common)) {}

  std::uint64_t number = 0;  ///< of a GET: names it when its connection has gone before the answer
  bool bytesAllowed = true;  ///< false: revision 3 wants base64 (`b64=1`)

  // The answer: one of these, once.

  /// 200, as the answer to a GET.
  void payload(std::string body, eio::PayloadForm form);
  /// 200 `ok`, as the answer to a POST.
  void ok();
  /// 400 (Forbidden: 403) `{"code","message"}`.
  void refuse(Refusal refusal);
  /// Of the upgrade or the house: its own status, code 3 (4: not now) and Retry-After where the client should come back.
  void refuse(const Error& error);
  void tooLarge();
  void send(net::HttpResponse response);
  void upgrade(net::HttpResponse response, std::unique_ptr<net::StreamHandler> handler);

  /// As HttpResponder::whenGone().
  void whenGone(Task task) { responder_.whenGone(std::move(task)); }

 private:
  net::HttpResponder responder_;
  HttpHeaders common_;
};

}  // namespace chatd::engine

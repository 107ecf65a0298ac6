// One call of OutboundHttp, waited for.
#pragma once

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <future>
#include <memory>

#include "outbound/outbound_http.h"

namespace chatd::test {

using std::chrono::milliseconds;

inline OutboundRequest get(const std::string& url, milliseconds within = milliseconds(30'000)) {
  OutboundRequest request;
  request.url = url;
  request.deadline = std::chrono::steady_clock::now() + within;
  request.allowPrivateNetworks = true;
  request.tenant = 1;
  return request;
}

inline std::future<Result<OutboundResponse>> start(OutboundHttp& http, OutboundRequest request) {
  auto promise = std::make_shared<std::promise<Result<OutboundResponse>>>();
  auto future = promise->get_future();
  http.fetch(std::move(request), [promise](Result<OutboundResponse> r) { promise->set_value(std::move(r)); });
  return future;
}

inline Result<OutboundResponse> wait(std::future<Result<OutboundResponse>>&& future) {
  if (future.wait_for(std::chrono::seconds(60)) != std::future_status::ready) return Error(Code::Internal, "never ended");
  return future.get();
}

inline Result<OutboundResponse> fetch(OutboundHttp& http, OutboundRequest request) {
  return wait(start(http, std::move(request)));
}

/// The reason of a failure, "" of a success.
inline std::string why(const Result<OutboundResponse>& r) { return r.ok() ? "" : r.error().detail(); }

}  // namespace chatd::test

#include "net/http_writer.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>
#include <string_view>

#include "base/text.h"
#include "net/http_text.h"

namespace chatd::net {

namespace {

/// IMF-fixdate of RFC 9110 5.6.7, made once a second and thread.
std::string_view httpDate() {
  constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t made = -1;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm t{};
    ::gmtime_r(&now, &t);
    text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
                       months[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    made = now;
  }
  return text;
}

void appendValue(std::string& out, std::string_view value) {
  const std::size_t from = out.size();
  out.append(value);
  if (isFieldValue(value)) return;
  for (std::size_t i = from; i < out.size(); ++i) {
    if (!isFieldValue({&out[i], 1})) out[i] = ' ';
  }
}

[[nodiscard]] bool isOurs(std::string_view name, AfterResponse after) {
  switch (name.size()) {
    case 4:
      return equalIgnoreCase(name, "date");
    case 10:
      return equalIgnoreCase(name, "connection") && after != AfterResponse::Upgrade;
    case 14:
      return equalIgnoreCase(name, "content-length");
    case 17:
      return equalIgnoreCase(name, "transfer-encoding");
    default:
      return false;
  }
}

}  // namespace

void appendHead(std::string& out, const HttpResponse& response, AfterResponse after) {
  if (response.status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status, reasonPhrase(response.status));
  }
  bool connection = false;
  for (const auto& [name, value] : response.headers) {
    if (!isToken(name) || isOurs(name, after)) continue;
    connection = connection || equalIgnoreCase(name, "connection");
    out += name;
    out += ": ";
    appendValue(out, value);
    out += "\r\n";
  }
  if (response.status >= 200 && response.status != 204 && response.status != 304) {
    out += "Content-Length: ";
    const fmt::format_int length(response.body.size());
    out.append(length.data(), length.size());
    out += "\r\n";
  }
  if (after == AfterResponse::Close) out += "Connection: close\r\n";
  if (after == AfterResponse::KeepAliveHttp10) out += "Connection: keep-alive\r\n";
  if (after == AfterResponse::Upgrade && !connection) out += "Connection: Upgrade\r\n";
  out += "Date: ";
  out += httpDate();
  out += "\r\n\r\n";
}

}  // namespace chatd::net

#include "config/option_value.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/assert.h"
#include "base/ip_address.h"
#include "base/json.h"
#include "base/text.h"
#include "config/suggest.h"

namespace chatd {

namespace {

using Fault = std::optional<std::string>;

constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxItems = 1000;

bool startsWith(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

/// Plain is what YAML itself gives a type to; a quoted scalar is a text whatever it looks like.
bool isPlain(const YAML::Node& node) { return node.IsScalar() && node.Tag() != "!"; }

std::optional<std::int64_t> toInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  // One spelling a number: "010" is eight to some readers and ten to others.
  if (text.size() > 1 && (text[0] == '0' || startsWith(text, "-0"))) return std::nullopt;
  return value;
}

Fault textFault(std::string_view text) {
  if (text.size() > kMaxText) return fmt::format("is longer than {} bytes", kMaxText);
  if (!isUtf8(text)) return "is not UTF-8";
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
    return "has a control character";
  return std::nullopt;
}

/// A scalar, or nothing written, which is the empty text.
std::optional<std::string> asText(const YAML::Node& node) {
  if (node.IsNull()) return std::string();
  if (node.IsScalar()) return node.Scalar();
  return std::nullopt;
}

Fault hostFault(std::string_view host) {
  const std::string text(host);
  std::array<unsigned char, sizeof(in6_addr)> parsed;
  if (inet_pton(AF_INET, text.c_str(), parsed.data()) == 1 || inet_pton(AF_INET6, text.c_str(), parsed.data()) == 1)
    return std::nullopt;
  if (host.empty()) return "the address is empty";
  if (host.front() == '[') return "write an IPv6 address without brackets here";
  const bool name =
      host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
      });
  // All digits and dots, yet no address: a typing error and not a name.
  const bool mistyped = host.find_first_not_of("0123456789.") == std::string_view::npos;
  if (!name || mistyped) return fmt::format("\"{}\" is neither an IP address nor a host name", host);
  return std::nullopt;
}

Fault portFault(std::string_view text, std::uint16_t& port) {
  const auto value = toInteger(text);
  if (!value || *value < 0 || *value > 65'535) return "the port must be an integer from 0 to 65535";
  port = static_cast<std::uint16_t>(*value);
  return std::nullopt;
}

/// "0660": octal, as chmod(1) has it; nothing that would let the owner out.
Fault modeFault(std::string_view text, std::uint32_t& mode) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  const bool octal = text.size() == 4 && text[0] == '0' && error == std::errc() && end == text.data() + text.size();
  if (!octal || (mode & 0600) != 0600 || (mode & 0111) != 0) return "the mode must be like 0600, 0660 or 0666";
  return std::nullopt;
}

Fault readTls(const YAML::Node& node, Listener::Tls& out) {
  constexpr std::string_view kForm = "`tls` must be {certificate: FILE, key: FILE}";
  if (!node.IsMap()) return std::string(kForm);
  for (const auto& pair : node) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : std::string();
    std::string* const file = key == "certificate" ? &out.certificate : key == "key" ? &out.key : nullptr;
    if (file == nullptr) return fmt::format("unknown key `{}` in `tls`{}", key, didYouMean(key, {"certificate", "key"}));
    if (!file->empty() || !pair.second.IsScalar() || pair.second.Scalar().empty() || textFault(pair.second.Scalar())) {
      return std::string(kForm);
    }
    *file = pair.second.Scalar();
  }
  if (out.certificate.empty() || out.key.empty()) return std::string(kForm);
  return std::nullopt;
}

Fault readAddress(const std::string& text, Listener& out) {
  constexpr std::string_view kUnix = "unix:";
  if (!startsWith(text, kUnix)) {
    out.address = text;
    return hostFault(text);
  }
  out.unixPath = text.substr(kUnix.size());
  if (out.unixPath.empty() || out.unixPath.front() != '/') return "a Unix socket is written unix:/PATH";
  if (Fault fault = textFault(out.unixPath)) return fault;
  return checkSocketPath(out.unixPath);
}

/// One key of an entry of `listen`.
Fault readListenerKey(const std::string& key, const YAML::Node& value, Listener& out) {
  if (key == "tls") return readTls(value, out.tls.emplace());
  if (key == "address" && value.IsScalar()) return readAddress(value.Scalar(), out);
  if (key == "port" && isPlain(value)) return portFault(value.Scalar(), out.port);
  if (key == "mode" && value.IsScalar()) return modeFault(value.Scalar(), out.unixMode);
  if (key == "proxy_protocol" && isPlain(value) && (value.Scalar() == "true" || value.Scalar() == "false")) {
    out.proxyProtocol = value.Scalar() == "true";
    return std::nullopt;
  }
  return fmt::format("`{}` has a value of the wrong type", key);
}

Fault readListener(const YAML::Node& node, Listener& out) {
  static const std::vector<std::string_view> kKeys = {"address", "port", "tls", "proxy_protocol", "mode"};
  if (!node.IsMap()) return "each entry must be {address: …, port: …}";
  std::set<std::string> given;
  for (const auto& pair : node) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : std::string();
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return fmt::format("unknown key `{}` in an entry{}", key, didYouMean(key, kKeys));
    }
    if (!given.insert(key).second) return fmt::format("`{}` is given twice", key);
    if (Fault fault = readListenerKey(key, pair.second, out)) return fault;
  }
  const bool hasPort = given.count("port") != 0;
  if (out.unixPath.empty()) {
    if (given.count("address") == 0 || !hasPort) return "each entry needs `address` and `port`";
    if (given.count("mode") != 0) return "`mode` is of a Unix socket";
  } else if (hasPort || out.tls) {
    return "a Unix socket has neither `port` nor `tls`";
  }
  return std::nullopt;
}

Fault set(const IntegerKind& kind, const OptionRow& row, const YAML::Node& node, Options& options) {
  const auto value = isPlain(node) ? toInteger(node.Scalar()) : std::nullopt;
  const std::string_view unit = row.unit;
  if (!value || *value < kind.least || *value > kind.most) {
    return fmt::format("must be an integer from {} to {}{}{}", kind.least, kind.most, unit.empty() ? "" : " ", unit);
  }
  kind.set(options, *value);
  return std::nullopt;
}

Fault set(const BooleanKind& kind, const OptionRow&, const YAML::Node& node, Options& options) {
  if (!isPlain(node) || (node.Scalar() != "true" && node.Scalar() != "false")) return "must be true or false";
  kind.set(options, node.Scalar() == "true");
  return std::nullopt;
}

Fault set(const ChoiceKind& kind, const OptionRow&, const YAML::Node& node, Options& options) {
  const std::string text = node.IsScalar() ? node.Scalar() : std::string();
  const auto it = std::find(kind.names.begin(), kind.names.end(), text);
  if (it == kind.names.end())
    return fmt::format("must be one of {}{}", fmt::join(kind.names, ", "), didYouMean(text, kind.names));
  kind.set(options, static_cast<std::size_t>(it - kind.names.begin()));
  return std::nullopt;
}

Fault set(const TextKind& kind, const OptionRow&, const YAML::Node& node, Options& options) {
  auto value = asText(node);
  if (!value) return "must be a text";
  if (Fault fault = textFault(*value)) return fault;
  if (Fault fault = kind.check(*value)) return fault;
  kind.set(options, *std::move(value));
  return std::nullopt;
}

Fault set(const TextListKind& kind, const OptionRow&, const YAML::Node& node, Options& options) {
  std::vector<std::string> values;
  if (!node.IsNull() && !node.IsSequence()) return "must be a list";
  if (node.size() > kMaxItems) return fmt::format("has more than {} entries", kMaxItems);
  for (const auto& item : node) {
    if (!item.IsScalar()) return "must be a list of texts";
    Fault fault = textFault(item.Scalar());
    if (!fault) fault = kind.check(item.Scalar());
    if (fault) return fmt::format("entry {}: {}", values.size() + 1, *fault);
    values.push_back(item.Scalar());
  }
  kind.set(options, std::move(values));
  return std::nullopt;
}

Fault set(const ListenKind& kind, const OptionRow&, const YAML::Node& node, Options& options) {
  constexpr std::size_t kMaxListeners = 16;
  if (!node.IsSequence() || node.size() == 0 || node.size() > kMaxListeners)
    return fmt::format("must be a list of 1 to {} entries {{address: …, port: …}}", kMaxListeners);
  std::vector<Listener> listeners;
  for (const auto& item : node) {
    Listener listener;
    if (Fault fault = readListener(item, listener)) return fmt::format("entry {}: {}", listeners.size() + 1, *fault);
    listeners.push_back(std::move(listener));
  }
  kind.set(options, std::move(listeners));
  return std::nullopt;
}

/// A JSON string is a YAML string; plain where nothing can be misread.
std::string quoted(std::string_view text) {
  const bool plain = !text.empty() && (text[0] == '/' || text[0] == '.' || (text[0] >= 'a' && text[0] <= 'z')) &&
                     text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") ==
                         std::string_view::npos &&
                     text != "true" && text != "false" && text != "null";
  if (plain) return std::string(text);
  std::string out;
  appendJsonString(out, text);
  return out;
}

std::string show(const IntegerKind& kind, const Options& o) { return std::to_string(kind.get(o)); }
std::string show(const BooleanKind& kind, const Options& o) { return kind.get(o) ? "true" : "false"; }
std::string show(const ChoiceKind& kind, const Options& o) { return std::string(kind.names.at(kind.get(o))); }
std::string show(const TextKind& kind, const Options& o) { return quoted(kind.get(o)); }
std::string show(const TextListKind& kind, const Options& o) {
  std::vector<std::string> items;
  for (const std::string& item : kind.get(o)) items.push_back(quoted(item));
  return fmt::format("[{}]", fmt::join(items, ", "));
}
std::string showListener(const Listener& l) {
  std::string out;
  if (l.unixPath.empty()) {
    out = fmt::format("address: {}, port: {}", quoted(l.address), l.port);
  } else {
    out = fmt::format("address: {}, mode: {:04o}", quoted("unix:" + l.unixPath), l.unixMode);
  }
  if (l.tls) out += fmt::format(", tls: {{certificate: {}, key: {}}}", quoted(l.tls->certificate), quoted(l.tls->key));
  if (l.proxyProtocol) out += ", proxy_protocol: true";
  return "{" + out + "}";
}
std::string show(const ListenKind& kind, const Options& o) {
  std::vector<std::string> items;
  for (const Listener& l : kind.get(o)) items.push_back(showListener(l));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

}  // namespace

std::optional<std::string> setOption(const OptionRow& row, const YAML::Node& node, Options& options) {
  return std::visit([&](const auto& kind) { return set(kind, row, node, options); }, row.kind);
}

std::optional<std::string> setOption(const OptionRow& row, const std::string& yaml, Options& options) {
  try {
    return setOption(row, YAML::Load(yaml), options);
  } catch (const YAML::Exception& e) {
    // The parser's words name a position and a rule, never the text.
    return fmt::format("is not YAML: {}", e.msg);
  }
}

std::string optionText(const OptionRow& row, const Options& options) {
  return std::visit([&](const auto& kind) { return show(kind, options); }, row.kind);
}

Result<Listener> parseListener(std::string_view text) {
  const auto wrong = [](std::string what) { return Error(Code::Invalid, std::move(what)); };
  Listener out;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ':')
      return wrong("write it as HOST:PORT, an IPv6 address in brackets: [::1]:8080");
    out.address = text.substr(1, end - 1);
    if (out.address.find(':') == std::string::npos) return wrong("only an IPv6 address is written in brackets");
    port = text.substr(end + 2);
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
      return wrong("write it as HOST:PORT, an IPv6 address in brackets: [::1]:8080");
    out.address = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (Fault fault = hostFault(out.address)) return wrong(*fault);
  if (Fault fault = portFault(port, out.port)) return wrong(*fault);
  return out;
}

std::optional<std::string> checkPath(std::string_view path) {
  if (path.empty()) return "must not be empty";
  return std::nullopt;
}

std::optional<std::string> checkFolder(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return "must not have a NUL";
  return std::nullopt;
}

std::optional<std::string> checkPluginFolder(std::string_view path) {
  // Relative to what? A daemon's working directory is whatever started it has.
  if (!path.starts_with('/')) return fmt::format("\"{}\" must be an absolute path: /…", path);
  return std::nullopt;
}

std::optional<std::string> checkPluginSecret(std::string_view entry) {
  constexpr std::string_view kForm = "must be APP/NAME=file:/PATH or APP/NAME=env:VARIABLE";
  const auto slash = entry.find('/');
  const auto equals = entry.find('=', slash == std::string_view::npos ? slash : slash + 1);
  if (slash == 0 || slash == std::string_view::npos || equals == std::string_view::npos) return std::string(kForm);
  const std::string_view name = entry.substr(slash + 1, equals - slash - 1);
  const std::string_view from = entry.substr(equals + 1);
  const bool named = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
  if (!named) return "must have a NAME of 1 to 64 letters, digits, _ - and .";
  if (!startsWith(from, "file:/") && !(startsWith(from, "env:") && from.size() > 4)) return std::string(kForm);
  return std::nullopt;
}

std::optional<std::string> checkSocketPath(std::string_view path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return fmt::format("is longer than a Unix socket's path can be ({} bytes)", sizeof(sockaddr_un::sun_path) - 1);
  return std::nullopt;
}

std::optional<std::string> checkToken(std::string_view token) {
  if (token.find(' ') != std::string_view::npos) return "must not have spaces";
  return std::nullopt;
}

std::optional<std::string> checkStoreUrl(std::string_view url) {
  // What comes behind it is libpq's to judge, when the store opens.
  if (startsWith(url, "postgresql://") || startsWith(url, "postgres://")) {
    if (url.find_first_of(" \t\r\n") != std::string_view::npos) return "has a space: write it as %20";
    return std::nullopt;
  }
  if (!startsWith(url, "sqlite:")) return "must be sqlite:FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE";
  const std::string_view file = url.substr(std::string_view("sqlite:").size());
  if (file.empty()) return "names no file: sqlite:FILE";
  // "sqlite://host/x" would be read as a path by some and as a host by others.
  if (startsWith(file, "//") && !startsWith(file, "///"))
    return "has no host: write sqlite:FILE, or sqlite:///ABSOLUTE/FILE";
  return std::nullopt;
}

std::optional<std::string> checkRedisUrl(std::string_view url) {
  if (!url.empty()) return "several nodes are not in this version: leave it empty";
  return std::nullopt;
}

std::optional<std::string> checkOrigin(std::string_view origin) {
  constexpr std::string_view kForm = "must be an origin such as https://app.example.org or http://localhost:3000";
  if (origin == "*") return "there is no wildcard: list each origin";
  const bool https = startsWith(origin, "https://");
  if (!https && !startsWith(origin, "http://")) return std::string(kForm);
  const std::string_view rest = origin.substr(https ? 8 : 7);
  // Behind the brackets of an IPv6 address, if it is one.
  const std::size_t colon = rest.find(':', rest.starts_with('[') ? std::min(rest.find(']'), rest.size()) : 0);
  if (colon != std::string_view::npos) {
    const auto port = toInteger(rest.substr(colon + 1));
    if (!port || *port < 1 || *port > 65'535) return "the port must be 1 to 65535";
  }
  if (rest.empty() || rest.find_first_of("/?#@ *") != std::string_view::npos) return std::string(kForm);
  if (toLower(rest) != rest) return "must be in lower case, as browsers send it";
  if (const bool port = (https && rest.ends_with(":443")) || (!https && rest.ends_with(":80")); port)
    return "must not name the scheme's own port: browsers leave it out";
  return std::nullopt;
}

std::optional<std::string> checkProxy(std::string_view proxy) {
  if (proxy == "unix:") return std::nullopt;
  const auto range = IpRange::parse(proxy);
  if (!range.ok()) return range.error().detail();
  return std::nullopt;
}

}  // namespace chatd

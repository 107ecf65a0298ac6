#include "auth/plugin_secrets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "net/fd.h"

namespace chatd {

namespace {

Error unreadable(std::string_view why) { return {Code::Invalid, std::string(why)}; }

/// As with private keys: what others may read is refused, not warned of.
Result<std::string> readSecretFile(const std::string& path) {
  const net::Descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!in.open()) return unreadable(std::strerror(errno));
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) return unreadable(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unreadable("is not a regular file");
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return unreadable("belongs to somebody who is neither root nor the user that the daemon runs as");
  }
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return unreadable("must not be open to others, nor writable by its group; chmod 0640");
  }
  std::string text(PluginSecrets::kMaxBytes + 1, '\0');
  const ssize_t got = ::read(in.get(), text.data(), text.size());
  if (got < 0) return unreadable(std::strerror(errno));
  text.resize(static_cast<std::size_t>(got));
  if (text.size() > PluginSecrets::kMaxBytes) return unreadable("is larger than 8 KiB");
  return text;
}

Result<std::string> readVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return unreadable("is not in the environment");
  std::string text(value);
  if (text.size() > PluginSecrets::kMaxBytes) return unreadable("is larger than 8 KiB");
  return text;
}

}  // namespace

PluginSecrets::PluginSecrets(const std::vector<std::string>& entries) {
  for (const std::string& text : entries) {
    const auto slash = text.find('/');
    const auto equals = text.find('=', slash == std::string::npos ? slash : slash + 1);
    if (equals == std::string::npos || entries_.size() == kMost) continue;
    Entry entry{text.substr(0, slash), text.substr(slash + 1, equals - slash - 1), false, text.substr(equals + 1)};
    entry.inFile = entry.from.starts_with("file:");
    if (!entry.inFile && !entry.from.starts_with("env:")) continue;
    entry.from.erase(0, entry.inFile ? 5 : 4);
    entries_.push_back(std::move(entry));
  }
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return (a.scope == "*") < (b.scope == "*"); });
}

std::string SecretFault::text() const { return fmt::format("secret {}/{}: {}: {}", scope, name, from, reason); }

Result<std::string> PluginSecrets::read(const Entry& entry) {
  CHATD_TRY(value, entry.inFile ? readSecretFile(entry.from) : readVariable(entry.from));
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  return std::move(value);
}

PluginSecrets::Values PluginSecrets::of(const SecretScope& scope, std::vector<SecretFault>& faults) const {
  Values values;
  const std::string id = std::to_string(raw(scope.app));
  for (const Entry& entry : entries_) {
    if (entry.scope != "*" && entry.scope != id && entry.scope != scope.name) continue;
    const auto known = std::any_of(values.begin(), values.end(), [&](const auto& v) { return v.first == entry.name; });
    if (known) continue;
    auto value = read(entry);
    if (value.ok()) {
      values.emplace_back(entry.name, std::move(*value));
    } else {
      faults.push_back({entry.scope, entry.name, entry.from, value.error().detail(), entry.inFile});
    }
  }
  return values;
}

std::vector<SecretFault> PluginSecrets::faults() const {
  std::vector<SecretFault> out;
  for (const Entry& entry : entries_) {
    const auto value = read(entry);
    if (!value.ok()) out.push_back({entry.scope, entry.name, entry.from, value.error().detail(), entry.inFile});
  }
  return out;
}

}  // namespace chatd

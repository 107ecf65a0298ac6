#include "config/load.h"

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "base/assert.h"
#include "base/text.h"
#include "config/option_table.h"
#include "config/option_value.h"
#include "config/suggest.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;
constexpr std::string_view kPrefix = "CHATD_";

std::string_view sectionOf(std::string_view path) {
  const std::size_t dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

/// Builds Options layer by layer, each over the one before, and collects what is wrong on the way.
class Loader {
 public:
  explicit Loader(const CommandLine& flags) : flags_(flags) {}

  LoadedOptions run(const Environment& environment) {
    options_.dev = flags_.dev;
    if (flags_.dev) devDefaults();
    // Under --dev no file is needed, and the standard one belongs to a service on this machine, not to this run.
    if (flags_.config) {
      file(*flags_.config);
    } else if (!flags_.dev) {
      file(kConfigFile);
    }
    variables(environment);
    flags();
    if (faults_.empty()) together();
    if (!faults_.empty()) return {std::nullopt, std::move(faults_), {}};
    return {std::move(options_), {}, std::move(given_)};
  }

 private:
  void fault(std::string where, std::string key, std::string what) {
    faults_.push_back({std::move(where), std::move(key), std::move(what)});
  }

  void set(const OptionRow& row, const YAML::Node& value, const std::string& where) {
    given_[row.path] = where;
    if (auto what = setOption(row, value, options_)) fault(where, std::string(row.path), *std::move(what));
  }

  void devDefaults() {
    for (const OptionRow& row : optionTable()) {
      if (row.dev.empty()) continue;
      if (auto what = setOption(row, std::string(row.dev), options_))
        fault("--dev", std::string(row.path), *std::move(what));
    }
  }

  // The file.

  void file(const std::string& path) {
    std::string text;
    if (!slurp(path, text)) return;
    try {
      const std::vector<YAML::Node> documents = YAML::LoadAll(text);
      if (documents.size() > 1) return fault(path, "", "holds several YAML documents; one is read");
      if (documents.empty() || documents[0].IsNull()) return;
      if (!documents[0].IsMap()) return fault(path, "", "must be a mapping of keys to values");
      top(path, documents[0]);
    } catch (const YAML::Exception& e) {
      fault(fmt::format("{}:{}", path, e.mark.line + 1), "", "is not YAML: " + e.msg);
    }
  }

  bool slurp(const std::string& path, std::string& text) {
    text.resize(kMaxFile + 1);
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.is_open() || in.bad()) {
      const std::string hint = flags_.config ? "" : "; name a file by --config FILE, or try it out with --dev";
      fault(path, "", fmt::format("cannot be read: {}{}", errno != 0 ? std::strerror(errno) : "input/output error", hint));
      return false;
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxFile) {
      fault(path, "", fmt::format("is larger than {} bytes", kMaxFile));
      return false;
    }
    if (!isUtf8(text)) {
      fault(path, "", "is not UTF-8");
      return false;
    }
    return true;
  }

  void top(const std::string& path, const YAML::Node& root) {
    std::set<std::string> seen;
    for (const auto& pair : root) {
      const std::string where = fmt::format("{}:{}", path, pair.first.Mark().line + 1);
      if (!pair.first.IsScalar()) {
        fault(where, "", "a key must be a word");
        continue;
      }
      const std::string& key = pair.first.Scalar();
      if (!seen.insert(key).second) {
        fault(where, key, "is given twice");
      } else if (isSection(key)) {
        section(path, where, key, pair.second);
      } else if (const OptionRow* row = key.find('.') == std::string::npos ? findOption(key) : nullptr) {
        set(*row, pair.second, where);
      } else {
        unknown(where, key);
      }
    }
  }

  void section(const std::string& path, const std::string& where, const std::string& name, const YAML::Node& node) {
    if (node.IsNull()) return;
    if (!node.IsMap()) return fault(where, name, "must be a mapping of keys to values");
    std::set<std::string> seen;
    for (const auto& pair : node) {
      const std::string line = fmt::format("{}:{}", path, pair.first.Mark().line + 1);
      const std::string key = name + "." + (pair.first.IsScalar() ? pair.first.Scalar() : std::string("?"));
      if (!seen.insert(key).second) {
        fault(line, key, "is given twice");
      } else if (const OptionRow* row = findOption(key)) {
        set(*row, pair.second, line);
      } else {
        unknown(line, key);
      }
    }
  }

  static bool isSection(std::string_view name) {
    const auto& table = optionTable();
    return std::any_of(table.begin(), table.end(), [name](const OptionRow& row) { return sectionOf(row.path) == name; });
  }

  void unknown(const std::string& where, const std::string& key) {
    if (key.find('.') != std::string::npos && findOption(key) != nullptr)
      return fault(where, key, "unknown key; a dot does not nest here: put it into a mapping");
    const std::string_view leaf = std::string_view(key).substr(key.rfind('.') + 1);
    std::vector<std::string_view> candidates;
    for (const OptionRow& row : optionTable()) {
      // The right word in the wrong section.
      if (row.path.substr(row.path.rfind('.') + 1) == leaf)
        return fault(where, key, fmt::format("unknown key; did you mean `{}`?", row.path));
      candidates.push_back(row.path);
      if (!sectionOf(row.path).empty()) candidates.push_back(sectionOf(row.path));
    }
    fault(where, key, "unknown key" + didYouMean(key, candidates));
  }

  // The environment.

  void variables(const Environment& environment) {
    for (const auto& [name, value] : environment) {
      if (name.substr(0, kPrefix.size()) == kPrefix) variable(name, value);
    }
  }

  void variable(const std::string& name, const std::string& value) {
    std::vector<std::string> names;
    for (const OptionRow& row : optionTable()) {
      names.push_back(environmentName(row.path));
      if (names.back() != name) continue;
      given_[row.path] = name;
      if (auto what = setOption(row, value, options_)) fault(name, std::string(row.path), *std::move(what));
      return;
    }
    fault(name, "", "names no key" + didYouMean(name, {names.begin(), names.end()}));
  }

  void flags() {
    if (flags_.dataDir) {
      options_.dataDir = *flags_.dataDir;
      given_["data_dir"] = "--data-dir";
    }
    if (flags_.listen) {
      options_.listen = {*flags_.listen};
      given_["listen"] = "--listen";
    }
  }

  // What only makes sense together.

  void together() {
    if (options_.dev && given_.count("admin_socket") == 0) options_.adminSocket = options_.dataDir + "/admin.sock";
    if (auto what = checkSocketPath(options_.adminSocket)) fault("--data-dir", "admin_socket", *std::move(what));
    constexpr std::size_t kMostSecrets = 64;
    if (options_.plugins.secrets.size() > kMostSecrets)
      fault("options", "plugins.secrets", fmt::format("has more than {} entries", kMostSecrets));
    const auto& limits = options_.limits;
    if (limits.messageBytes > limits.bodyBytes)
      fault("options", "limits.message_bytes", fmt::format("must be at most limits.body_bytes ({})", limits.bodyBytes));
    if (limits.messageBytes > options_.engine.maxPayload) {
      fault("options", "limits.message_bytes",
            fmt::format("must be at most engine.max_payload ({})", options_.engine.maxPayload));
    }
  }

  const CommandLine& flags_;
  Options options_;
  std::map<std::string_view, std::string> given_;
  std::vector<ConfigFault> faults_;
};

}  // namespace

std::string ConfigFault::text() const {
  std::string out = where;
  if (!key.empty()) out += ": " + key;
  return out + ": " + what;
}

Environment processEnvironment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

LoadedOptions loadOptions(const CommandLine& flags, const Environment& environment) {
  return Loader(flags).run(environment);
}

ReloadPlan planReload(const Options& running, const Options& loaded) {
  ReloadPlan plan;
  for (const OptionRow& row : optionTable()) {
    if (optionText(row, running) == optionText(row, loaded)) continue;
    (row.reload == Reload::Live ? plan.applied : plan.needRestart).emplace_back(row.path);
  }
  return plan;
}

Options afterReload(const Options& running, const Options& loaded) {
  Options out = running;
  for (const OptionRow& row : optionTable()) {
    if (row.reload != Reload::Live) continue;
    // Both went through the row's rules, so writing and reading back cannot fail.
    const auto fault = setOption(row, optionText(row, loaded), out);
    CHATD_ASSERT(!fault);
  }
  return out;
}

}  // namespace chatd

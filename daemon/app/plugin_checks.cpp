#include "app/plugin_checks.h"

#include <fmt/format.h>

#include "auth/plugin_secrets.h"
#include "host/plugin_library.h"

namespace chatd {

PluginFindings judgePlugins(const LoadedOptions& loaded) {
  PluginFindings found;
  if (!loaded.options) return found;
  const auto placeOf = [&loaded](std::string_view key) {
    const auto place = loaded.places.find(key);
    return place == loaded.places.end() ? std::string() : place->second;
  };
  const std::string where = placeOf("plugins.paths");
  const auto& folders = loaded.options->plugins.paths;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const auto good = PluginFile::judgeFolder(folders[i]);
    if (good.ok()) continue;
    const bool missing = good.error().code() == Code::NotFound;
    if (missing && where.empty()) continue;
    const char* advice = missing ? "; make it (owned by root, mode 0755), or take it out" : "";
    auto& list = missing ? found.faults : found.warnings;
    list.push_back({where.empty() ? "default" : where, "plugins.paths",
                    fmt::format("entry {}: {}{}", i + 1, good.error().detail(), advice)});
  }
  for (const SecretFault& fault : PluginSecrets(loaded.options->plugins.secrets).faults()) {
    found.warnings.push_back({placeOf("plugins.secrets"), "plugins.secrets", fault.text()});
  }
  return found;
}

}  // namespace chatd

#include "config/options.h"

#include "base/assert.h"
#include "config/option_table.h"
#include "config/option_value.h"

namespace chatd {

// The table writes every member; values here only keep them from being undefined until it has.
Options::Options() : proxyHeader{}, store{}, demo(false), log{}, limits{}, engine{}, http{}, drain{}, threads{} {
  for (const OptionRow& row : optionTable()) {
    const auto fault = setOption(row, std::string(row.standard), *this);
    CHATD_ASSERT(!fault);  // a default that breaks its own row's rules
  }
}

std::string Options::databaseFile() const {
  std::string_view file = store.url;
  if (!file.starts_with("sqlite:")) return {};
  file.remove_prefix(std::string_view("sqlite:").size());
  if (file.substr(0, 3) == "///") file.remove_prefix(2);
  return file.front() == '/' ? std::string(file) : dataDir + "/" + std::string(file);
}

}  // namespace chatd

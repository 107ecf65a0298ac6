#include "cli/nouns/nouns.h"

namespace chatd::cli {

const std::vector<const Noun*>& nouns() {
  static const std::vector<const Noun*> all = {&appNoun(),     &userNoun(),    &roomNoun(),  &messageNoun(), &pluginNoun(),
                                               &accountNoun(), &contextNoun(), &loginNoun(), &serverNoun(),  &daemonNoun(),
                                               &doctorNoun(),  &applyNoun(),   &bulkNoun(),  &tailNoun(),    &watchNoun(),
                                               &backupNoun(),  &storeNoun()};
  return all;
}

}  // namespace chatd::cli

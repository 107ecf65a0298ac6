#include "cli/nouns/nouns.h"

namespace chatd::cli {

const std::vector<const Noun*>& nouns() {
  static const std::vector<const Noun*> all = {&appNoun(),     &userNoun(),  &roomNoun(),  &messageNoun(),
                                               &contextNoun(), &loginNoun(), &serverNoun(),
                                               &backupNoun(),  &storeNoun()};
  return all;
}

}  // namespace chatd::cli

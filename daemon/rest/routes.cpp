// The whole table, from its parts.
#include "rest/route.h"

#include "rest/documents.h"

namespace chatd::rest {

std::string whoText(Access access) {
  std::string list;
  const auto add = [&](Access bits, std::string_view name) {
    if ((access & bits) == 0) return;
    if (!list.empty()) list += ", ";
    list += name;
  };
  add(who::Anyone, "anyone");
  add(who::Metrics, "the admin socket or the metrics token");
  add(who::Peer, "the admin socket");
  add(who::Operator, "operators");
  add(who::Owner, "owners of the app");
  add(who::AppKey, "the app's key");
  add(who::User, "user tokens");
  return list;
}

const std::vector<Route>& routeTable() {
  static const std::vector<Route> table = [] {
    std::vector<Route> all;
    for (const auto* part : {&authRoutes(), &appRoutes(), &userRoutes(), &userAccessRoutes(), &roomRoutes(),
                             &messageRoutes(), &backupRoutes(), &pluginRoutes(), &serverRoutes(), &metaRoutes()}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    for (Route& route : all) {
      if (takesDryRun(route))
        route.answers.push_back({.status = 202, .body = &kDryRunDocument, .doc = "dryRun=true: checked, nothing was done."});
    }
    return all;
  }();
  return table;
}

}  // namespace chatd::rest

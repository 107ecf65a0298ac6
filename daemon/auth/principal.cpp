#include "auth/principal.h"

#include <fmt/format.h>

#include <algorithm>

namespace chatd {

bool Principal::isOperator() const {
  return kind == Kind::Peer || (kind == Kind::Account && account && account->role == AccountRole::Operator);
}

bool Principal::mayAdminister(AppId app) const {
  if (isOperator()) return true;
  if (kind == Kind::Account && account) {
    return std::find(account->apps.begin(), account->apps.end(), app) != account->apps.end();
  }
  return kind == Kind::AppKey && key && key->app == app;
}

std::optional<AppId> Principal::ownApp() const {
  if (kind == Kind::AppKey && key) return key->app;
  if (kind == Kind::User && identity) return identity->app.id;
  return std::nullopt;
}

std::string Principal::subject() const {
  switch (kind) {
    case Kind::Peer:
      return "peer:0";
    case Kind::Account:
      return fmt::format("account:{}", account ? raw(account->id) : 0);
    case Kind::AppKey:
      return fmt::format("key:{}", key ? raw(key->id) : 0);
    case Kind::User:
      return fmt::format("user:{}", identity ? raw(identity->user.id) : 0);
  }
  return {};
}

}  // namespace chatd

#include "store/rows.h"
#include "store/settings_json.h"
#include "store/sql_directory.h"

namespace chatd::store {

namespace {

#define CHATD_APP_COLUMNS "id, name, settings, verifiers, revision, created_at, updated_at, retention"
#define CHATD_APP_TYPES Int, Text, Text, Text, Int, Int, Int, OptText

constexpr Sql<In<Text>, Out<Int>> kIdOfName{"SELECT id FROM app WHERE name = $1 AND deleted_at IS NULL"};
constexpr Sql<In<Text, Text, Text, Int, Int, OptText>, Out<Int>> kInsert{
    "INSERT INTO app (name, settings, verifiers, revision, created_at, updated_at, retention) "
    "VALUES ($1, $2, $3, 1, $4, $5, $6) RETURNING id"};
constexpr Sql<In<Int>, Out<CHATD_APP_TYPES>> kById{"SELECT " CHATD_APP_COLUMNS
                                                   " FROM app WHERE id = $1 AND deleted_at IS NULL"};
constexpr Sql<In<Text>, Out<CHATD_APP_TYPES>> kByName{"SELECT " CHATD_APP_COLUMNS
                                                      " FROM app WHERE name = $1 AND deleted_at IS NULL"};
constexpr Sql<In<Int, Int>, Out<CHATD_APP_TYPES>> kPage{
    "SELECT " CHATD_APP_COLUMNS " FROM app WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2"};
constexpr Sql<In<Text, Text, Text, Int, Int, OptText, Int>> kUpdate{
    "UPDATE app SET name = $1, settings = $2, verifiers = $3, revision = $4, updated_at = $5, retention = $6 "
    "WHERE id = $7"};
constexpr Sql<In<Int, Int>, Out<Int>> kDelete{
    "UPDATE app SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL RETURNING id"};

// Accounts of owners who are left without any app. After kDelete, which ends the app in the same transaction.
constexpr Sql<In<Int, Int>, Out<Int>> kOwnersLeft{
    "SELECT x.account_id FROM account_app x JOIN account a ON a.id = x.account_id AND a.role = $1 WHERE x.app_id = $2 "
    "AND NOT EXISTS (SELECT 1 FROM account_app y JOIN app p ON p.id = y.app_id AND p.deleted_at IS NULL "
    "WHERE y.account_id = x.account_id) ORDER BY x.account_id"};
constexpr Sql<In<Int>> kDropOwnerTokens{"DELETE FROM account_token WHERE account_id = $1"};
constexpr Sql<In<Int>> kDropOwnerApps{"DELETE FROM account_app WHERE account_id = $1"};
constexpr Sql<In<Int>> kDropOwner{"DELETE FROM account WHERE id = $1"};

template <class... C>
Result<App> appFrom(const Rows<C...>& rows, std::size_t i) {
  CHATD_TRY(settings, settingsFrom(rows.template at<2>(i)));
  CHATD_TRY(verifiers, verifiersFrom(rows.template at<3>(i)));
  App a;
  a.id = AppId{rows.template at<0>(i)};
  a.name = rows.template at<1>(i);
  a.settings = std::move(settings);
  // A column of its own and not in the settings' JSON: the sweep looks for the apps that have one.
  a.settings.retention = retentionOf(rows.template at<7>(i));
  a.verifiers = std::move(verifiers);
  a.revision = rows.template at<4>(i);
  a.createdAt = fromMicros(rows.template at<5>(i));
  a.updatedAt = fromMicros(rows.template at<6>(i));
  return a;
}

template <class... C>
Result<App> oneApp(const Rows<C...>& rows) {
  if (rows.empty()) return Code::NotFound;
  return appFrom(rows, 0);
}

}  // namespace

Result<App> SqlDirectory::createApp(const NewApp& wanted) {
  return committer_.write<App>(AppId{}, [this, wanted](Connection& c) -> Result<App> {
    if (!c.run(kIdOfName, wanted.name).empty()) return Code::AlreadyExists;
    const auto& made = c.run(kInsert, wanted.name, toJson(wanted.settings), toJson(wanted.verifiers), now(), now(),
                             retentionColumn(wanted.settings.retention));
    return oneApp(c.run(kById, made.at<0>(0)));
  });
}

Result<App> SqlDirectory::app(AppId id) {
  return readers_.read([&](Connection& c) { return oneApp(c.run(kById, raw(id))); });
}

Result<App> SqlDirectory::appByName(const std::string& name) {
  return readers_.read([&](Connection& c) { return oneApp(c.run(kByName, name)); });
}

Result<Page<App>> SqlDirectory::apps(const PageQuery& page, const std::optional<std::vector<AppId>>& only) {
  return readers_.snapshot([&](Connection& c) -> Result<Page<App>> {
    Page<App> out;
    const Int after = page.cursor.value_or(0);
    if (only) {  // an owner has a few: one by one, in the order of ids
      std::vector<AppId> wanted = *only;
      std::sort(wanted.begin(), wanted.end());
      wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
      for (const AppId id : wanted) {
        if (raw(id) <= after) continue;
        const auto& rows = c.run(kById, raw(id));
        if (rows.empty()) continue;
        if (out.items.size() == page.limit) {
          out.next = raw(out.items.back().id);
          break;
        }
        CHATD_TRY(app, appFrom(rows, 0));
        out.items.push_back(std::move(app));
      }
      return out;
    }
    const auto& rows = c.run(kPage, after, static_cast<Int>(page.limit) + 1);
    for (std::size_t i = 0; i < rows.size() && i < page.limit; ++i) {
      CHATD_TRY(app, appFrom(rows, i));
      out.items.push_back(std::move(app));
    }
    if (rows.size() > page.limit) out.next = raw(out.items.back().id);
    return out;
  });
}

Result<App> SqlDirectory::updateApp(AppId id, const AppPatch& patch) {
  return committer_.write<App>(id, [this, id, patch](Connection& c) -> Result<App> {
    CHATD_TRY(app, oneApp(c.run(kById, raw(id))));
    if (patch.name && *patch.name != app.name) {
      if (!c.run(kIdOfName, *patch.name).empty()) return Code::AlreadyExists;
      app.name = *patch.name;
    }
    const bool rules =
        (patch.settings && *patch.settings != app.settings) || (patch.verifiers && *patch.verifiers != app.verifiers);
    const bool retention = patch.settings && patch.settings->retention != app.settings.retention;
    if (patch.settings) app.settings = *patch.settings;
    if (patch.verifiers) app.verifiers = *patch.verifiers;
    if (rules) ++app.revision;
    c.run(kUpdate, app.name, toJson(app.settings), toJson(app.verifiers), app.revision, now(),
          retentionColumn(app.settings.retention), raw(id));
    if (retention) housekeeping_.retentionChanged();
    return oneApp(c.run(kById, raw(id)));
  });
}

Result<void> SqlDirectory::deleteApp(AppId id) {
  CHATD_CHECK(committer_.write<void>(id, [this, id](Connection& c) -> Result<void> {
    if (c.run(kDelete, now(), raw(id)).empty()) return Code::NotFound;
    const auto& left = c.run(kOwnersLeft, static_cast<Int>(AccountRole::Owner), raw(id));
    std::vector<Int> owners;
    for (std::size_t i = 0; i < left.size(); ++i) owners.push_back(left.at<0>(i));
    for (const Int owner : owners) {
      c.run(kDropOwnerTokens, owner);
      c.run(kDropOwnerApps, owner);
      c.run(kDropOwner, owner);
    }
    housekeeping_.wanted();
    return {};
  }));
  // Whoever else appends finds the app gone from now on; what it had begun before has to be over when this is answered.
  for (GroupCommitter* other : others_) {
    const auto passed = other->write<void>(AppId{}, [](Connection&) -> Result<void> { return {}; });
    if (!passed.ok()) return Code::OutcomeUnknown;
  }
  return {};
}

}  // namespace chatd::store

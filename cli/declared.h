// What `apply -f` reads: apps with their verifiers, users, rooms and members, as YAML (or JSON, which is YAML). Every fault
// is named with file and line before anything is sent. Pure but for the files. Thread: the one of run().
#pragma once

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/failure.h"

namespace chatd::cli {

struct DeclaredUser {
  std::string appUserId;  ///< its text
  JsonDocument body;      ///< of POST /user, without appId
};

struct DeclaredMember {
  std::string appUserId;            ///< its text
  std::string id;                   ///< the same as JSON, in the type of the file
  std::optional<std::string> role;  ///< member or moderator; nothing: the file does not say, and any is right
};

struct DeclaredRoom {
  std::string room;
  JsonDocument body;                                   ///< of POST /room, without appId and users
  std::optional<std::vector<DeclaredMember>> members;  ///< nothing: the file does not say
};

struct DeclaredApp {
  std::string name;
  std::string where;  ///< "chat.yaml:3"
  JsonDocument body;  ///< of PATCH /app: settings, verifiers or tokenVerificationUrl, as far as they are given
  std::optional<std::vector<DeclaredUser>> users;  ///< nothing: the file does not say
  std::optional<std::vector<DeclaredRoom>> rooms;
};

/// `path`: a file, a folder (its *.yaml, *.yml and *.json in the order of their names), or "-" for `in`. Errors: Exit::Usage
/// for what cannot be read, and if no file has a list of apps; Exit::Invalid with "FILE:LINE: what" for what is not right,
/// names declared twice included.
[[nodiscard]] Outcome<std::vector<DeclaredApp>> readDeclared(const std::string& path, std::istream& in);

}  // namespace chatd::cli

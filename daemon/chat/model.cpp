#include "chat/model.h"

namespace chatd {

std::string_view toText(RoomType type) { return type == RoomType::Direct ? "direct" : "group"; }
std::string_view toText(Role role) { return role == Role::Moderator ? "moderator" : "member"; }
std::string_view toText(AccountRole role) { return role == AccountRole::Operator ? "operator" : "owner"; }

}  // namespace chatd

// What a request brings beside its token and a verifier may ask to see: header fields and cookies. Values. Thread: any.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace chatd {

/// Header fields by lower-case name, and cookies as "cookie:NAME"; never logged.
using PeerFields = std::vector<std::pair<std::string, std::string>>;

/// Names as in PeerFields that somebody asks to see. Of nothing else a copy is made.
struct PeerNames {
  bool all = false;  ///< it is not known yet which
  std::vector<std::string> names = {};
};

}  // namespace chatd

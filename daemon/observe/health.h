// Health: what /readyz asks. Named checks, each fine or with a reason why not. Thread: any.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace chatd {

class Health {
 public:
  /// Nothing: fine; else why not, in words for an admin (no secret). Must not block: it reports what is known.
  using Check = std::function<std::optional<std::string>()>;

  struct Finding {
    std::string name;
    std::optional<std::string> reason;  ///< nothing: fine
  };
  struct Report {
    bool ready = false;             ///< every finding is fine
    std::vector<Finding> findings;  ///< in the order in which the checks were added
  };

  /// Before serving; names are unique.
  void add(std::string name, Check check);
  /// From now on "not ready" with this reason (a drain), whatever the checks say.
  void refuse(std::string reason);
  /// Takes refuse() back: the checks decide again.
  void allow();
  /// Runs every check; a check that throws is a finding and not a failure of the report.
  [[nodiscard]] Report report() const;

 private:
  struct Entry {
    std::string name;
    Check check;
  };
  mutable Mutex mutex_;
  std::vector<Entry> checks_ CHATD_GUARDED_BY(mutex_);
  std::optional<std::string> refused_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd

// PluginCatalog: what is known of the plugins in files: what they say they are, and their schemas. Nobody's code is loaded
// into the daemon for it: a file is looked at once, in a process of its own, and again only when it has changed. What could
// not be found out is tried again a minute later at the earliest. Owned by PluginHost. Thread: any; waits where it says so.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/plugin_host.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/task.h"
#include "host/wire.h"

namespace chatd {

class PluginCatalog {
 public:
  using Looked = UniqueFunction<void(Result<hostwire::Loaded>)>;
  /// Loads a plugin in a process of its own and says what it is, on any thread, maybe before it returns.
  using Look = std::function<void(const std::string& plugin, Looked then)>;

  PluginCatalog(std::vector<std::string> folders, Look look) : folders_(std::move(folders)), look_(std::move(look)) {}

  /// What a plugin said, or why it did not.
  [[nodiscard]] static PluginFacts factsOf(const std::string& plugin, const Result<hostwire::Loaded>& loaded);

  /// The names of the files, in order.
  [[nodiscard]] std::vector<std::string> names() const;
  /// Of these plugins, as far as it can be found out until then; of the others the name. Blocks.
  [[nodiscard]] std::vector<PluginFacts> facts(const std::vector<std::string>& plugins, Steady until);
  /// Of one; nothing if nobody can say yet: then somebody is looking at it. Blocks, a moment and only for one who came soon
  /// after the look began: a plugin that hangs keeps nobody.
  [[nodiscard]] std::optional<PluginFacts> soon(const std::string& plugin);
  /// Somebody has loaded it.
  void learn(const std::string& plugin, const Result<hostwire::Loaded>& loaded);
  /// A process has it loaded, from whatever the file was then.
  void runs(const std::string& plugin, std::uint32_t flags);
  /// CHATD_PF_* of the file and of what runs or ran of it; nothing: nobody knows yet. Never blocks.
  [[nodiscard]] std::optional<std::uint32_t> flags(const std::string& plugin) const;

 private:
  /// Which file, in which state.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t changedNs = 0;
    bool operator==(const Identity&) const = default;
  };
  struct Entry {
    std::optional<Identity> of;  ///< nothing: nobody has looked at it
    PluginFacts facts;
    bool asking = false;
    Steady since{};                    ///< of asking
    std::optional<std::uint32_t> ran;  ///< flags of all that were loaded to run
    Steady again{};                    ///< with a fault: not looked at again before
  };
  [[nodiscard]] Result<Identity> identityOf(const std::string& plugin) const;
  [[nodiscard]] static bool known(const Entry& entry, const Identity& identity);
  /// Begins to look at it, unless it is known or being looked at, or the budget is used up.
  void ask(const std::string& plugin, const Identity& identity, std::size_t& budget);
  [[nodiscard]] std::optional<PluginFacts> await(const std::string& plugin, const Result<Identity>& identity, Steady until);
  /// What somebody found out who loaded it; anything but a fault of the plugin's says nothing about it.
  static void take(Entry& entry, const std::string& plugin, const Identity& identity,
                   const Result<hostwire::Loaded>& loaded);
  void told(const std::string& plugin, const Identity& identity, const Result<hostwire::Loaded>& loaded);

  const std::vector<std::string> folders_;
  const Look look_;
  mutable Mutex mutex_;
  Condition told_;
  std::map<std::string, Entry> entries_ CHATD_GUARDED_BY(mutex_);  ///< of files that are or were there
};

}  // namespace chatd

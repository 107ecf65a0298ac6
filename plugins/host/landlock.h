// Whether this kernel has Landlock, without which plugins' processes can read the files that their user can. Thread: any.
#pragma once

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chatd {

/// False also where a system call filter forbids it (systemd: SystemCallFilter needs landlock_create_ruleset).
[[nodiscard]] inline bool landlockThere() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

}  // namespace chatd

// What a running process has used, read from /proc. Thread: any.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace bench {

/// `pid` and the processes that it started directly (PostgreSQL's backends are children of one postmaster).
[[nodiscard]] std::vector<pid_t> family(pid_t pid);

/// User and system time of these processes, in seconds; those that are gone count as 0. Resolution: one clock tick (10 ms).
[[nodiscard]] double cpuSeconds(const std::vector<pid_t>& pids);

/// Resident bytes of one process.
[[nodiscard]] std::uint64_t residentBytes(pid_t pid);

}  // namespace bench

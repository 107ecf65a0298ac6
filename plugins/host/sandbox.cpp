#include "host/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <vector>

#include "host/landlock.h"

namespace chatd::plugin_host {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // the sanitizers map terabytes of address space and start a process at exit
#else
constexpr bool kSanitized = false;
#endif

constexpr rlim_t kAddressSpace = rlim_t{1} << 30;
constexpr rlim_t kDescriptors = 64;

Error failed(const char* what) {
  return {Code::Internal, fmt::format("{}: {}", what, std::generic_category().message(errno))};
}

Result<void> limit(__rlimit_resource what, rlim_t most, const char* name) {
  const rlimit both{most, most};
  return ::setrlimit(what, &both) == 0 ? Result<void>() : Result<void>(failed(name));
}

Result<void> limitResources() {
  // A heap per thread would use up the address space for nothing.
  ::mallopt(M_ARENA_MAX, 2);
  CHATD_CHECK(limit(RLIMIT_CORE, 0, "RLIMIT_CORE"));
  CHATD_CHECK(limit(RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"));
  CHATD_CHECK(limit(RLIMIT_NOFILE, kDescriptors, "RLIMIT_NOFILE"));
  if (!kSanitized) CHATD_CHECK(limit(RLIMIT_AS, kAddressSpace, "RLIMIT_AS"));
  return {};
}

// --- files: Landlock --------------------------------------------------------------------------------------------------

constexpr std::uint64_t kReads = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// Everything that the first version of Landlock knows.
constexpr std::uint64_t kHandled = kReads | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                   LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                   LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                   LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

/// False: a kernel without Landlock.
Result<bool> limitFiles(const std::string& readable) {
  if (!landlockThere()) return false;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = kHandled;
  const long ruleset = ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (ruleset < 0) return failed("landlock_create_ruleset");
  // Of /etc what libraries read, and nothing else: the daemon's own configuration lies there, with passwords.
  const std::array<const char*, 13> paths = {"/usr",
                                             "/lib",
                                             "/lib64",
                                             "/etc/ld.so.cache",
                                             "/etc/localtime",
                                             "/etc/nsswitch.conf",
                                             "/etc/ssl/openssl.cnf",
                                             "/etc/ssl/certs",
                                             "/etc/alternatives",
                                             "/dev/null",
                                             "/dev/urandom",
                                             "/sys/devices/system/cpu",
                                             readable.c_str()};
  for (const char* path : paths) {
    const int fd = ::open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) continue;  // not on this system
    struct stat about {};
    if (::fstat(fd, &about) != 0) return failed("fstat");
    landlock_path_beneath_attr rule{};
    // A rule on a file may not name what is for folders only.
    rule.allowed_access = S_ISDIR(about.st_mode) ? kReads : LANDLOCK_ACCESS_FS_READ_FILE;
    rule.parent_fd = fd;
    const long added = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    ::close(fd);
    if (added != 0) return failed("landlock_add_rule");
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) return failed("landlock_restrict_self");
  ::close(static_cast<int>(ruleset));
  return true;
}

// --- system calls: seccomp --------------------------------------------------------------------------------------------

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the system call filter knows x86-64 and arm64"
#endif

// What computing, threads, memory, clocks, reading files and our one socket need. Not in it, and therefore refused with
// EPERM: new sockets, new processes and programs, signals to others, tracing, mounting, namespaces, keys, io_uring.
constexpr std::array kAllowed = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_lseek,
    SYS_mmap,
    SYS_mprotect,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_futex,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getpid,
    SYS_gettid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_exit,
    SYS_exit_group,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_getdents64,
    SYS_fcntl,
    SYS_dup,
    SYS_dup3,
    SYS_ppoll,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_pipe2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_sendto,
    SYS_recvfrom,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_rseq,
    SYS_set_tid_address,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
    SYS_membarrier,
    SYS_getcpu,
    SYS_restart_syscall,
    SYS_getcwd,
    SYS_fadvise64,
    SYS_getrlimit,
    SYS_times,
    SYS_mincore,
    SYS_getresuid,
    SYS_getresgid,
#if defined(__x86_64__)
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_poll,
    SYS_select,
    SYS_epoll_wait,
    SYS_arch_prctl,
    SYS_time,
    SYS_dup2,
#endif
};

class Filter {
 public:
  void put(std::uint16_t code, std::uint32_t k, std::uint8_t ifTrue = 0, std::uint8_t ifFalse = 0) {
    program_.push_back({code, ifTrue, ifFalse, k});
  }
  void load(std::size_t offset) { put(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
  void answer(std::uint32_t action) { put(BPF_RET | BPF_K, action); }
  void refuse(int number) { answer(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number)); }
  void allow() { answer(SECCOMP_RET_ALLOW); }
  /// The next `n` instructions are for this call only. The number is loaded before and after.
  void only(long call, std::uint8_t n) { put(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, n); }

  [[nodiscard]] Result<void> install() {
    const sock_fprog program{static_cast<unsigned short>(program_.size()), program_.data()};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? Result<void>()
                                                                             : Result<void>(failed("seccomp"));
  }

 private:
  std::vector<sock_filter> program_;
};

constexpr std::size_t low(std::size_t argument) { return offsetof(seccomp_data, args) + 8 * argument; }
constexpr std::size_t high(std::size_t argument) { return low(argument) + 4; }

/// `call` passes if none of `forbidden` is set in the low half of `argument`.
void allowWithout(Filter& f, long call, std::size_t argument, std::uint32_t forbidden) {
  f.only(call, 4);
  f.load(low(argument));
  f.put(BPF_JMP | BPF_JSET | BPF_K, forbidden, 1, 0);
  f.allow();
  f.refuse(EPERM);
}

/// `call` passes if the low half of `argument` is `value`.
void allowOnly(Filter& f, long call, std::size_t argument, std::uint32_t value) {
  f.only(call, 4);
  f.load(low(argument));
  f.put(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
  f.allow();
  f.refuse(EPERM);
}

Result<void> limitCalls() {
  Filter f;
  f.load(offsetof(seccomp_data, arch));
  f.put(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
  f.answer(SECCOMP_RET_KILL_PROCESS);
  f.load(offsetof(seccomp_data, nr));
  for (const long call : kAllowed) {
    f.only(call, 1);
    f.allow();
  }
  // Threads, not processes. clone3 hides its flags in memory: told that it does not exist, libraries take clone.
  f.only(SYS_clone3, 1);
  f.refuse(ENOSYS);
  f.only(SYS_clone, 4);
  f.load(low(0));
  f.put(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
  f.allow();
  f.refuse(EPERM);
  constexpr std::uint32_t kWrites = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
  allowWithout(f, SYS_openat, 2, kWrites);
#if defined(__x86_64__)
  allowWithout(f, SYS_open, 1, kWrites);
#endif
  // abort() and pthread signals: to ourselves.
  allowOnly(f, SYS_tgkill, 0, static_cast<std::uint32_t>(::getpid()));
  allowOnly(f, SYS_prctl, 0, PR_SET_NAME);
  // Reading limits (pthread_getattr_np), not changing them: no new value given.
  f.only(SYS_prlimit64, 6);
  f.load(low(2));
  f.put(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
  f.load(high(2));
  f.put(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
  f.allow();
  f.refuse(EPERM);
  f.refuse(EPERM);
  return f.install();
}

}  // namespace

Result<bool> enterSandbox(const std::string& readable) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  CHATD_CHECK(limitResources());
  CHATD_TRY(confined, limitFiles(readable));
  if (!kSanitized) CHATD_CHECK(limitCalls());
  return confined;
}

}  // namespace chatd::plugin_host

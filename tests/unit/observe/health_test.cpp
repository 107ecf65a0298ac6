// Health checks, and what the service manager is told over its socket.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "observe/health.h"
#include "observe/systemd.h"

using namespace chatd;

namespace {

/// A service manager's end of NOTIFY_SOCKET, in the abstract namespace.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    // Autobind: the kernel picks a free abstract name.
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)) == 0);
    socklen_t size = sizeof(address);
    BOOST_REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    const std::string name(&address.sun_path[1], size - sizeof(sa_family_t) - 1);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    const timeval limit = {10, 0};
    BOOST_REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  std::string next() {
    std::array<char, 2048> buffer;
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return n < 0 ? std::string("nothing came") : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

 private:
  int fd_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(health)

BOOST_AUTO_TEST_CASE(it_is_ready_when_every_check_is_fine) {
  Health h;
  bool storeIsUp = false;
  h.add("store", [&]() -> std::optional<std::string> {
    if (storeIsUp) return std::nullopt;
    return "the disk is full";
  });
  h.add("loops", []() -> std::optional<std::string> { return std::nullopt; });
  const auto bad = h.report();
  BOOST_TEST(!bad.ready);
  BOOST_REQUIRE(bad.findings.size() == 2U);
  BOOST_TEST(bad.findings[0].name == "store");
  BOOST_TEST(bad.findings[0].reason.value() == "the disk is full");
  BOOST_TEST(!bad.findings[1].reason.has_value());
  storeIsUp = true;
  BOOST_TEST(h.report().ready);
}

BOOST_AUTO_TEST_CASE(a_drain_is_not_ready_whatever_the_checks_say) {
  Health h;
  h.add("loops", []() -> std::optional<std::string> { return std::nullopt; });
  h.refuse("the daemon is stopping");
  const auto report = h.report();
  BOOST_TEST(!report.ready);
  BOOST_TEST(report.findings[0].reason.value() == "the daemon is stopping");
}

BOOST_AUTO_TEST_CASE(a_check_that_throws_is_a_finding) {
  Health h;
  h.add("odd", []() -> std::optional<std::string> { throw std::runtime_error("broken"); });
  const auto report = h.report();
  BOOST_TEST(!report.ready);
  BOOST_TEST(report.findings[0].reason.value() == "the check failed: broken");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(service_manager)

BOOST_AUTO_TEST_CASE(without_a_socket_nothing_is_told) {
  ::unsetenv("NOTIFY_SOCKET");
  systemd::ready();
  systemd::status("text");
  BOOST_TEST(!systemd::watchdogInterval().has_value());
}

BOOST_AUTO_TEST_CASE(each_state_is_told_in_the_words_of_sd_notify) {
  Manager manager;
  systemd::ready();
  BOOST_TEST(manager.next() == "READY=1");
  systemd::reloading();
  BOOST_TEST(manager.next().rfind("RELOADING=1\nMONOTONIC_USEC=", 0) == 0U);
  systemd::watchdog();
  BOOST_TEST(manager.next() == "WATCHDOG=1");
  systemd::stopping();
  BOOST_TEST(manager.next() == "STOPPING=1");
}

BOOST_AUTO_TEST_CASE(a_status_cannot_smuggle_another_assignment) {
  Manager manager;
  systemd::status("fine\nMAINPID=1");
  BOOST_TEST(manager.next() == "STATUS=fine MAINPID=1");
}

BOOST_AUTO_TEST_CASE(the_watchdog_interval_is_the_managers) {
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  BOOST_TEST((systemd::watchdogInterval() == std::chrono::seconds(30)));
  ::setenv("WATCHDOG_PID", "1", 1);
  BOOST_TEST(!systemd::watchdogInterval().has_value());
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

BOOST_AUTO_TEST_SUITE_END()

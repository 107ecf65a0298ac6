#include "observe/systemd.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <string>

namespace chatd::systemd {

namespace {

// A failure is of no consequence to us: the manager then acts on its own deadline, and says so.
void notify(const std::string& state) { (void)sd_notify(0, state.c_str()); }

}  // namespace

void ready() { notify("READY=1"); }
void stopping() { notify("STOPPING=1"); }

void reloading() {
  // Managers from 253 on want the time with it (sd_notify(3)); older ones ignore the field.
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto usec = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void watchdog() { notify("WATCHDOG=1"); }

void status(std::string_view text) {
  // Lines separate assignments: a line end inside the text would be another one.
  std::string line = "STATUS=";
  for (const char c : text.substr(0, 512)) line.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
  notify(line);
}

std::optional<std::chrono::microseconds> watchdogInterval() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) <= 0 || usec == 0) return std::nullopt;
  return std::chrono::microseconds(usec);
}

}  // namespace chatd::systemd

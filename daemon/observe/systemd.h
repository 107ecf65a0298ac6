// What the service manager is told (sd_notify) and asks for (the watchdog). Without NOTIFY_SOCKET every call does nothing.
// Thread: any.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace chatd::systemd {

/// Serving; also ends reloading().
void ready();
/// A drain has begun.
void stopping();
/// SIGHUP is being handled; ready() ends it.
void reloading();
/// Alive; send at least twice per watchdogInterval().
void watchdog();
/// One line for `systemctl status`; control characters are replaced by spaces.
void status(std::string_view text);
/// The time after which the manager kills a silent service; nothing: it does not watch this process.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdogInterval();

}  // namespace chatd::systemd

// chatd: main. Signals are blocked before any thread exists and taken one at a time by sigwait.
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include "app/daemon.h"
#include "app/listening.h"
#include "app/plugin_checks.h"
#include "config/command_line.h"
#include "config/load.h"
#include "observe/log.h"
#include "observe/systemd.h"

namespace {

using namespace chatd;

void printFaults(const std::vector<ConfigFault>& faults) {
  for (const ConfigFault& fault : faults) std::fprintf(stderr, "chatd: %s\n", fault.text().c_str());
}

/// Until SIGTERM or SIGINT. SIGHUP reloads.
void waitForTheEnd(Daemon& daemon, const CommandLine& flags, const sigset_t& signals) {
  const auto interval = systemd::watchdogInterval();
  for (;;) {
    int signal = 0;
    if (interval) {
      const auto half = std::chrono::duration_cast<std::chrono::nanoseconds>(*interval / 2);
      const timespec wait{static_cast<time_t>(half.count() / 1'000'000'000),
                          static_cast<long>(half.count() % 1'000'000'000)};
      signal = sigtimedwait(&signals, nullptr, &wait);
      systemd::watchdog();
      if (signal < 0) continue;
    } else if (sigwait(&signals, &signal) != 0) {
      continue;
    }
    if (signal != SIGHUP) return;
    systemd::reloading();
    daemon.reloading();
    daemon.reload(loadOptions(flags, processEnvironment()));
    systemd::ready();
  }
}

int run(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // Over RLIMIT_FSIZE a write fails, as on a full disk.
  std::signal(SIGXFSZ, SIG_IGN);

  const auto parsed = parseCommandLine(argc, argv, std::cout, std::cerr);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const CommandLine& flags = std::get<CommandLine>(parsed);
  LoadedOptions loaded = loadOptions(flags, processEnvironment());
  PluginFindings plugins;
  if (loaded.options) {
    loaded.faults = certificateFaults(loaded);
    plugins = judgePlugins(loaded);
    loaded.faults.insert(loaded.faults.end(), plugins.faults.begin(), plugins.faults.end());
  }
  if (!loaded.faults.empty()) {
    printFaults(loaded.faults);
    return kExitConfig;
  }
  if (flags.checkConfig) {
    for (const ConfigFault& warning : plugins.warnings) {
      std::fprintf(stderr, "chatd: warning: %s\n", warning.text().c_str());
    }
    std::puts("chatd: the configuration is good");
    return kExitOk;
  }

  Daemon daemon(*loaded.options);
  if (const auto started = daemon.start(); !started.ok()) {
    log().stopWriter();
    std::fprintf(stderr, "chatd: %s\n", started.error().detail().c_str());
    return kExitFailure;
  }
  std::printf("chatd ready on %s\n", daemon.url().c_str());
  std::fflush(stdout);
  systemd::ready();
  waitForTheEnd(daemon, flags, signals);
  systemd::stopping();
  daemon.stop();
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    // Nothing above throws in its ordinary work: this is memory running out at start, or a bug.
    std::fprintf(stderr, "chatd: %s\n", e.what());
    return kExitFailure;
  }
}

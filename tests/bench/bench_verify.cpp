// bench_verify: what a verification costs when the plugin runs inside the daemon, in a process of its own, and when the
// cache knows the answer. Usage: bench_verify [SECONDS]. The chain is the daemon's, on a store in memory, so that what is
// measured is the chain, the host and the plugin's answer, which costs nothing itself. Single flight is out of the picture:
// every token that is asked about is another one, except for the cache.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "auth/verifier_chain.h"
#include "support/plugin_folder.h"
#include "unit/auth/memory_store.h"

namespace {

using namespace chatd;
using std::chrono::steady_clock;

constexpr std::size_t kUsers = 64;

double cpuSeconds(int who) {
  rusage used{};
  ::getrusage(who, &used);
  const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Figure {
  double perSecond = 0;
  double p50 = 0;  ///< microseconds
  double p99 = 0;
  double cpu = 0;  ///< microseconds of this process a verification
};

/// Keeps `underWay` questions under way for so long. Thread: the main one asks; answers come on the chain's.
class Run {
 public:
  Run(VerifierChain& chain, std::string app, bool sameTokens) : chain_(chain), app_(std::move(app)), same_(sameTokens) {}

  Figure measure(std::size_t underWay, std::chrono::duration<double> time) {
    std::vector<double> micros;
    const double cpuBefore = cpuSeconds(RUSAGE_SELF);
    const auto began = steady_clock::now();
    std::unique_lock lock(mutex_);
    while (steady_clock::now() - began < time) {
      changed_.wait(lock, [&] { return open_ < underWay; });
      ++open_;
      lock.unlock();
      ask();
      lock.lock();
    }
    changed_.wait(lock, [&] { return open_ == 0; });
    const double seconds = std::chrono::duration<double>(steady_clock::now() - began).count();
    micros.swap(micros_);
    lock.unlock();
    if (failed_ > 0) {
      fmt::print(stderr, "{} verifications failed\n", failed_.load());
      std::exit(1);
    }
    std::sort(micros.begin(), micros.end());
    const auto count = static_cast<double>(micros.size());
    return {count / seconds, micros[micros.size() / 2], micros[micros.size() * 99 / 100],
            (cpuSeconds(RUSAGE_SELF) - cpuBefore) * 1e6 / count};
  }

 private:
  void ask() {
    const std::uint64_t number = same_ ? asked_++ % kUsers : asked_++;
    // The plugin `evil` of the tests: the user, and what it is granted, which makes it another token.
    const std::string token = fmt::format("grant:u{}:7:room-{}", number % kUsers, number);
    VerifyRequest request{token, app_, {}, {}};
    chain_.verify(std::move(request), [this, began = steady_clock::now()](const Result<Identity>& who) {
      const double took = std::chrono::duration<double, std::micro>(steady_clock::now() - began).count();
      if (!who.ok()) ++failed_;
      const std::lock_guard lock(mutex_);
      micros_.push_back(took);
      --open_;
      changed_.notify_one();
    });
  }

  VerifierChain& chain_;
  const std::string app_;
  const bool same_;
  std::uint64_t asked_ = 0;
  std::atomic<std::size_t> failed_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t open_ = 0;
  std::vector<double> micros_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::chrono::duration<double> time(argc > 1 ? std::atof(argv[1]) : 5.0);
  SystemClock clock;
  test::MemoryStore store(clock);
  test::PluginFolder folder;
  folder.put("evil", "evil");
  OutboundHttp http{OutboundOptions{}};
  VerifierOptions options;
  options.pluginFolders = {folder.path()};
  options.pluginProgram = CHATD_PLUGIN_HOST;
  VerifierChain chain(store, store, http, clock, std::string(32, 'k'), options);

  const auto app = [&](const std::string& name, const std::string& isolation, bool cached) {
    VerifierSpec spec;
    spec.plugin = "evil";
    spec.isolation = isolation;
    spec.cacheTtl = std::chrono::seconds(cached ? 60 : 0);
    if (!store.createApp({name, {}, {spec}}).ok()) std::exit(1);
    return name;
  };
  struct Way {
    const char* name;
    std::string app;
    bool cached;
  };
  const std::vector<Way> ways = {{"inline", app("inline", "inline", false), false},
                                 {"process", app("process", "process", false), false},
                                 {"cache", app("cache", "inline", true), true}};
  fmt::print("{:8} {:>9} {:>16} {:>9} {:>9} {:>14}\n", "plugin", "under way", "verifications/s", "p50 us", "p99 us",
             "daemon CPU us");
  for (const Way& way : ways) {
    Run warm(chain, way.app, way.cached);
    static_cast<void>(warm.measure(1, std::chrono::duration<double>(0.3)));
    for (const std::size_t underWay : {1U, 16U, 48U}) {
      const Figure f = Run(chain, way.app, way.cached).measure(underWay, time);
      fmt::print("{:8} {:>9} {:>16.0f} {:>9.0f} {:>9.0f} {:>14.1f}\n", way.name, underWay, f.perSecond, f.p50, f.p99, f.cpu);
    }
  }
  http.stop();
  chain.stop();
  return 0;
}

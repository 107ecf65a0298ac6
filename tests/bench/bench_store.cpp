// bench_store: durable appends per second and the CPU time of each, with so many under way over so many rooms.
// Usage: bench_store FOLDER [SECONDS [UNDER_WAY ROOMS CLIENT_IDS]]. One line a case; the folder gets a database, which is
// removed.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/mutex.h"
#include "store/store.h"

namespace {

using namespace chatd;
using std::chrono::steady_clock;

double cpuMicros() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec); };
  return of(u.ru_utime) + of(u.ru_stime);
}

// CPU time of the commit thread, from the kernel's account of it.
double commitThreadMicros() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name != "commit") continue;
    double nanos = 0;
    std::ifstream(task.path() / "schedstat") >> nanos;
    return nanos / 1e3;
  }
  return 0;
}

// Bytes that the process has written.
double writtenBytes() {
  std::ifstream io("/proc/self/io");
  for (std::string name; io >> name;) {
    double bytes = 0;
    io >> bytes;
    if (name == "wchar:") return bytes;
  }
  return 0;
}

// Hands the slots of what was committed to the one sender.
class Slots final : public LogSink {
 public:
  void committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome>) override {
    {
      LockGuard g(mutex_);
      for (const AppendOutcome& outcome : appends) {
        if (!outcome.result.ok()) {
          fmt::print(stderr, "refused: {}\n", outcome.result.error().detail());
          std::exit(1);
        }
        done_.push_back(outcome.request.ticket.slot);
      }
    }
    ready_.notifyOne();
  }
  void take(std::vector<std::uint64_t>& slots) {
    UniqueLock lock(mutex_);
    while (done_.empty()) ready_.wait(lock);
    slots.swap(done_);
  }

 private:
  Mutex mutex_;
  Condition ready_;
  std::vector<std::uint64_t> done_;
};

struct Load {
  std::size_t underWay;
  std::size_t rooms;
  bool clientMsgIds;
};

template <class T>
T must(Result<T> result) {
  if (!result.ok()) {
    fmt::print(stderr, "{}\n", result.error().detail());
    std::exit(1);
  }
  return std::move(result).value();
}

struct Place {
  RoomId room{};
  UserId user{};
  AccessRev access{};
};

std::vector<Place> makePlaces(Store& store, AppId app, std::size_t count) {
  std::vector<Place> places;
  const auto salt = randomNumber();
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = fmt::format("bench-{}-{}", salt, i);
    const auto user = must(store.directory().upsertUser(app, name, false, {}, false)).user.id;
    const auto room =
        must(store.directory().createRoom({app, name, RoomType::Group, std::nullopt, std::nullopt, {user}})).room.id;
    places.push_back({room, user, must(store.directory().roomState(room)).counter.accessRev});
  }
  return places;
}

void run(Store& store, Slots& sink, AppId app, const Load& load, std::chrono::seconds length) {
  const auto places = makePlaces(store, app, load.rooms);
  std::vector<steady_clock::time_point> sent(load.underWay);
  std::vector<double> latencies;
  std::uint64_t serial = 0;
  const std::string text(128, 'x');
  const auto send = [&](std::uint64_t slot) {
    const Place& place = places[serial % places.size()];
    Append a;
    a.ticket.slot = slot;
    a.app = app;
    a.room = place.room;
    a.sender = place.user;
    a.sendId = randomSendId();
    a.checkedUnder = place.access;
    a.text = text;
    if (load.clientMsgIds) a.clientMsgId = fmt::format("client-message-{}", serial);
    ++serial;
    sent[slot] = steady_clock::now();
    if (store.log().append(std::move(a)) != Offer::Taken) std::exit(1);
  };
  const auto before = store.counts();
  const auto begin = steady_clock::now();
  const double cpu = cpuMicros();
  const double commitCpu = commitThreadMicros();
  const double written = writtenBytes();
  for (std::uint64_t slot = 0; slot < load.underWay; ++slot) send(slot);
  std::size_t waiting = load.underWay;
  std::vector<std::uint64_t> slots;
  while (waiting > 0) {
    slots.clear();
    sink.take(slots);
    const auto now = steady_clock::now();
    for (const auto slot : slots) {
      latencies.push_back(std::chrono::duration<double, std::milli>(now - sent[slot]).count());
      if (now - begin < length) {
        send(slot);
      } else {
        --waiting;
      }
    }
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  const double n = static_cast<double>(latencies.size());
  const double batches = static_cast<double>(store.counts().batches - before.batches);
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double q) { return latencies[static_cast<std::size_t>(q * (n - 1))]; };
  fmt::print("{:>9} {:>5} {:>8} {:>10.0f} {:>10.1f} {:>9.2f} {:>9.2f} {:>8.3f} {:>8.3f} {:>8.2f} {:>8.0f}\n", load.underWay,
             load.rooms, load.clientMsgIds ? "yes" : "no", n / seconds, n / batches, (commitThreadMicros() - commitCpu) / n,
             (cpuMicros() - cpu) / n, at(0.5), at(0.99), latencies.back(), (writtenBytes() - written) / n);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_store FOLDER [SECONDS [UNDER_WAY ROOMS CLIENT_IDS]]\n");
    return 2;
  }
  const std::filesystem::path folder = std::filesystem::path(argv[1]) / "bench_store";
  const std::chrono::seconds length(argc > 2 ? std::atoi(argv[2]) : 3);
  std::filesystem::remove_all(folder);
  {
    const SystemClock clock;
    StoreOptions options;
    options.dataDirectory = folder;
    Store store(options, clock);
    if (const auto opened = store.open(); !opened.ok()) {
      fmt::print(stderr, "{}\n", opened.error().detail());
      return 1;
    }
    Slots sink;
    store.log().setSink(&sink);
    const AppId app = must(store.directory().createApp({"bench", {}, {}})).id;
    fmt::print("under way rooms clientId  appends/s rows/batch commit µs  total µs   p50 ms   p99 ms   max ms  B/append\n");
    if (argc > 5) {
      const auto number = [&](int i) { return static_cast<std::size_t>(std::max(1, std::atoi(argv[i]))); };
      run(store, sink, app, {number(3), number(4), std::atoi(argv[5]) != 0}, length);
      store.stop();
      std::filesystem::remove_all(folder);
      return 0;
    }
    for (const bool ids : {true, false}) {
      for (const std::size_t rooms : {1u, 100u}) {
        for (const std::size_t underWay : {1u, 8u, 64u, 512u}) run(store, sink, app, {underWay, rooms, ids}, length);
      }
    }
  }
  std::filesystem::remove_all(folder);
}

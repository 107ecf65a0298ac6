// bench_store: durable appends per second and the CPU time of each, with so many under way over so many rooms.
// Usage: bench_store FOLDER|URL [SECONDS [UNDER_WAY ROOMS CLIENT_IDS]]. One line a case. A folder gets a SQLite database,
// which is removed; a URL names an empty database of PostgreSQL, on which one transaction a message is measured in the same
// run, on a pool of connections, in two forms. Bare: one INSERT, a row and two indexes, without order, repeats or members.
// Alike: the rows that chatd writes for a message, in one statement that a careful programmer would write by hand.
#include <fmt/format.h>
#include <libpq-fe.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/postgresql/pg_url.h"
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

// CPU time of the commit threads, from the kernel's account of them.
double commitThreadMicros() {
  double micros = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name != "commit") continue;
    double nanos = 0;
    std::ifstream(task.path() / "schedstat") >> nanos;
    micros += nanos / 1e3;
  }
  return micros;
}

// CPU time of the server's processes on this database, in microseconds; 0 if it is on another machine. A machine that others
// use too gives a pool of sixteen a larger share than one connection, so rates alone mislead there.
class ServerCpu {
 public:
  explicit ServerCpu(const std::string& url) : connection_(PQconnectdb(url.c_str())) {}
  ~ServerCpu() { PQfinish(connection_); }
  ServerCpu(const ServerCpu&) = delete;
  ServerCpu& operator=(const ServerCpu&) = delete;

  double micros() {
    PGresult* rows = PQexec(
        connection_, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    double nanos = 0;
    for (int i = 0; i < PQntuples(rows); ++i) {
      double each = 0;
      std::ifstream(fmt::format("/proc/{}/schedstat", PQgetvalue(rows, i, 0))) >> each;
      nanos += each;
    }
    PQclear(rows);
    return nanos / 1e3;
  }

 private:
  PGconn* connection_;
};

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
  void late(std::vector<AppendOutcome>, std::vector<ChangeOutcome>) override {}
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

double run(Store& store, Slots& sink, AppId app, const Load& load, std::chrono::seconds length, ServerCpu* server) {
  const auto places = makePlaces(store, app, load.rooms);
  std::vector<steady_clock::time_point> sent(load.underWay);
  std::vector<double> latencies;
  std::uint64_t serial = 0;
  const std::string text(128, 'x');
  const auto send = [&](std::uint64_t slot) {
    const Place& place = places[slot % places.size()];  // a sender stays in its room
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
  const double serverCpu = server == nullptr ? 0 : server->micros();
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
  const double ofServer = server == nullptr ? 0 : server->micros() - serverCpu;
  fmt::print("{:>9} {:>5} {:>8} {:>10.0f} {:>10.1f} {:>9.2f} {:>9.2f} {:>9.2f} {:>8.3f} {:>8.3f} {:>8.2f} {:>8.0f}\n",
             load.underWay, load.rooms, load.clientMsgIds ? "yes" : "no", n / seconds, n / batches,
             (commitThreadMicros() - commitCpu) / n, (cpuMicros() - cpu) / n, ofServer / n, at(0.5), at(0.99),
             latencies.back(), (writtenBytes() - written) / n);
  return n / seconds;
}

// As many connections as bring the server to its best on a few cores; a usual pool has ten.
constexpr std::size_t kPool = 16;

struct Peer {
  const char* name;
  const char* insert;  ///< $1 room, $2 sender, $3 text, $4 client's id
};
constexpr Peer kBare{
    "one bare INSERT a message",
    "INSERT INTO one_by_one (room, sender, text) SELECT $1::bigint, $2::bigint, $3::text WHERE $4::text <> ''"};
constexpr Peer kAlike{
    "one transaction a message, the same rows",
    "WITH c AS (UPDATE room_counter SET last_seq = last_seq + 1 WHERE room_id = $1::bigint RETURNING last_seq), "
    "k AS (INSERT INTO message_key (room_id, sender_id, client_msg_id, message_id, seq, text_hash, created_at) "
    "SELECT $1::bigint, $2::bigint, $4::text, nextval('message_id'), last_seq, 1, 1 FROM c RETURNING message_id, seq), "
    "r AS (UPDATE room_member m SET read_seq = k.seq FROM k WHERE m.room_id = $1::bigint AND m.user_id = $2::bigint) "
    "INSERT INTO message (id, room_id, seq, sender_id, text, client_msg_id, created_at, updated_at, rev, send_id) "
    "SELECT message_id, $1::bigint, seq, $2::bigint, $3::text, $4::text, 1, 1, 0, gen_random_uuid() FROM k"};
constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS one_by_one (id bigserial PRIMARY KEY, room bigint NOT NULL, sender bigint NOT NULL, text "
    "text "
    "NOT NULL, created_at timestamptz NOT NULL DEFAULT now()); "
    "CREATE INDEX IF NOT EXISTS one_by_one_room ON one_by_one (room, id)";

// `which` of the pool's connections; it takes its share of the rooms in turn.
void insertOneByOne(PGconn* connection, std::size_t which, const std::vector<Place>& places, steady_clock::time_point until,
                    std::vector<double>& latencies) {
  const std::string text(128, 'x');
  for (std::uint64_t serial = 0; steady_clock::now() < until; ++serial) {
    const Place& place = places[(which + serial * kPool) % places.size()];
    const std::string room = std::to_string(raw(place.room));
    const std::string sender = std::to_string(raw(place.user));
    const std::string client = fmt::format("client-message-{}-{}", which, serial);
    const char* values[] = {room.c_str(), sender.c_str(), text.c_str(), client.c_str()};
    const auto begin = steady_clock::now();
    PGresult* result = PQexecPrepared(connection, "insert", 4, values, nullptr, nullptr, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
      fmt::print(stderr, "{}\n", PQerrorMessage(connection));
      std::exit(1);
    }
    PQclear(result);
    latencies.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count());
  }
}

// `senders` that wait for each other's turn on the pool: what a request handler with a pool does.
double runInserts(const Peer& peer, const std::string& url, const std::vector<Place>& places, std::size_t senders,
                  std::chrono::seconds length, ServerCpu& server) {
  const std::size_t pool = std::min(senders, kPool);
  std::vector<PGconn*> connections;
  for (std::size_t i = 0; i < pool; ++i) {
    PGconn* connection = PQconnectdb(url.c_str());
    PQsetNoticeProcessor(
        connection, [](void*, const char*) {}, nullptr);
    if (i == 0) PQclear(PQexec(connection, kTable));
    PQclear(PQprepare(connection, "insert", peer.insert, 4, nullptr));
    connections.push_back(connection);
  }
  std::vector<std::vector<double>> latencies(pool);
  std::vector<std::thread> threads;
  const double cpu = cpuMicros();
  const double serverCpu = server.micros();
  const auto begin = steady_clock::now();
  for (std::size_t i = 0; i < pool; ++i) {
    threads.emplace_back([&, i] { insertOneByOne(connections[i], i, places, begin + length, latencies[i]); });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  const double ofServer = server.micros() - serverCpu;
  const double ofClient = cpuMicros() - cpu;
  std::vector<double> all;
  for (const auto& each : latencies) all.insert(all.end(), each.begin(), each.end());
  for (PGconn* connection : connections) PQfinish(connection);
  std::sort(all.begin(), all.end());
  const double n = static_cast<double>(all.size());
  // A sender waits for its turn as well: with more senders than connections, Little's law.
  const double turn = static_cast<double>(senders) / static_cast<double>(pool);
  fmt::print("{:>9} {:>5} {:>8} {:>10.0f} {:>10} {:>9} {:>9.2f} {:>9.2f} {:>8.3f} {:>8.3f}   {}, {} connections\n", senders,
             places.size(), "yes", n / seconds, 1, "", ofClient / n, ofServer / n, turn * all[all.size() / 2],
             turn * all[all.size() * 99 / 100], peer.name, pool);
  return n / seconds;
}

void compare(Store& store, Slots& sink, AppId app, const std::string& url, std::chrono::seconds length) {
  std::string summary;
  ServerCpu server(url);
  for (const std::size_t senders : {1u, 8u, 64u, 512u}) {
    for (const std::size_t rooms :
         std::set<std::size_t>{1, std::min<std::size_t>(senders, 16), std::min<std::size_t>(senders, 64)}) {
      const double bare = runInserts(kBare, url, makePlaces(store, app, rooms), senders, length, server);
      const double alike = runInserts(kAlike, url, makePlaces(store, app, rooms), senders, length, server);
      const double group = run(store, sink, app, {senders, rooms, true}, length, &server);
      summary += fmt::format("  {} senders in {} rooms: {:.1f}× the same rows, {:.1f}× bare\n", senders, rooms,
                             group / alike, group / bare);
    }
  }
  fmt::print("group commit against one transaction a message:\n{}", summary);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_store FOLDER|URL [SECONDS [UNDER_WAY ROOMS CLIENT_IDS]]\n");
    return 2;
  }
  const bool server = store::isPgUrl(argv[1]);
  const std::filesystem::path folder = server ? std::filesystem::path() : std::filesystem::path(argv[1]) / "bench_store";
  const std::chrono::seconds length(argc > 2 ? std::atoi(argv[2]) : 3);
  if (!server) std::filesystem::remove_all(folder);
  {
    const SystemClock clock;
    StoreOptions options;
    if (server) {
      options.url = argv[1];
    } else {
      options.dataDirectory = folder;
    }
    Store store(options, clock);
    if (const auto opened = store.open(); !opened.ok()) {
      fmt::print(stderr, "{}\n", opened.error().detail());
      return 1;
    }
    Slots sink;
    store.log().setSink(&sink);
    const AppId app = must(store.directory().createApp({fmt::format("bench-{}", randomNumber()), {}, {}})).id;
    fmt::print(
        "under way rooms clientId  appends/s rows/batch commit µs  total µs server µs   p50 ms   p99 ms   max ms  "
        "B/append\n");
    const auto number = [&](int i) { return static_cast<std::size_t>(std::max(1, std::atoi(argv[i]))); };
    if (argc > 5) {
      run(store, sink, app, {number(3), number(4), std::atoi(argv[5]) != 0}, length, nullptr);
    } else if (server) {
      compare(store, sink, app, options.url, length);
    } else {
      for (const bool ids : {true, false}) {
        for (const std::size_t rooms : {1u, 100u}) {
          for (const std::size_t underWay : {1u, 8u, 64u, 512u})
            run(store, sink, app, {underWay, rooms, ids}, length, nullptr);
        }
      }
    }
  }
  if (!server) std::filesystem::remove_all(folder);
}

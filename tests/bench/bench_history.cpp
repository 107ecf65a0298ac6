// bench_history: what a page of history costs in a short room and in a long one, and how many pages a second the readers
// give. Usage: bench_history FOLDER|URL [MESSAGES [SECONDS]]. FOLDER gets a SQLite database, which is removed; a database of
// PostgreSQL must be empty. MESSAGES (200000; the figure of the promise is 10000000) are written to the long room, 1000 to
// the short one, by SQL of our own: it is reading that is measured.
#include <fmt/format.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/random.h"
#include "store/postgresql/pg_url.h"
#include "store/store.h"

namespace {

using namespace chatd;
using std::chrono::steady_clock;

constexpr std::int64_t kShort = 1'000;
constexpr std::size_t kPage = 20;
constexpr int kSamples = 3'000;
constexpr std::size_t kReaders = 4;

// The text is of a usual length; a row has what a message has.
constexpr const char* kFillSqlite =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {1}) "
    "INSERT INTO message (id, room_id, seq, sender_id, text, created_at, updated_at, rev, send_high, send_low) "
    "SELECT {2} + i, {0}, i, 1, printf('message %d %s', i, hex(zeroblob(50))), i, i, 0, i, i FROM n; "
    "UPDATE room_counter SET last_seq = {1} WHERE room_id = {0}; ANALYZE;";
constexpr const char* kFillPostgresql =
    "INSERT INTO message (id, room_id, seq, sender_id, text, created_at, updated_at, rev, send_id) "
    "SELECT {2} + i, {0}, i, 1, 'message ' || i || repeat('0', 100), i, i, 0, md5(i::text)::uuid FROM generate_series(1, "
    "{1}) i; "
    "UPDATE room_counter SET last_seq = {1} WHERE room_id = {0}";

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result.ok()) fail(result.error().detail());
  return std::move(result).value();
}

void fill(const StoreOptions& options, RoomId room, std::int64_t count, std::int64_t firstId) {
  if (store::isPgUrl(options.url)) {
    PGconn* connection = PQconnectdb(options.url.c_str());
    for (const std::string& sql :
         {fmt::format(kFillPostgresql, raw(room), count, firstId), std::string("VACUUM ANALYZE message")}) {
      PGresult* result = PQexec(connection, sql.c_str());
      if (PQresultStatus(result) != PGRES_COMMAND_OK) fail(PQerrorMessage(connection));
      PQclear(result);
    }
    PQfinish(connection);
    return;
  }
  sqlite3* database = nullptr;
  char* why = nullptr;
  if (sqlite3_open((options.dataDirectory / "chatd.db").c_str(), &database) != SQLITE_OK ||
      sqlite3_exec(database, fmt::format(kFillSqlite, raw(room), count, firstId).c_str(), nullptr, nullptr, &why) !=
          SQLITE_OK) {
    fail(why == nullptr ? "cannot fill" : why);
  }
  sqlite3_close(database);
}

std::int64_t anySeq(std::int64_t count) {
  return 1 + static_cast<std::int64_t>(randomNumber() % static_cast<std::uint64_t>(count));
}

struct Cost {
  double median;
  double p99;
};

Cost measure(Store& store, RoomId room, std::int64_t count) {
  std::vector<double> micros;
  for (int i = 0; i < kSamples; ++i) {
    const auto begin = steady_clock::now();
    static_cast<void>(must(store.log().history(room, {Seq{anySeq(count) + 1}, std::nullopt, kPage})));
    micros.push_back(std::chrono::duration<double, std::micro>(steady_clock::now() - begin).count());
  }
  std::sort(micros.begin(), micros.end());
  return {micros[micros.size() / 2], micros[micros.size() * 99 / 100]};
}

double pagesPerSecond(Store& store, RoomId room, std::int64_t count, std::chrono::seconds length) {
  std::atomic<std::uint64_t> pages{0};
  const auto until = steady_clock::now() + length;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kReaders; ++t) {
    threads.emplace_back([&] {
      while (steady_clock::now() < until) {
        static_cast<void>(must(store.log().history(room, {Seq{anySeq(count) + 1}, std::nullopt, kPage})));
        pages.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return static_cast<double>(pages.load()) / static_cast<double>(length.count());
}

RoomId makeRoom(Store& store, AppId app, UserId user, const std::string& name) {
  return must(store.directory().createRoom({app, name, RoomType::Group, std::nullopt, std::nullopt, {user}})).room.id;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) fail("usage: bench_history FOLDER|URL [MESSAGES [SECONDS]]");
  const std::int64_t messages = argc > 2 ? std::atoll(argv[2]) : 200'000;
  const std::chrono::seconds length(argc > 3 ? std::atoi(argv[3]) : 3);
  StoreOptions options;
  options.readers = kReaders;
  std::filesystem::path folder;
  if (store::isPgUrl(argv[1])) {
    options.url = argv[1];
  } else {
    options.dataDirectory = folder = std::filesystem::path(argv[1]) / "bench_history";
    std::filesystem::remove_all(folder);
  }
  const SystemClock clock;
  RoomId brief{};
  RoomId lengthy{};
  const auto open = [&](Store& store) {
    if (const auto opened = store.open(); !opened.ok()) fail(opened.error().detail());
  };
  {
    Store store(options, clock);
    open(store);
    const AppId app = must(store.directory().createApp({"bench", {}, {}})).id;
    const UserId user = must(store.directory().upsertUser(app, "reader", false, {}, false)).user.id;
    brief = makeRoom(store, app, user, "brief");
    lengthy = makeRoom(store, app, user, "lengthy");
  }
  fill(options, brief, kShort, 0);
  fill(options, lengthy, messages, kShort);
  {
    Store store(options, clock);
    open(store);
    const Cost few = measure(store, brief, kShort);
    const Cost many = measure(store, lengthy, messages);
    fmt::print(
        "a page of {}: {} messages: p50 {:.0f} µs, p99 {:.0f} µs; {} messages: p50 {:.0f} µs, p99 {:.0f} µs; ratio of p50 "
        "{:.2f}\n",
        kPage, kShort, few.median, few.p99, messages, many.median, many.p99, many.median / few.median);
    fmt::print("{} readers: {:.0f} pages/s in the short room, {:.0f} pages/s in the long one\n", kReaders,
               pagesPerSecond(store, brief, kShort, length), pagesPerSecond(store, lengthy, messages, length));
  }
  if (!folder.empty()) std::filesystem::remove_all(folder);
}

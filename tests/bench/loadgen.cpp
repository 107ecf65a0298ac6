// bench_loadgen: a closed-loop load generator for Socket.IO servers that speak `join`, `send_message` and `message`. One
// thread, epoll, so that it costs less than any server under test. Connects ROOMS × MEMBERS sessions, keeps UNDER-WAY
// messages going in each room, and prints what happened in SECONDS as one JSON object. It stops with a reason at the first
// thing that goes wrong, because figures of a run that lost something mean nothing.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "client.h"
#include "probe.h"

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

// A message is under way until it is acknowledged; with Delivered also until every member of the room has it.
enum class Gate { Acked, Delivered };

struct Options {
  std::uint16_t port = 0;
  std::size_t rooms = 1;
  std::size_t members = 1;
  std::size_t underWay = 0;  ///< a room; 0: idle sessions
  Gate gate = Gate::Delivered;
  double seconds = 5;
  double warmup = 1;
  std::size_t payload = 128;
  std::string roomPrefix = "bench-";
  std::vector<std::string> tokens{"none"};  ///< session i takes token i, from the start again when they run out
  pid_t serverPid = 0;
  pid_t sidePid = 0;  ///< its CPU is told apart (PostgreSQL)
  bool checkOrder = false;
  bool join = true;  ///< false: connected and in no room
};

constexpr std::size_t kHandshakesAtOnce = 100;
constexpr int kEventsAtOnce = 512;
constexpr auto kJoinPatience = std::chrono::seconds(60);

struct Room {
  std::vector<Client*> members;
  std::size_t nextSender = 0;
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  std::uint64_t delivered = 0;  ///< to any member
  std::unordered_map<std::uint64_t, Clock::time_point> sentAt;
  bool touched = false;
};

struct Usage {
  Clock::time_point at;
  double server = 0;
  double side = 0;
  double self = 0;
};

class Generator final : public Events {
 public:
  explicit Generator(Options options) : o_(std::move(options)), text_(o_.payload, 'x'), rooms_(o_.rooms) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) throw std::runtime_error(std::string("epoll_create1: ") + std::strerror(errno));
  }

  void run() {
    const std::uint64_t rssBefore = residentBytes(o_.serverPid);
    const auto connectStart = Clock::now();
    connectAll();
    const double connectSeconds = since(connectStart);
    if (o_.underWay > 0) {
      for (Room& room : rooms_) pump(room);
    }
    turnUntil([&, end = Clock::now() + seconds(o_.warmup)] { return Clock::now() >= end; });
    begin();
    const Usage from = usage();
    turnUntil([end = from.at + seconds(o_.seconds)] { return Clock::now() >= end; });
    const Usage to = usage();
    report(rssBefore, connectSeconds, from, to);
  }

  void joined(Client&) override { ++joined_; }

  void acknowledged(Client& client, std::uint64_t ackId) override {
    Room& room = rooms_[client.room];
    const auto sent = room.sentAt.find(ackId);
    if (sent == room.sentAt.end()) failed(client, "an acknowledgement that nobody waits for");
    if (measuring_) latencies_.push_back(since(sent->second));
    room.sentAt.erase(sent);
    ++room.acked;
    ++acks_;
    touch(room);
  }

  void delivered(Client& client, std::uint64_t seq) override {
    if (o_.checkOrder && client.lastSeq != 0 && seq != client.lastSeq + 1) {
      failed(client, "seq " + std::to_string(seq) + " after " + std::to_string(client.lastSeq));
    }
    client.lastSeq = seq;
    Room& room = rooms_[client.room];
    ++room.delivered;
    ++deliveries_;
    touch(room);
  }

  [[noreturn]] void failed(Client& client, const std::string& why) override {
    std::fprintf(stderr, "bench_loadgen: session %zu in room %zu: %s\n", client.index, client.room, why.c_str());
    std::exit(1);
  }

 private:
  static std::chrono::nanoseconds seconds(double s) { return std::chrono::nanoseconds(static_cast<std::int64_t>(s * 1e9)); }
  static double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

  void connectAll() {
    const std::size_t total = o_.rooms * o_.members;
    const auto deadline = Clock::now() + kJoinPatience;
    while (joined_ < total) {
      while (clients_.size() < total && clients_.size() - joined_ < kHandshakesAtOnce) openNext();
      if (Clock::now() > deadline)
        failed(clients_.back(), "only " + std::to_string(joined_) + " sessions could join in time");
      turn();
    }
  }

  void openNext() {
    const std::size_t index = clients_.size();
    const std::size_t room = index / o_.members;
    Client& client = clients_.emplace_back(*this, index, room);
    client.open(o_.port, o_.tokens[index % o_.tokens.size()],
                o_.join ? o_.roomPrefix + std::to_string(room) : std::string());
    rooms_[room].members.push_back(&client);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd(), &event) != 0) failed(client, std::strerror(errno));
    flush(client);
  }

  template <class Done>
  void turnUntil(Done done) {
    while (!done()) turn();
  }

  void turn() {
    std::array<epoll_event, kEventsAtOnce> ready{};
    const int count = ::epoll_wait(epoll_, ready.data(), kEventsAtOnce, 10);
    for (int i = 0; i < count; ++i) {
      auto& client = *static_cast<Client*>(ready[static_cast<std::size_t>(i)].data.ptr);
      if ((ready[static_cast<std::size_t>(i)].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) client.readable();
      if (client.staged()) flush(client);
    }
    for (Room* room : touched_) {
      room->touched = false;
      pump(*room);
    }
    touched_.clear();
  }

  void touch(Room& room) {
    if (o_.underWay == 0 || room.touched) return;
    room.touched = true;
    touched_.push_back(&room);
  }

  // Fills the room up to its number of messages under way; the members take turns.
  void pump(Room& room) {
    const std::uint64_t everywhere = room.delivered / room.members.size();
    const std::uint64_t done = o_.gate == Gate::Acked ? room.acked : std::min(room.acked, everywhere);
    while (room.sent - done < o_.underWay) {
      Client& sender = *room.members[room.nextSender];
      room.nextSender = (room.nextSender + 1) % room.members.size();
      room.sentAt.emplace(++room.sent, Clock::now());
      sender.send(room.sent, text_);
      flush(sender);
    }
  }

  void flush(Client& client) {
    const bool left = !client.flush();
    if (left == client.writeArmed) return;
    client.writeArmed = left;
    epoll_event event{};
    event.events = left ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = &client;
    if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd(), &event) != 0) failed(client, std::strerror(errno));
  }

  void begin() {
    deliveries_ = 0;
    acks_ = 0;
    measuring_ = true;
  }

  // The families are listed at each end: a pool may have started its backends in between.
  Usage usage() const {
    Usage u;
    u.server = o_.serverPid == 0 ? 0 : cpuSeconds({o_.serverPid});
    u.side = o_.sidePid == 0 ? 0 : cpuSeconds(family(o_.sidePid));
    u.self = cpuSeconds({::getpid()});
    u.at = Clock::now();
    return u;
  }

  double quantile(double q) {
    if (latencies_.empty()) return 0;
    const auto at = static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1));
    std::nth_element(latencies_.begin(), latencies_.begin() + static_cast<std::ptrdiff_t>(at), latencies_.end());
    return latencies_[at] * 1e3;
  }

  void report(std::uint64_t rssBefore, double connectSeconds, const Usage& from, const Usage& to) {
    const double wall = std::chrono::duration<double>(to.at - from.at).count();
    std::printf(
        "{\"sessions\":%zu,\"connectSeconds\":%.3f,\"seconds\":%.3f,\"deliveries\":%llu,\"acks\":%llu,\"serverCpu\":%.2f,"
        "\"sideCpu\":%.2f,\"generatorCpu\":%.2f,\"p50ms\":%.3f,\"p99ms\":%.3f,\"rssBefore\":%llu,\"rssAfter\":%llu}\n",
        clients_.size(), connectSeconds, wall, static_cast<unsigned long long>(deliveries_),
        static_cast<unsigned long long>(acks_), to.server - from.server, to.side - from.side, to.self - from.self,
        quantile(0.50), quantile(0.99), static_cast<unsigned long long>(rssBefore),
        static_cast<unsigned long long>(residentBytes(o_.serverPid)));
  }

  const Options o_;
  const std::string text_;
  int epoll_ = -1;
  std::deque<Client> clients_;
  std::vector<Room> rooms_;
  std::vector<Room*> touched_;
  std::size_t joined_ = 0;
  std::uint64_t deliveries_ = 0;
  std::uint64_t acks_ = 0;
  bool measuring_ = false;
  std::vector<double> latencies_;  ///< seconds
};

std::vector<std::string> readLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) throw std::runtime_error("no lines in " + path);
  return lines;
}

Options parse(int argc, char** argv) {
  Options o;
  const std::map<std::string, void (*)(Options&, const std::string&)> known = {
      {"--port", [](Options& x, const std::string& v) { x.port = static_cast<std::uint16_t>(std::stoul(v)); }},
      {"--rooms", [](Options& x, const std::string& v) { x.rooms = std::stoul(v); }},
      {"--members", [](Options& x, const std::string& v) { x.members = std::stoul(v); }},
      {"--under-way", [](Options& x, const std::string& v) { x.underWay = std::stoul(v); }},
      {"--gate", [](Options& x, const std::string& v) { x.gate = v == "acked" ? Gate::Acked : Gate::Delivered; }},
      {"--seconds", [](Options& x, const std::string& v) { x.seconds = std::stod(v); }},
      {"--warmup", [](Options& x, const std::string& v) { x.warmup = std::stod(v); }},
      {"--payload", [](Options& x, const std::string& v) { x.payload = std::stoul(v); }},
      {"--room-prefix", [](Options& x, const std::string& v) { x.roomPrefix = v; }},
      {"--tokens", [](Options& x, const std::string& v) { x.tokens = readLines(v); }},
      {"--server-pid", [](Options& x, const std::string& v) { x.serverPid = std::stoi(v); }},
      {"--side-pid", [](Options& x, const std::string& v) { x.sidePid = std::stoi(v); }},
      {"--join", [](Options& x, const std::string& v) { x.join = v != "no"; }},
      {"--check-order", [](Options& x, const std::string& v) { x.checkOrder = v == "yes"; }},
  };
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto option = known.find(argv[i]);
    if (option == known.end()) throw std::runtime_error(std::string("unknown option ") + argv[i]);
    option->second(o, argv[i + 1]);
  }
  if (argc % 2 == 0 || o.port == 0 || o.rooms == 0 || o.members == 0)
    throw std::runtime_error("every option has a value; --port is needed");
  return o;
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
  try {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    bench::Generator(bench::parse(argc, argv)).run();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_loadgen: %s\n", e.what());
    return 2;
  }
}

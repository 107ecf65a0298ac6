// Server: where it listens, who connects, how connections are shared out and bounded.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "unit/net/support.h"

using namespace nettest;

namespace {

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "chatd-net-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

ServerOptions options(std::size_t loops, std::size_t maxConnections = 1000) {
  ServerOptions o;
  o.loops = loops;
  o.maxConnections = maxConnections;
  return o;
}

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

std::uint16_t listenAnywhere(Server& server) {
  const auto port = server.listen({.address = "127.0.0.1", .port = 0, .unixPath = {}});
  REQUIRE(port.ok());
  REQUIRE(port.value() != 0);
  return port.value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(server)

BOOST_AUTO_TEST_CASE(a_tcp_peer_has_its_address_and_port) {
  ScriptedHttp http;
  http.script = [](HttpRequest&& r, HttpResponder out) {
    out.send({.status = 200, .headers = {}, .body = r.peer.ip + "|" + (r.peer.unixSocket ? "unix" : "tcp"), .close = false});
  };
  Server server(options(1), http);
  const std::uint16_t port = listenAnywhere(server);
  server.start();
  Client c(port);
  c.write(kGet);
  CHECK(c.response().ends_with("127.0.0.1|tcp"));
}

BOOST_AUTO_TEST_CASE(ipv4_over_an_ipv6_socket_is_shown_as_ipv4) {
  ScriptedHttp http;
  http.script = [](HttpRequest&& r, HttpResponder out) {
    out.send({.status = 200, .headers = {}, .body = "ip=" + r.peer.ip, .close = false});
  };
  Server server(options(1), http);
  const auto port = server.listen({.address = "::", .port = 0, .unixPath = {}});
  if (!port.ok()) {
    BOOST_TEST_MESSAGE("no IPv6 here: " << port.error().detail());
    return;
  }
  server.start();
  Client c(port.value());
  c.write(kGet);
  CHECK(c.response().ends_with("ip=127.0.0.1"));
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_an_error_that_names_it) {
  ScriptedHttp http;
  Server one(options(1), http);
  const std::uint16_t port = listenAnywhere(one);
  Server two(options(1), http);
  const auto again = two.listen({.address = "127.0.0.1", .port = port, .unixPath = {}});
  REQUIRE(!again.ok());
  CHECK(again.error().detail().find(std::to_string(port)) != std::string::npos);
  CHECK(again.error().detail().find("in use") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_resolve_is_an_error) {
  ScriptedHttp http;
  Server server(options(1), http);
  CHECK(!server.listen({.address = "no such name", .port = 0, .unixPath = {}}).ok());
}

BOOST_AUTO_TEST_CASE(a_unix_socket_has_mode_0660_under_any_umask_and_is_removed_at_the_end) {
  const Folder folder;
  const std::string path = (folder.path / "s").string();
  ScriptedHttp http;
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{077}}) {
    const mode_t before = ::umask(mask);
    Server server(options(1), http);
    const bool listening = server.listen({.address = {}, .port = 0, .unixPath = path}).ok();
    ::umask(before);
    REQUIRE(listening);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0660U);
    server.stop();
    CHECK(!std::filesystem::exists(path));
  }
}

BOOST_AUTO_TEST_CASE(a_peer_of_the_admin_socket_is_who_the_kernel_says) {
  const Folder folder;
  const std::string path = (folder.path / "s").string();
  ScriptedHttp http;
  Peer peer;
  http.script = [&](HttpRequest&& r, HttpResponder out) {
    peer = r.peer;
    out.send({.status = 200, .headers = {}, .body = "ok", .close = false});
  };
  Server server(options(1), http);
  REQUIRE(server.listen({.address = {}, .port = 0, .unixPath = path, .admin = true}).ok());
  server.start();
  Client c(path);
  c.write(kGet);
  CHECK(c.response().ends_with("ok"));
  server.stop();
  CHECK(peer.unixSocket);
  CHECK(peer.ip.empty());
  CHECK(peer.uid == ::getuid());
  CHECK(peer.gid == ::getgid());
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  REQUIRE(::getgroups(static_cast<int>(groups.size()), groups.data()) >= 0);
  CHECK((std::set<gid_t>(peer.groups.begin(), peer.groups.end()) == std::set<gid_t>(groups.begin(), groups.end())));
}

BOOST_AUTO_TEST_CASE(a_peer_of_another_unix_socket_is_nobody) {
  const Folder folder;
  const std::string path = (folder.path / "s").string();
  ScriptedHttp http;
  Peer peer;
  http.script = [&](HttpRequest&& r, HttpResponder out) {
    peer = r.peer;
    out.send({.status = 200, .headers = {}, .body = "ok", .close = false});
  };
  Server server(options(1), http);
  REQUIRE(server.listen({.address = {}, .port = 0, .unixPath = path, .unixMode = 0600}).ok());
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600U);
  server.start();
  Client c(path);
  c.write(kGet);
  CHECK(c.response().ends_with("ok"));
  server.stop();
  CHECK(!peer.unixSocket);
  CHECK(peer.ip.empty());
  CHECK(peer.uid == static_cast<uid_t>(-1));
}

BOOST_AUTO_TEST_CASE(a_unix_client_that_half_closes_is_answered) {
  const Folder folder;
  const std::string path = (folder.path / "s").string();
  ScriptedHttp http;
  Server server(options(1), http);
  REQUIRE(server.listen({.address = {}, .port = 0, .unixPath = path}).ok());
  server.start();
  Client c(path);
  c.write(kGet);
  c.finish();
  CHECK(c.readAll().ends_with("GET / "));
}

BOOST_AUTO_TEST_CASE(a_stale_unix_socket_is_replaced_a_live_one_and_a_file_are_errors) {
  const Folder folder;
  const std::string path = (folder.path / "s").string();
  {
    // What a killed daemon leaves: a bound file that nobody listens on.
    const Descriptor dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ScriptedHttp http;
  Server live(options(1), http);
  CHECK(live.listen({.address = {}, .port = 0, .unixPath = path}).ok());
  live.start();
  Server second(options(1), http);
  const auto refused = second.listen({.address = {}, .port = 0, .unixPath = path});
  REQUIRE(!refused.ok());
  CHECK(refused.error().detail().find("in use") != std::string::npos);
  Client c(path);
  c.write(kGet);
  CHECK(c.response().ends_with("GET / "));

  const std::string file = (folder.path / "f").string();
  { const Descriptor plain(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }
  CHECK(!second.listen({.address = {}, .port = 0, .unixPath = file}).ok());
  CHECK(std::filesystem::exists(file));
  CHECK(!second.listen({.address = {}, .port = 0, .unixPath = std::string(200, 'x')}).ok());
}

BOOST_AUTO_TEST_CASE(connections_go_to_the_loop_with_the_fewest) {
  ScriptedHttp http;
  Server server(options(3), http);
  const std::uint16_t port = listenAnywhere(server);
  server.start();
  std::vector<Client> clients;
  for (int i = 0; i < 30; ++i) clients.emplace_back(port);
  REQUIRE(eventually([&] { return server.connections() == 30; }));
  for (std::size_t i = 0; i < 3; ++i) CHECK(server.loop(i).connections() == 10U);
  for (Client& c : clients) {
    c.write(kGet);
    REQUIRE(c.response().ends_with("GET / "));
  }
}

BOOST_AUTO_TEST_CASE(a_connection_above_the_limit_is_told_503_and_a_place_that_becomes_free_is_used) {
  ScriptedHttp http;
  Server server(options(1, 3), http);
  const std::uint16_t port = listenAnywhere(server);
  server.start();
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(port);
    clients.back().write(kGet);
    REQUIRE(clients.back().response().ends_with("GET / "));
  }
  {
    Client more(port);
    const std::string answer = more.readAll();
    CHECK(answer.starts_with("HTTP/1.1 503 "));
    CHECK(answer.find("refused: ") != std::string::npos);
    CHECK(!more.wasReset());
  }
  clients.pop_back();
  REQUIRE(eventually([&] { return server.connections() == 2; }));
  Client again(port);
  again.write(kGet);
  CHECK(again.response().ends_with("GET / "));
}

BOOST_AUTO_TEST_CASE(stop_accepting_lets_nobody_in_and_keeps_who_is_there) {
  ScriptedHttp http;
  Server server(options(2), http);
  const std::uint16_t port = listenAnywhere(server);
  server.start();
  Client here(port);
  here.write(kGet);
  REQUIRE(here.response().ends_with("GET / "));
  server.stopAccepting();
  const Descriptor late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::connect(late.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0);
  here.write(kGet);
  CHECK(here.response().ends_with("GET / "));
}

BOOST_AUTO_TEST_CASE(without_descriptors_the_server_rests_and_accepts_later) {
  ScriptedHttp http;
  Server server(options(1), http);
  const std::uint16_t port = listenAnywhere(server);
  server.start();
  Client first(port);
  first.write(kGet);
  REQUIRE(first.response().ends_with("GET / "));
  // The client's socket exists before the limit falls; the server's end of it then finds no number free.
  const Descriptor waiting(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;  // below every number that is open
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(waiting.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const auto turns = server.loop(0).stats().turns.get();
  first.write(kGet);
  const std::string answer = first.response();  // the loop goes on
  const auto from = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - from < 200ms) std::this_thread::yield();
  const auto taken = server.loop(0).stats().turns.get() - turns;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(connected);
  CHECK(answer.ends_with("GET / "));
  CHECK(taken < 200U);  // a loop that spins takes hundreds of thousands
  CHECK(eventually([&] { return server.connections() == 2; }));
}

BOOST_AUTO_TEST_CASE(new_limits_hold_for_connections_made_after) {
  ScriptedHttp http;
  Server server(options(1), http);
  const std::uint16_t port = listenAnywhere(server);
  server.start();
  Client old(port);
  old.write(kGet);
  REQUIRE(old.response().ends_with("GET / "));
  HttpLimits limits;
  limits.bodyBytes = 3;
  server.setLimits(limits, 1 << 20);
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
  old.write(post);
  CHECK(old.response().ends_with("POST / body"));
  Client fresh(port);
  fresh.write(post);
  CHECK(fresh.readAll().starts_with("HTTP/1.1 413 "));
}

BOOST_AUTO_TEST_CASE(stopping_with_connections_open_ends_them) {
  ScriptedHttp http;
  Server server(options(2), http);
  const std::uint16_t port = listenAnywhere(server);
  server.start();
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(port);
    clients.back().write(kGet);
    REQUIRE(clients.back().response().ends_with("GET / "));
  }
  server.stop();
  for (Client& c : clients) {
    static_cast<void>(c.readAll());
    CHECK(c.wasReset());
  }
}

BOOST_AUTO_TEST_SUITE_END()

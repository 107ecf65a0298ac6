// chatd-conformance: main. Signals are blocked before any thread exists and taken by sigwait.
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include "conformance/options.h"
#include "conformance/server.h"
#include "net/server.h"

namespace {

using namespace chatd;

int serve(const conformance::Options& options, const sigset_t& signals) {
  net::ServerOptions serverOptions;
  serverOptions.http.bodyBytes = conformance::kBodyBytes;
  conformance::Conformance conformance;
  net::Server server(serverOptions, conformance);
  engine::ServerLoops loops(server);
  conformance.serve(loops, options);
  const auto port = server.listen({options.address, options.port, {}});
  if (!port.ok()) {
    std::fprintf(stderr, "chatd-conformance: %s\n", port.error().detail().c_str());
    return 1;
  }
  server.start();
  const bool ipv6 = options.address.find(':') != std::string::npos;
  std::printf(ipv6 ? "chatd-conformance ready on http://[%s]:%u\n" : "chatd-conformance ready on http://%s:%u\n",
              options.address.c_str(), static_cast<unsigned>(*port));
  std::fflush(stdout);
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  server.stopAccepting();
  server.stop();
  conformance.end();
  return 0;
}

int run(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const auto parsed = conformance::parseOptions(argc, argv, std::cout, std::cerr);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  return serve(std::get<conformance::Options>(parsed), signals);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    // Nothing above throws in its ordinary work: this is memory running out at start, or a bug.
    std::fprintf(stderr, "chatd-conformance: %s\n", e.what());
    return 1;
  }
}

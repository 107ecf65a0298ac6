// PluginChild: one plugin in a process of its own, on behalf of the daemon at the other end of a socket. It offers the
// plugin the chatd_host of the ABI and turns both sides' calls into messages. It keeps no account of jobs: the daemon does,
// and would not believe this process anyway.
//
// Threads: the main thread reads the socket and never calls the plugin; workers run verify, cancel and HTTP callbacks; one
// control thread runs create, destroy and health. A SERIALIZED plugin gets a single thread for everything.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/wire.h"
#include "sdk/chatd_plugin.h"

namespace chatd::plugin_host {

class PluginChild;

}  // namespace chatd::plugin_host

/// What the plugin gets as its first argument. Never freed: a plugin that calls the host after destroy() must find
/// something.
struct chatd_host_ctx {
  chatd::plugin_host::PluginChild* child = nullptr;
  std::uint64_t instance = 0;
  std::mutex mutex = {};
  chatd::hostwire::Fields secrets = {};  ///< guarded by mutex
};

namespace chatd::plugin_host {

/// Runs tasks in order on a fixed number of threads. The daemon bounds what it sends, so the queue needs no bound.
class TaskQueue {
 public:
  explicit TaskQueue(unsigned threads);
  void post(std::function<void()> task);

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
};

class PluginChild {
 public:
  /// Works on the SOCK_SEQPACKET socket `fd`.
  explicit PluginChild(int fd) : fd_(fd) {}

  /// Tells the daemon that there will be no plugin.
  void refuse(const std::string& reason);
  /// Tells the daemon what the plugin is and whether it is kept from files, then serves until the socket ends. Never
  /// returns: the process ends without running anybody's destructors, because threads of the plugin may still be running.
  [[noreturn]] void serve(const chatd_plugin* plugin, bool confined);

  // The functions of chatd_host; see there. Thread: any.
  void complete(std::uint64_t instance, chatd_job job, const chatd_result* result);
  void say(std::uint64_t instance, std::int32_t level, chatd_str text);
  void count(std::uint64_t instance, chatd_str name, double by, const chatd_kv* labels, std::uint32_t n);
  [[nodiscard]] std::int32_t fetch(std::uint64_t instance, const chatd_http_req& given,
                                   void (*done)(void*, const chatd_http_resp*), void* user);

 private:
  struct Instance {
    chatd_host_ctx* context = nullptr;
    std::unique_ptr<chatd_host> host;
    chatd_instance* handle = nullptr;
  };
  struct Waiting {
    void (*done)(void*, const chatd_http_resp*);
    void* user;
  };

  void send(hostwire::Type type, std::uint64_t id, const std::string& payload);
  void take(const hostwire::Message& message);
  void create(std::uint64_t id, const hostwire::Create& wanted);
  void destroy(std::uint64_t id);
  void reconfigure(std::uint64_t id, const hostwire::Reconfigure& wanted);
  void swapSecrets(std::uint64_t id, hostwire::Fields& others);
  void verify(chatd_job job, const hostwire::Verify& asked);
  void health(std::uint64_t id);
  void fetched(std::uint64_t id, const hostwire::Fetched& answer);
  [[nodiscard]] chatd_instance* handleOf(std::uint64_t id);

  const int fd_;
  const chatd_plugin* plugin_ = nullptr;
  std::mutex sending_;  ///< the datagrams of a message stay together

  std::mutex mutex_;
  std::map<std::uint64_t, Instance> instances_;
  std::map<std::uint64_t, Waiting> fetches_;
  std::uint64_t nextFetch_ = 1;

  std::unique_ptr<TaskQueue> workers_;
  std::unique_ptr<TaskQueue> controlOwn_;
  TaskQueue* control_ = nullptr;
};

}  // namespace chatd::plugin_host

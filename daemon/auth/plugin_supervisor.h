// PluginSupervisor: the processes in which foreign plugins run, one for each app and plugin. It starts them when they are
// first needed, gives them work, judges what they say, ends and restarts them, and never waits for one of them.
//
// A process that dies: what was under way is asked again in the next one, one question at a time, so that the culprit is
// alone when it does it again; a token that did it twice is quarantined. A process that owes an answer 5 s after its
// deadline, or a destroy for 5 s, is killed. Restarts back off with jitter until the plugin has answered something.
// Owned by PluginHost. Every call: any thread, never blocks; callbacks come on the supervisor's thread and must not block.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/plugin_host.h"
#include "auth/plugin_instance.h"
#include "base/result.h"
#include "base/task.h"
#include "host/wire.h"

namespace chatd {

struct SupervisorOptions {
  std::string program;               ///< chatd-plugin-host; empty: foreign plugins are refused
  std::vector<std::string> folders;  ///< of plugins
  std::string key;                   ///< secret, for hashes of tokens
  std::size_t processes = 64;        ///< at once; the longest idle one makes room
  std::size_t messages = 0;          ///< that a process may send in a second
};

/// One verifier of an app, as its process needs it.
struct HostedVerifier {
  AppId app{};
  std::string plugin;
  std::string config;
  bool allowPrivateNetworks = false;
  PluginSecrets::Values secrets = {};
};

/// A process, or the wait for one, for operators.
struct HostedState {
  AppId app{};
  std::string plugin;
  pid_t pid = 0;  ///< 0: none runs
  std::size_t instances = 0;
  std::size_t underWay = 0;  ///< questions asked or waiting
  std::uint64_t restarts = 0;
  std::string fault;     ///< why the last one ended or did not start; empty: nothing is wrong
  bool confined = true;  ///< false: it is not kept from files, because this kernel has no Landlock
};

class PluginSupervisor {
 public:
  PluginSupervisor(SupervisorOptions options, std::shared_ptr<PluginInstanceOwner> owner);
  ~PluginSupervisor();
  PluginSupervisor(const PluginSupervisor&) = delete;
  PluginSupervisor& operator=(const PluginSupervisor&) = delete;

  using InstanceId = std::uint64_t;
  /// Registers a verifier. Its process starts with its first question.
  [[nodiscard]] InstanceId open(HostedVerifier verifier);
  /// No job of it may be owed.
  void close(InstanceId instance);
  /// The answer comes by PluginInstanceOwner::completed(by, job), exactly once. `by` must live until then.
  void verify(InstanceId instance, const PluginHost::Instance& by, Question question, Steady deadline, chatd_job job);
  /// Nobody waits for this job any more; its answer is still given.
  void cancel(InstanceId instance, chatd_job job);

  /// As PluginHost::Instance::reconfigure. False also if none of it runs.
  void reconfigure(InstanceId instance, const std::string& config, const PluginSecrets::Values& secrets,
                   UniqueFunction<void(Result<bool>)> then);

  /// What the plugin says it is, in a process of its own that ends again. With `create` also makes an instance of the
  /// configuration. Errors: Invalid with the reason, Busy.
  void probe(HostedVerifier verifier, bool create, UniqueFunction<void(Result<hostwire::Loaded>)> then);
  /// Takes the plugin's file as it is now: each of its processes is replaced by a new one once that has created all
  /// instances; the old one finishes what it has. Answers how many were replaced. Errors: Invalid with the reason; those
  /// whose replacement failed go on as they were.
  void reload(const std::string& plugin, UniqueFunction<void(Result<std::size_t>)> then);
  /// What its processes say of themselves, within 2 s.
  void health(const std::string& plugin, UniqueFunction<void(std::vector<HostedState>)> then);
  void states(UniqueFunction<void(std::vector<HostedState>)> then);

  /// Answers everything with Unavailable and ends the processes: 5 s at most. Called once; also by the destructor.
  void stop();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace chatd

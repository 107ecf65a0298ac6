// chatd-plugin-check: tells the author of a plugin whether it keeps the rules. Each check runs in a process of its own, so
// that one that crashes or hangs is a line of the report.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/plain_text.h"
#include "check/bench.h"
#include "check/elf.h"
#include "common/config_schema.h"
#include "common/config_secrets.h"
#include "host/plugin_library.h"

namespace {

using chatd::plugin_check::Bench;
using std::chrono::milliseconds;

constexpr int kUsage = 2;
constexpr milliseconds kDeadline{2000};
constexpr milliseconds kPatience{3000};  // after the deadline
constexpr int kCheckSeconds = 30;
constexpr std::size_t kMostReport = 8 * 1024;
constexpr std::size_t kMostText = 500;  // of what a plugin says it is: the daemon shows no more
constexpr std::size_t kLeakBytes = 512 * 1024;

struct Options {
  std::string path, config = "{}", token = "a-token";
  bool configGiven = false;
};

/// What a check found; empty: all is well. `note` is shown in any case.
struct Finding {
  std::vector<std::string> faults;
  std::string note;
  bool ended = false;  ///< the check did not come to its end: it crashed, or hung
};
using Check = std::function<Finding()>;

const chatd_plugin* load(const Options& o) {
  const int fd = ::open(o.path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto plugin = fd < 0 ? chatd::Result<const chatd_plugin*>(chatd::Code::NotFound) : chatd::loadPlugin(fd);
  return plugin.ok() ? *plugin : nullptr;
}

/// Runs `use` with an instance, and destroys it.
Finding withInstance(const Options& o, const std::function<void(Bench&)>& use) {
  const chatd_plugin* plugin = load(o);
  if (plugin == nullptr) return {{"cannot be loaded"}, {}};
  Bench bench(plugin);
  if (const std::string why = bench.create(o.config); !why.empty()) return {{"create: " + why}, {}};
  use(bench);
  const bool settled = bench.settled(kDeadline + kPatience);
  if (settled) {
    bench.destroy();
    // Whoever calls the host after this does it soon.
    std::this_thread::sleep_for(milliseconds(100));
  }
  return {bench.faults(), {}};
}

std::vector<std::string> tokens(const Options& o) {
  return {o.token, "x", std::string(8 * 1024, 'A'), "a.b.c", "\x01\xFF not UTF-8", "eyJhbGciOiJub25lIn0.e30."};
}

Finding fileRules(const Options& o) {
  std::error_code unknown;
  const auto whole = std::filesystem::absolute(o.path, unknown);
  const auto file = chatd::PluginFile::at(unknown ? o.path : whole.string());
  if (!file.ok()) return {{file.error().detail() + ": chatd will not load it from here"}, {}};
  return {};
}

Finding library(const Options& o) {
  const auto facts = chatd::plugin_check::readLibrary(o.path);
  if (!facts.ok()) return {{facts.error().detail()}, {}};
  Finding found;
  if (facts->executableStack) found.faults.emplace_back("wants an executable stack: link with -Wl,-z,noexecstack");
  std::string extra;
  std::size_t more = 0;
  for (const std::string& name : facts->exports) {
    if (name == "chatd_plugin_entry_v1") continue;
    if (++more <= 5) extra += (extra.empty() ? "" : ", ") + name;
  }
  if (more > 0) {
    found.faults.push_back(fmt::format("exports {} symbols more than its entry ({}{}): link with the export map", more,
                                       extra, more > 5 ? ", …" : ""));
  }
  return found;
}

Finding table(const Options& o) {
  const int fd = ::open(o.path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto plugin = fd < 0 ? chatd::Result<const chatd_plugin*>(chatd::Code::NotFound) : chatd::loadPlugin(fd);
  if (!plugin.ok()) return {{plugin.error().detail()}, {}};
  const std::pair<const char*, const char*> texts[] = {
      {"id", (*plugin)->id}, {"name", (*plugin)->name}, {"version", (*plugin)->version}, {"vendor", (*plugin)->vendor}};
  Finding found;
  for (const auto& [what, text] : texts) {
    if (*text == '\0' || std::strlen(text) > kMostText || !chatd::isPlainText(text)) {
      found.faults.push_back(fmt::format("{} must be 1 to {} bytes of UTF-8 without control characters", what, kMostText));
    }
  }
  if (!found.faults.empty()) return found;
  found.note =
      fmt::format("{} {} ({}), flags {:#x}", (*plugin)->id, (*plugin)->version, (*plugin)->vendor, (*plugin)->flags);
  return found;
}

/// True if somewhere "writeOnly" is a text or a number: whoever wrote it meant to hide something, and nothing is hidden.
bool mistypedWriteOnly(const chatd::JsonValue& schema) {
  if (schema.IsArray()) return std::any_of(schema.Begin(), schema.End(), mistypedWriteOnly);
  if (!schema.IsObject()) return false;
  const chatd::JsonValue* given = chatd::find(schema, "writeOnly");
  if (given != nullptr && !given->IsBool() && !given->IsObject()) return true;
  return std::any_of(schema.MemberBegin(), schema.MemberEnd(), [](const auto& m) { return mistypedWriteOnly(m.value); });
}

Finding schema(const Options& o) {
  const chatd_plugin* plugin = load(o);
  if (plugin == nullptr) return {{"cannot be loaded"}, {}};
  const std::string text = plugin->config_schema != nullptr ? plugin->config_schema : "";
  Finding found;
  const auto json = chatd::parseJson(text.empty() ? "{}" : text);
  if (!json.ok()) return {{"config_schema is not valid JSON: " + json.error().detail()}, {}};
  if (!json->IsObject() && !json->IsBool()) return {{"config_schema must be an object"}, {}};
  if (mistypedWriteOnly(*json)) found.faults.emplace_back("config_schema has a writeOnly that is neither true nor false");
  if (const auto fits = chatd::checkConfig(text, o.config); !fits.ok()) {
    found.faults.push_back(fmt::format("the configuration{} does not fit the schema: {}",
                                       o.configGiven ? "" : " {} (no --config was given)", fits.error().detail()));
  }
  found.note = "the configuration is listed as " + chatd::listedConfig(text, o.config).json;
  return found;
}

Finding creation(const Options& o) {
  return withInstance(o, [](Bench&) {});
}

Finding answers(const Options& o) {
  std::string first;
  Finding found = withInstance(o, [&](Bench& bench) {
    for (const std::string& token : tokens(o)) {
      bench.verify(token, kDeadline);
      if (!bench.settled(kDeadline + kPatience)) return;
      if (first.empty()) first = bench.lastAnswer();
    }
  });
  found.note = "for --token: " + first;
  return found;
}

Finding concurrent(const Options& o) {
  return withInstance(o, [&](Bench& bench) {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) bench.verify(tokens(o)[static_cast<std::size_t>(i) % 4], kDeadline);
      });
    }
    for (std::thread& t : threads) t.join();
  });
}

Finding cancelRaces(const Options& o) {
  return withInstance(o, [&](Bench& bench) {
    for (int i = 0; i < 50; ++i) {
      const chatd_job job = bench.verify(o.token, kDeadline);
      std::thread other([&] { bench.cancel(job); });
      bench.cancel(job);  // also twice, and after it was completed
      other.join();
    }
  });
}

Finding manyInstances(const Options& o) {
  for (int i = 0; i < 20; ++i) {
    Finding found = withInstance(o, [&](Bench& bench) {
      for (int k = 0; k < 10; ++k) bench.verify(o.token, kDeadline);
    });
    if (!found.faults.empty()) return found;
  }
  return {};
}

Finding leaks(const Options& o) {
  std::size_t before = 0;
  std::size_t after = 0;
  Finding found = withInstance(o, [&](Bench& bench) {
    const auto round = [&](int times) {
      for (int i = 0; i < times; ++i) {
        bench.verify(o.token, kDeadline);
        if (i % 100 == 99 && !bench.settled(kDeadline + kPatience)) return;
      }
    };
    round(1000);
    before = ::mallinfo2().uordblks;
    round(4000);
    after = ::mallinfo2().uordblks;
  });
  // The bench remembers each job in a node of its own.
  constexpr std::size_t kBenchPerJob = 128;
  const std::size_t ours = 4000 * kBenchPerJob;
  if (after > before + ours + kLeakBytes) {
    found.faults.push_back(fmt::format("grew by about {} bytes a verification", (after - before - ours) / 4000));
  }
  return found;
}

/// In a child process: its faults come through a pipe, one a line, after the note.
Finding apart(const Check& check) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return {{"no pipe"}, {}};
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kCheckSeconds);
    const Finding found = check();
    std::string text = found.note + "\n";
    for (const std::string& fault : found.faults) text += fault + "\n";
    text.resize(std::min(text.size(), kMostReport));
    const bool told = ::write(pipe[1], text.data(), text.size()) >= 0;
    ::_exit(told ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = ::read(pipe[0], buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  Finding found;
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    found.faults.push_back(number == SIGALRM
                               ? fmt::format("hung: nothing for {} s", kCheckSeconds)
                               : fmt::format("crashed by signal {} ({}); an exception that leaves a function does it too",
                                             number, ::strsignal(number)));
    found.ended = true;
    return found;
  }
  if (text.empty()) {
    found.faults.emplace_back("ended the process");
    found.ended = true;
    return found;
  }
  std::size_t start = 0;
  for (std::size_t line = 0; start < text.size(); ++line) {
    const auto end = std::min(text.find('\n', start), text.size());
    std::string one = text.substr(start, end - start);
    if (line == 0) {
      found.note = std::move(one);
    } else if (!one.empty()) {
      found.faults.push_back(std::move(one));
    }
    start = end + 1;
  }
  return found;
}

void usage(std::FILE* to) {
  static_cast<void>(
      std::fputs("Usage: chatd-plugin-check PATH.so [--config FILE] [--token TOKEN]\n"
                 "Checks a plugin as chatd would use it, and harder. The configuration defaults to {}.\n"
                 "Exit: 0 it keeps the rules, 1 it does not, 2 usage.\n",
                 to));
}

bool isFile(const std::string& path) {
  std::error_code fault;
  const bool is = std::filesystem::is_regular_file(path, fault);
  if (!is) fmt::print(stderr, "chatd-plugin-check: {} is not a file that can be read\n", path);
  return is;
}

bool readOptions(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--config" && i + 1 < argc) {
      if (!isFile(argv[++i])) return false;
      std::ifstream in(argv[i]);
      o.config.assign(std::istreambuf_iterator<char>(in), {});
      o.configGiven = true;
      if (const auto json = chatd::parseJson(o.config); !json.ok()) {
        fmt::print(stderr, "chatd-plugin-check: {}: {}\n", argv[i], json.error().detail());
        return false;
      }
    } else if (word == "--token" && i + 1 < argc) {
      o.token = argv[++i];
    } else if (word.starts_with("-") || !o.path.empty()) {
      return false;
    } else {
      o.path = word;
    }
  }
  return !o.path.empty() && isFile(o.path);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  if (argc == 2 && (argv[1] == std::string_view("--help") || argv[1] == std::string_view("-h"))) {
    usage(stdout);
    return 0;
  }
  if (!readOptions(argc, argv, o)) {
    usage(stderr);
    return kUsage;
  }
  ::signal(SIGPIPE, SIG_IGN);
  struct Row {
    const char* name;
    Finding (*check)(const Options&);
    bool needed;  ///< without it the others mean nothing; so also after one that crashed or hung
  };
  const std::array<Row, 10> rows = {{{"file", &fileRules, false},
                                     {"library", &library, false},
                                     {"table", &table, true},
                                     {"schema", &schema, false},
                                     {"create", &creation, true},
                                     {"answers", &answers, false},
                                     {"concurrent verify", &concurrent, false},
                                     {"cancel races", &cancelRaces, false},
                                     {"many instances", &manyInstances, false},
                                     {"leaks", &leaks, false}}};
  int failed = 0;
  std::size_t made = 0;
  std::set<std::string> said;
  for (const Row& row : rows) {
    ++made;
    const Finding found = apart([&] { return row.check(o); });
    fmt::print("{:4} {}{}\n", found.faults.empty() ? "ok" : "FAIL", row.name, found.note.empty() ? "" : ": " + found.note);
    bool before = false;
    for (const std::string& fault : found.faults) {
      // How often differs from check to check.
      const bool fresh = said.insert(fault.substr(0, fault.rfind(" ("))).second;
      if (fresh) fmt::print("     - {}\n", fault);
      before = before || !fresh;
    }
    if (before) fmt::print("     - as said above\n");
    std::fflush(stdout);
    if (found.faults.empty()) continue;
    ++failed;
    if (row.needed || found.ended) break;
  }
  if (failed == 0) {
    fmt::print("The plugin keeps the rules.\n");
  } else {
    fmt::print("{} of {} checks failed{}.\n", failed, made, made < rows.size() ? "; mend this to see the others" : "");
  }
  return failed == 0 ? 0 : 1;
}

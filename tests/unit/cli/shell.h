// chatctl as a test sees it: words in; exit code, output and errors out. Each Shell has an empty home of its own.
#pragma once

#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/run.h"
#include "unit/cli/fake_daemon.h"

namespace chatd::test {

struct Ran {
  int code = -1;
  std::string out, err;
  /// The output as JSON; null if it is none.
  [[nodiscard]] JsonDocument json() const {
    auto parsed = parseJson(out);
    return parsed.ok() ? std::move(*parsed) : JsonDocument();
  }
};

struct Shell {
  explicit Shell(const FakeDaemon& daemon) {
    environment["XDG_CONFIG_HOME"] = daemon.folder() + "/config";
    environment["CHATCTL_SERVER"] = daemon.unixSocket();
  }

  Ran operator()(const std::vector<std::string>& words) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    cli::Io io{in, out, err, terminal, {}, {}};
    io.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment.find(name);
      return it == environment.end() ? std::nullopt : std::optional(it->second);
    };
    io.ask = [this](const std::string& prompt, bool secret) -> std::optional<std::string> {
      asked.push_back((secret ? "secret " : "") + prompt);
      if (answers.empty()) return std::nullopt;
      std::string answer = answers.front();
      answers.erase(answers.begin());
      return answer;
    };
    io.runBeside = [this](const std::string& program, const std::vector<std::string>& arguments, const auto& onErrorLine) {
      beside.push_back(arguments);
      beside.back().insert(beside.back().begin(), program);
      for (const std::string& line : besideSays) onErrorLine(line);
      return besideRun;
    };
    const int code = cli::run(words, io);
    return {code, out.str(), err.str()};
  }

  [[nodiscard]] std::filesystem::path configFile() const {
    return std::filesystem::path(environment.at("XDG_CONFIG_HOME")) / "chatctl" / "config.yaml";
  }

  std::map<std::string, std::string> environment;
  std::string input;
  bool terminal = false;
  std::vector<std::string> answers, asked;
  std::vector<std::vector<std::string>> beside;          ///< the programs beside chatctl that were run, with their words
  cli::BesideRun besideRun{-1, "", "not in this test"};  ///< how they end
  std::vector<std::string> besideSays;                   ///< what they say on stderr
};

}  // namespace chatd::test

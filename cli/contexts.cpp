#include "cli/contexts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "base/random.h"
#include "base/text.h"
#include "cli/guess.h"

namespace chatd::cli {

namespace {

constexpr mode_t kOthers = 077;

Failure fileFault(const std::string& path, std::string_view doing, int number) {
  return other("config_file", fmt::format("cannot {} {}: {}", doing, path, std::strerror(number)));
}

std::optional<std::string> scalar(const YAML::Node& node, const char* key) {
  const YAML::Node value = node[key];
  if (!value || value.IsNull()) return std::nullopt;
  return value.as<std::string>();
}

[[noreturn]] void wrong(const YAML::Node& where, const std::string& what) {
  throw YAML::Exception(where.IsDefined() ? where.Mark() : YAML::Mark(), what);
}

/// Throws YAML::Exception on another shape.
void readDocument(const YAML::Node& root, Contexts& to) {
  if (root.IsNull()) return;
  if (!root.IsMap()) wrong(root, "it is no map of current and contexts");
  to.current = scalar(root, "current").value_or("");
  const YAML::Node contexts = root["contexts"];
  if (!contexts || contexts.IsNull()) return;
  if (!contexts.IsMap()) wrong(contexts, "contexts is no map");
  for (const auto& entry : contexts) {
    const auto name = entry.first.as<std::string>();
    if (!entry.second.IsMap()) wrong(entry.second, fmt::format("context {} is no map", name));
    if (!entry.second["server"]) wrong(entry.second, fmt::format("context {} has no server", name));
    Context context;
    context.server = entry.second["server"].as<std::string>();
    context.app = scalar(entry.second, "app");
    context.token = scalar(entry.second, "token");
    to.byName.emplace(entry.first.as<std::string>(), std::move(context));
  }
}

std::string writeDocument(const Contexts& from) {
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  if (!from.current.empty()) yaml << YAML::Key << "current" << YAML::Value << YAML::DoubleQuoted << from.current;
  yaml << YAML::Key << "contexts" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, context] : from.byName) {
    yaml << YAML::Key << YAML::DoubleQuoted << name << YAML::Value << YAML::BeginMap;
    yaml << YAML::Key << "server" << YAML::Value << YAML::DoubleQuoted << context.server;
    if (context.app) yaml << YAML::Key << "app" << YAML::Value << YAML::DoubleQuoted << *context.app;
    if (context.token) yaml << YAML::Key << "token" << YAML::Value << YAML::DoubleQuoted << *context.token;
    yaml << YAML::EndMap;
  }
  yaml << YAML::EndMap << YAML::EndMap;
  return std::string(yaml.c_str()) + "\n";
}

/// 0, or the errno of what failed.
int writeDurably(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(file) == 0 ? 0 : errno;
}

}  // namespace

std::string Contexts::pathFrom(const Io& io) {
  if (const auto config = io.environment("XDG_CONFIG_HOME")) return *config + "/chatctl/config.yaml";
  if (const auto home = io.environment("HOME")) return *home + "/.config/chatctl/config.yaml";
  return {};
}

Outcome<Contexts> Contexts::load(std::string path) {
  Contexts contexts;
  contexts.path_ = std::move(path);
  struct stat found {};
  if (contexts.path_.empty() || ::stat(contexts.path_.c_str(), &found) != 0) {
    if (!contexts.path_.empty() && errno != ENOENT && errno != ENOTDIR) return fileFault(contexts.path_, "read", errno);
    return contexts;
  }
  contexts.exposed_ = (found.st_mode & kOthers) != 0;
  std::ifstream file(contexts.path_);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    if (found.st_size != 0) return fileFault(contexts.path_, "read", errno);
    return contexts;
  }
  try {
    readDocument(YAML::Load(text.str()), contexts);
  } catch (const YAML::Exception& e) {
    return other("config_file", fmt::format("{}:{}: {}", contexts.path_, e.mark.line + 1, e.msg),
                 "Mend the file or remove it.");
  }
  contexts.loaded_ = contexts.byName;
  contexts.loadedCurrent_ = contexts.current;
  return contexts;
}

Outcome<Contexts> Contexts::merged() const {
  CHATD_TRY(now, load(path_));
  for (const auto& [name, context] : byName) {
    const auto before = loaded_.find(name);
    if (before == loaded_.end() || before->second != context) now.byName[name] = context;
  }
  for (const auto& [name, context] : loaded_) {
    if (!byName.contains(name)) now.byName.erase(name);
  }
  if (current != loadedCurrent_) now.current = current;
  if (!now.byName.contains(now.current)) now.current.clear();
  return now;
}

Outcome<void> Contexts::save() const {
  if (path_.empty()) return other("config_file", "there is no place for the configuration: set HOME or XDG_CONFIG_HOME");
  const std::filesystem::path target(path_);
  std::error_code failed;
  const bool made = std::filesystem::create_directories(target.parent_path(), failed);
  if (failed) return fileFault(target.parent_path().string(), "create", failed.value());
  if (made && ::chmod(target.parent_path().c_str(), S_IRWXU) != 0)
    return fileFault(target.parent_path().string(), "protect", errno);

  const int folder = ::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || ::flock(folder, LOCK_EX) != 0) return fileFault(target.parent_path().string(), "lock", errno);
  auto saved = replaceFile();
  ::close(folder);
  return saved;
}

Outcome<void> Contexts::replaceFile() const {
  CHATD_TRY(now, merged());
  const std::string neighbour = path_ + "." + toHex(randomBytes(8));
  const int file = ::open(neighbour.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return fileFault(neighbour, "create", errno);
  int fault = writeDurably(file, writeDocument(now));
  if (::close(file) != 0 && fault == 0) fault = errno;
  if (fault == 0 && ::rename(neighbour.c_str(), path_.c_str()) != 0) fault = errno;
  if (fault == 0) return {};
  ::unlink(neighbour.c_str());
  return fileFault(path_, "write", fault);
}

const Context* Contexts::find(const std::string& name) const {
  const auto it = byName.find(name);
  return it == byName.end() ? nullptr : &it->second;
}

Context* Contexts::find(const std::string& name) {
  const auto it = byName.find(name);
  return it == byName.end() ? nullptr : &it->second;
}

Failure Contexts::unknown(const std::string& name, Exit exit) const {
  std::vector<std::string> known;
  for (const auto& [one, context] : byName) known.push_back(one);
  const std::string meant = closest(name, known);
  return {exit,
          exit == Exit::Usage ? "usage" : "not_found",
          fmt::format("there is no context {}", name),
          meant.empty() ? "`chatctl context list` shows them." : fmt::format("Did you mean {}?", meant),
          {}};
}

const std::string* Contexts::nameOfServer(const std::string& server) const {
  for (const auto& [name, context] : byName) {
    if (context.server == server) return &name;
  }
  return nullptr;
}

}  // namespace chatd::cli

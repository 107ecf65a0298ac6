#include "host/plugin_library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

namespace chatd {

namespace {

constexpr std::string_view kSuffix = ".so";
constexpr std::size_t kMaxNames = 1000;

std::string why(int number) { return std::generic_category().message(number); }

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd;
};

/// Nothing: good. Else the rule that it breaks.
std::string faultOf(int fd, bool folder) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return why(errno);
  if (folder ? !S_ISDIR(status.st_mode) : !S_ISREG(status.st_mode)) return folder ? "is no folder" : "is no regular file";
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fmt::format("belongs to user {}; it must belong to root or to the user that the daemon runs as", status.st_uid);
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "is writable by its group or by everybody";
  return {};
}

int openInside(int folder, const std::string& file) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  // A link may lead to another file of this folder, and nowhere else.
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, folder, file.c_str(), &how, sizeof how));
}

int openFolder(const std::string& folder) { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

/// Why openFolder() failed. Errors: NotFound, Forbidden.
Error noFolder(const std::string& folder) {
  if (errno == ENOENT) return {Code::NotFound, folder + " is not there"};
  if (errno == ENOTDIR || errno == ELOOP)
    return {Code::Forbidden, folder + " is no folder, or a link to one; name the folder"};
  return {Code::Forbidden, fmt::format("{}: {}", folder, why(errno))};
}

/// fd and path of FILE in FOLDER. Errors: NotFound, Forbidden.
Result<std::pair<int, std::string>> openJudged(const std::string& folder, const std::string& file) {
  const std::string path = folder + "/" + file;
  const Descriptor directory(openFolder(folder));
  if (directory.fd < 0) return noFolder(folder);
  Descriptor opened(openInside(directory.fd, file));
  if (opened.fd < 0) {
    if (errno == ENOENT) return Error(Code::NotFound, path + " is not there");
    if (errno == EXDEV) return Error(Code::Forbidden, path + " is a link that leads out of its folder");
    return Error(Code::Forbidden, fmt::format("{}: {}", path, why(errno)));
  }
  if (const std::string fault = faultOf(directory.fd, true); !fault.empty()) {
    return Error(Code::Forbidden, fmt::format("{} {}", folder, fault));
  }
  if (const std::string fault = faultOf(opened.fd, false); !fault.empty()) {
    return Error(Code::Forbidden, fmt::format("{} {}", path, fault));
  }
  return std::pair(std::exchange(opened.fd, -1), path);
}

}  // namespace

PluginFile::PluginFile(PluginFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

PluginFile& PluginFile::operator=(PluginFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

PluginFile::~PluginFile() {
  if (fd_ >= 0) ::close(fd_);
}

int PluginFile::release() { return std::exchange(fd_, -1); }

bool PluginFile::goodName(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 64 && plain(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

Result<PluginFile> PluginFile::find(const std::vector<std::string>& folders, const std::string& name) {
  if (!goodName(name)) return Error(Code::NotFound, "that is no name of a plugin");
  for (const std::string& folder : folders) {
    auto opened = openJudged(folder, name + std::string(kSuffix));
    if (!opened.ok() && opened.error().code() == Code::NotFound) continue;
    if (!opened.ok()) return std::move(opened).error();
    PluginFile file;
    file.fd_ = opened->first;
    file.path_ = opened->second;
    return file;
  }
  return Error(Code::NotFound, fmt::format("no folder of plugins.paths has {}.so", name));
}

Result<void> PluginFile::judgeFolder(const std::string& folder) {
  const Descriptor opened(openFolder(folder));
  if (opened.fd < 0) return noFolder(folder);
  if (const std::string fault = faultOf(opened.fd, true); !fault.empty()) {
    return Error(Code::Forbidden, fmt::format("{} {}", folder, fault));
  }
  return {};
}

Result<PluginFile> PluginFile::at(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  CHATD_TRY(opened, openJudged(folder, slash == std::string::npos ? path : path.substr(slash + 1)));
  PluginFile file;
  file.fd_ = opened.first;
  file.path_ = opened.second;
  return file;
}

std::vector<std::string> PluginFile::names(const std::vector<std::string>& folders) {
  std::set<std::string> found;
  for (const std::string& folder : folders) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
    if (listing == nullptr) continue;
    while (const dirent* entry = ::readdir(listing.get())) {
      std::string_view file = entry->d_name;
      if (!file.ends_with(kSuffix)) continue;
      file.remove_suffix(kSuffix.size());
      if (goodName(file) && found.size() < kMaxNames) found.emplace(file);
    }
  }
  return {found.begin(), found.end()};
}

Result<void> judgeTable(const chatd_plugin* plugin) {
  const auto bad = [](const char* what) { return Error(Code::Invalid, what); };
  if (plugin == nullptr) return bad("the plugin refuses this version of chatd");
  constexpr std::size_t kLeast = offsetof(chatd_plugin, verify) + sizeof(plugin->verify);
  constexpr std::size_t kMost = 64 * 1024;
  if (plugin->struct_size < kLeast) return bad("its table is too short: struct_size must be sizeof(chatd_plugin)");
  if (plugin->struct_size > kMost) return bad("its table has an absurd struct_size");
  if (plugin->create == nullptr || plugin->destroy == nullptr || plugin->verify == nullptr) {
    return bad("its table lacks create, destroy or verify");
  }
  if (plugin->id == nullptr || plugin->name == nullptr || plugin->version == nullptr || plugin->vendor == nullptr) {
    return bad("its table lacks id, name, version or vendor");
  }
  return {};
}

std::string pathOfDescriptor(int fd) {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), path.data(), path.size());
  return length <= 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(length));
}

Result<const chatd_plugin*> loadPlugin(int fd) {
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* given = ::dlerror();
    std::string reason = given != nullptr ? given : "unknown reason";
    // The loader's name for it means nothing to an admin.
    const std::string file = pathOfDescriptor(fd);
    for (auto at = reason.find(path); at != std::string::npos && !file.empty(); at = reason.find(path, at + file.size())) {
      reason.replace(at, path.size(), file);
    }
    return Error(Code::Invalid, fmt::format("it cannot be loaded: {}", reason));
  }
  void* symbol = ::dlsym(library, "chatd_plugin_entry_v1");
  if (symbol == nullptr) {
    return Error(Code::Invalid, "it exports no chatd_plugin_entry_v1: no plugin, or one for another ABI");
  }
  const auto entry = reinterpret_cast<const chatd_plugin* (*)(std::uint32_t)>(symbol);
  const chatd_plugin* plugin = entry(CHATD_ABI_MINOR);
  CHATD_CHECK(judgeTable(plugin));
  return plugin;
}

}  // namespace chatd

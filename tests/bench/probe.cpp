#include "probe.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace bench {

namespace {

// The fields of /proc/PID/stat from the third on (state is [0], ppid [1], utime [11], stime [12]); empty if it is gone.
// They begin behind the last ')', because the name in front may hold anything.
std::vector<std::string> statFields(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream rest(text.substr(end + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

}  // namespace

std::vector<pid_t> family(pid_t pid) {
  std::vector<pid_t> pids{pid};
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    pid_t child = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), child).ptr != name.data() + name.size()) continue;
    const auto fields = statFields(child);
    if (fields.size() > 1 && fields[1] == std::to_string(pid)) pids.push_back(child);
  }
  return pids;
}

double cpuSeconds(const std::vector<pid_t>& pids) {
  static const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  double total = 0;
  for (const pid_t pid : pids) {
    const auto fields = statFields(pid);
    if (fields.size() > 12) total += (std::stod(fields[11]) + std::stod(fields[12])) / ticks;
  }
  return total;
}

std::uint64_t residentBytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace bench

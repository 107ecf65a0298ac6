// chatd-plugin-host: started by chatd, never by hand. Descriptor 3 is the socket to the daemon, 4 the plugin's file, which
// the daemon has judged; everything else is closed. Argument: the process id of the daemon, with which it must end.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "host/child.h"
#include "host/plugin_library.h"
#include "host/sandbox.h"

namespace {

constexpr int kSocket = 3;
constexpr int kLibrary = 4;

std::string folderOfLibrary() {
  const std::string file = chatd::pathOfDescriptor(kLibrary);
  return file.empty() ? "/nonexistent" : file.substr(0, file.rfind('/'));
}

}  // namespace

int main(int argc, char** argv) {
  int type = 0;
  socklen_t size = sizeof type;
  if (argc != 2 || ::getsockopt(kSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    static_cast<void>(fprintf(stderr, "chatd-plugin-host is started by chatd for a plugin; it has no use of its own\n"));
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The daemon may have died before the line above.
  if (::getppid() != static_cast<pid_t>(std::strtol(argv[1], nullptr, 10))) return 0;

  // Never freed: its threads outlive main().
  auto* child = new chatd::plugin_host::PluginChild(kSocket);
  const auto confined = chatd::plugin_host::enterSandbox(folderOfLibrary());
  if (!confined.ok()) {
    child->refuse("the host process cannot confine itself: " + confined.error().detail());
    return 1;
  }
  const auto plugin = chatd::loadPlugin(kLibrary);
  if (!plugin.ok()) {
    child->refuse(plugin.error().detail());
    return 1;
  }
  child->serve(*plugin, *confined);
}

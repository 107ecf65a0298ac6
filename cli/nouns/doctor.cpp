// doctor: goes from the near to the far (files, socket, certificate, clock, credential, readiness, plugins), stops where the
// next question has no sense any more, and names for each fault the command that mends it. REST: /healthz, /readyz,
// /auth/verify, /app, /plugin.
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "base/masked_url.h"
#include "cli/complete.h"
#include "cli/layout.h"
#include "cli/nouns/nouns.h"
#include "cli/nouns/servers.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr const char* kConfig = "/etc/chatd/chatd.yaml";
constexpr const char* kUser = "chatd";
constexpr std::int64_t kClockSeconds = 60;  // tokens are judged by the clock; a minute is more than any network takes
constexpr std::int64_t kCertificateDays = 14;

const View kFindings{"check", "check", {{"CHECK", "check"}, {"STATE", "state"}, {"DETAIL", "detail"}, {"MEND", "mend"}}};

enum class State { Ok, Warning, Failed };

struct Finding {
  std::string check;
  State state = State::Ok;
  std::string detail, mend;
};

struct DoctorWords {
  std::optional<std::string> config, dataDir;
};

class Doctor {
 public:
  Doctor(Invocation& run, const DoctorWords& words) : run_(run), words_(words) {}
  Outcome<void> examine();

 private:
  void files();
  void configuration();
  void dataDirectory();
  bool server();
  void noServer(const Failure& failure);
  void certificate();
  void clock(const HttpAnswer& answer);
  bool credential();
  void readiness();
  void secrets();
  void plugins();
  bool chainOf(const JsonValue& app);
  void pluginFile(const JsonValue& plugin);
  void add(std::string check, State state, std::string detail, std::string mend = {}, Exit exit = Exit::Unhealthy);
  [[nodiscard]] bool local() const { return run_.settings.server.kind == ServerAddress::Kind::Unix; }
  Outcome<void> report();

  Invocation& run_;
  const DoctorWords& words_;
  std::vector<Finding> findings_;
  Exit exit_ = Exit::Ok;  // of the first fault
};

void Doctor::add(std::string check, State state, std::string detail, std::string mend, Exit exit) {
  if (state == State::Failed && exit_ == Exit::Ok) exit_ = exit;
  findings_.push_back({std::move(check), state, std::move(detail), std::move(mend)});
}

void Doctor::files() {
  if (const auto& broken = run_.settings.brokenContexts) {
    return add("contexts", State::Failed, broken->message,
               fmt::format("mend that line, or mv {0} {0}.broken and log in again", Contexts::pathFrom(run_.io)),
               broken->exit);
  }
  const Contexts& contexts = run_.settings.contexts;
  if (contexts.exposed()) {
    add("contexts", State::Warning, fmt::format("others can read {}, which holds tokens", contexts.path()),
        fmt::format("chmod 600 {}", contexts.path()));
  } else if (!contexts.path().empty()) {
    add("contexts", State::Ok, contexts.path());
  }
}

/// Judged by chatd itself. Without --config only if there is one here.
void Doctor::configuration() {
  const std::string file = words_.config.value_or(kConfig);
  std::error_code error;
  if (!run_.io.runBeside || (!words_.config && (!local() || !std::filesystem::exists(file, error)))) return;
  std::vector<std::string> said;
  const auto ran = run_.io.runBeside("chatd", {"--config", file, "--check-config"}, [&](const std::string& line) {
    constexpr std::string_view kName = "chatd: ";
    said.push_back(line.starts_with(kName) ? line.substr(kName.size()) : line);
  });
  const std::string words = fmt::format("{}", fmt::join(said, "; "));
  const std::string again = fmt::format("chatd --config {} --check-config", file);
  if (ran.code < 0) return add("configuration", State::Warning, "it cannot be judged here: " + ran.why, again);
  if (ran.code == 0) return add("configuration", said.empty() ? State::Ok : State::Warning, said.empty() ? file : words);
  // What is for root and the daemon alone is no fault of the file.
  if (::geteuid() != 0 && words.find(std::strerror(EACCES)) != std::string::npos)
    return add("configuration", State::Warning, "you may not read all of it: " + words, "sudo " + again);
  add("configuration", State::Failed, "the daemon refuses its configuration: " + words,
      fmt::format("sudoedit {}, then {}", file, again));
}

/// `data_dir` of the daemon's configuration; nothing if it does not say, or is not there.
std::optional<std::string> configuredDataDir(const std::string& config) {
  try {
    const YAML::Node root = YAML::LoadFile(config);
    const YAML::Node value = root.IsMap() ? root["data_dir"] : YAML::Node();
    if (value && value.IsScalar()) return value.Scalar();
  } catch (const YAML::Exception&) {
    return std::nullopt;  // configuration() has told it
  }
  return std::nullopt;
}

/// Why `user` could not write there; nothing: it can. By mode bits, because root could anyway.
std::optional<std::string> notWritable(const std::string& folder, const passwd* user) {
  struct stat found {};
  if (::stat(folder.c_str(), &found) != 0) return std::string(std::strerror(errno));
  if (!S_ISDIR(found.st_mode)) return std::string("it is no folder");
  if (user != nullptr) {
    const mode_t bits = found.st_uid == user->pw_uid   ? found.st_mode >> 6U
                        : found.st_gid == user->pw_gid ? found.st_mode >> 3U
                                                       : found.st_mode;
    if ((bits & 3U) != 3U) return fmt::format("mode {:o}, owner {}", found.st_mode & 07777U, found.st_uid);
  }
  const std::string probe = folder + "/.chatctl-doctor-XXXXXX";
  std::vector<char> name(probe.begin(), probe.end());
  name.push_back('\0');
  const int file = ::mkstemp(name.data());
  if (file < 0 && errno == EACCES && user != nullptr && ::geteuid() != user->pw_uid)
    return std::nullopt;  // it can, we cannot
  if (file < 0) return std::string(std::strerror(errno));
  ::close(file);
  ::unlink(name.data());
  return std::nullopt;
}

void Doctor::dataDirectory() {
  if (!local() && !words_.dataDir && !words_.config) return;
  auto folder = words_.dataDir;
  if (!folder) folder = configuredDataDir(words_.config.value_or(kConfig));
  if (!folder && !words_.config) folder = "/var/lib/chatd";
  if (!folder) return;
  std::error_code error;
  if (!words_.dataDir && !words_.config && !std::filesystem::exists(*folder, error)) return;  // another machine's, or --dev
  const passwd* user = words_.dataDir ? nullptr : ::getpwnam(kUser);
  const auto why = notWritable(*folder, user);
  if (!why) return add("data directory", State::Ok, *folder);
  add("data directory", State::Failed, fmt::format("the daemon cannot write its data directory {}: {}", *folder, *why),
      fmt::format("sudo install -d -o {0} -g {0} -m 0750 {1} && sudo systemctl restart chatd",
                  user != nullptr ? kUser : "$USER", *folder));
}

void Doctor::noServer(const Failure& failure) {
  const ServerAddress& server = run_.settings.server;
  struct stat found {};
  if (local() && ::stat(server.path.c_str(), &found) != 0 && errno == ENOENT) {
    return add("server", State::Failed, fmt::format("no daemon: there is no socket {}", server.path),
               "sudo systemctl start chatd; journalctl -u chatd -n 20 says why it does not start", Exit::Unreachable);
  }
  if (local() && failure.message.find(std::strerror(EACCES)) != std::string::npos) {
    return add("server", State::Failed, fmt::format("the socket {} is not for you", server.path),
               "sudo usermod -aG chatd $USER, then log in again", Exit::Unreachable);
  }
  if (local()) {
    return add("server", State::Failed, fmt::format("no daemon: nobody listens on {} ({})", server.path, failure.message),
               "sudo systemctl restart chatd; journalctl -u chatd -n 20 says why it does not start", Exit::Unreachable);
  }
  add("server", State::Failed, failure.message,
      fmt::format("start chatd there, or name another by --server (this one is from {})", run_.settings.serverFrom),
      Exit::Unreachable);
}

void Doctor::certificate() {
  if (run_.settings.server.kind != ServerAddress::Kind::Https) return;
  const auto seen = certificateOf(run_.settings.server, run_.settings.timeout);
  if (!seen.ok()) return;  // no TLS there at all: the request says it better
  const std::int64_t left = seen.value().notAfter - std::time(nullptr);
  const std::string mend =
      "renew the files of listen.tls.certificate and listen.tls.key, then: sudo systemctl reload chatd (or chatctl reload "
      "over the socket)";
  if (left < 0) {
    add("certificate", State::Failed,
        fmt::format("the certificate of {} has expired {} days ago", seen.value().subject, -left / 86400), mend);
  } else if (seen.value().notBefore > std::time(nullptr)) {
    add("certificate", State::Failed, fmt::format("the certificate of {} is not valid yet", seen.value().subject),
        "sudo timedatectl set-ntp true, if this clock is behind; else " + mend);
  } else if (left < kCertificateDays * 86400) {
    add("certificate", State::Warning,
        fmt::format("the certificate of {} expires in {} days", seen.value().subject, left / 86400), mend);
  } else {
    add("certificate", State::Ok, fmt::format("{}, {} days left", seen.value().subject, left / 86400));
  }
}

void Doctor::clock(const HttpAnswer& answer) {
  if (!answer.date) return;
  const std::int64_t ahead = *answer.date - std::time(nullptr);
  if (std::abs(ahead) <= kClockSeconds)
    return add("clock", State::Ok, fmt::format("{} s apart from the server's", std::abs(ahead)));
  add("clock", State::Failed,
      fmt::format("the clocks are apart: the server's is {} min {} s {}", std::abs(ahead) / 60, std::abs(ahead) % 60,
                  ahead > 0 ? "ahead of this one" : "behind this one"),
      "sudo timedatectl set-ntp true, on the machine whose `date` is wrong; tokens are judged by the clock");
}

bool Doctor::server() {
  const std::size_t before = findings_.size();
  certificate();
  const bool badCertificate = findings_.size() > before && findings_.back().state == State::Failed;
  const auto answer = probe(run_, "/healthz");
  if (!answer.ok()) {
    const Failure& failure = answer.error();
    if (failure.code == "not_chatd") {
      add("server", State::Failed, failure.message, failure.hint, failure.exit);
    } else if (!badCertificate) {
      noServer(failure);
    }
    return false;
  }
  add("server", State::Ok, run_.settings.server.text);
  clock(answer.value());
  return true;
}

bool Doctor::credential() {
  const auto who = run_.client.get("/auth/verify");
  if (who.ok()) {
    add("credential", State::Ok,
        fmt::format("{} {}", stringField(who.value().document, "kind").value_or("?"),
                    stringField(who.value().document, "subject").value_or("")));
    return true;
  }
  const Failure& failure = who.error();
  const bool stranger = failure.exit == Exit::NotLoggedIn;
  const std::string login = fmt::format("chatctl login --server {}", run_.settings.server.text);
  const std::string detail = !stranger ? failure.message
                             : run_.settings.token
                                 ? "wrong token: the server does not take it; it is unknown, revoked or expired"
                                 : "no token";
  add("credential", State::Failed, detail,
      local() && !run_.settings.token ? "sudo usermod -aG chatd $USER, then log in again; or " + login : login,
      failure.exit);
  return false;
}

void Doctor::readiness() {
  const auto answer = probe(run_, "/readyz");
  if (!answer.ok())
    return add("ready", State::Failed, answer.error().message, "journalctl -u chatd -n 50", answer.error().exit);
  if (answer.value().status < 300) return add("ready", State::Ok, "the daemon can do its work");
  const auto document = parseJson(answer.value().body);
  const JsonValue* reasons = document.ok() && document->IsObject() ? find(*document, "reasons") : nullptr;
  if (reasons == nullptr || !reasons->IsArray())
    return add("ready", State::Failed, "not ready", "journalctl -u chatd -n 50");
  for (const JsonValue& reason : reasons->GetArray()) {
    const std::string text = textOf(reason);
    if (text.starts_with("store")) {
      add("database", State::Failed, "the database is down or cannot be written: " + text,
          "sudo systemctl status postgresql, if store.url names it; else df -h and ls -ld on the data directory; chatd "
          "connects again by itself");
    } else if (text.find("drain") != std::string::npos) {
      add("ready", State::Failed, text, "chatctl drain --off");
    } else {
      add("ready", State::Failed, text, "journalctl -u chatd -n 50");
    }
  }
}

/// Who the daemon runs as, by what this machine says of its process; nothing: it is another machine's, or gone.
std::optional<std::string> userOf(std::int64_t pid) {
  struct stat found {};
  if (::stat(fmt::format("/proc/{}", pid).c_str(), &found) != 0) return std::nullopt;
  const passwd* user = ::getpwuid(found.st_uid);
  return user != nullptr ? std::string(user->pw_name) : std::to_string(found.st_uid);
}

/// What mends a secret that the daemon cannot read.
std::string mendSecret(const JsonValue& fault, const std::string& user) {
  const auto file = stringField(fault, "file");
  if (!file) {
    return fmt::format(
        "sudo systemctl edit chatd, and under [Service] Environment={}=… or EnvironmentFile=; then sudo "
        "systemctl restart chatd",
        stringField(fault, "variable").value_or("NAME"));
  }
  const std::string name = shellWord(*file);
  const std::string reason = stringField(fault, "reason").value_or("");
  std::string own = fmt::format("sudo chown {0}: {1} && sudo chmod 0600 {1} && chatctl reload", user, name);
  if (reason == std::strerror(ENOENT)) return "write the secret to that file, then: " + own;
  if (reason.starts_with("is "))
    return "make it a plain file with nothing but the secret in it, at most 8 KiB, then: " + own;
  if (reason == std::strerror(EACCES)) return fmt::format("{} (the folders above it must let {} in, too)", own, user);
  return own;
}

/// The secrets of plugins.secrets. For operators.
void Doctor::secrets() {
  const auto server = run_.client.get("/server");
  if (!server.ok() || !server.value().document.IsObject()) return;
  const JsonValue* faults = find(server.value().document, "unreadableSecrets");
  if (faults == nullptr || !faults->IsArray()) return;  // of an older daemon
  const auto pid = integerField(server.value().document, "pid");
  const std::string user = (local() && pid.ok() ? userOf(pid.value()) : std::nullopt).value_or(kUser);
  for (const JsonValue& fault : faults->GetArray()) {
    const std::string from = stringField(fault, "file").value_or(stringField(fault, "variable").value_or("?"));
    add("secret", State::Failed,
        fmt::format("the daemon cannot read the secret {} of plugins.secrets: {}: {}",
                    stringField(fault, "secret").value_or("?"), from, stringField(fault, "reason").value_or("?")),
        mendSecret(fault, user));
  }
}

/// Has the server judge the chain that it has, as if it were set anew: a plugin that cannot be loaded or does not take its
/// configuration is refused. False: a secret in it is not shown, so it cannot be judged by us.
bool Doctor::chainOf(const JsonValue& app) {
  const JsonValue* chain = app.IsObject() ? find(app, "verifiers") : nullptr;
  const auto id = integerField(app, "appId");
  const std::string name = stringField(app, "name").value_or("?");
  if (chain == nullptr || !chain->IsArray() || chain->Empty() || !id.ok()) return true;
  if (toText(*chain).find(kMask) != std::string::npos) return false;
  const std::string body = fmt::format(R"({{"verifiers":{}}})", toText(*chain));
  const auto judged = run_.client.call({"PATCH", fmt::format("/app/{}", id.value()), {{"dryRun", "true"}}, body});
  if (judged.ok()) return true;
  const std::string& why = judged.error().message;
  std::string mend = fmt::format("chatctl app get {0}; chatctl app update {0} --verifiers @FILE", shellWord(name));
  if (why.find("plugins.secrets cannot be used") != std::string::npos) {
    mend = "its operator mends the secret that is named, then: chatctl reload";
  } else if (why.find("the daemon has no secret") != std::string::npos) {
    mend = fmt::format("add it to plugins.secrets in {} as {}/NAME=file:PATH, then: chatctl reload", kConfig, name);
  }
  add("plugin", State::Failed, fmt::format("a verifier of app {} fails: {}", name, why), mend);
  return true;
}

/// A plugin of others: its file, and the processes that run it. A bundled one has neither.
void Doctor::pluginFile(const JsonValue& plugin) {
  const JsonValue* bundled = plugin.IsObject() ? find(plugin, "bundled") : nullptr;
  const std::string name = stringField(plugin, "name").value_or("?");
  if (bundled == nullptr || bundled->IsTrue()) return;
  const std::string reload =
      fmt::format("chatctl plugin health {0}; once its file is mended: chatctl plugin reload {0}", name);
  if (const auto fault = stringField(plugin, "fault"))
    return add("plugin", State::Warning, fmt::format("plugin {} cannot be used: {}", name, *fault), reload);
  const auto health = run_.client.get(fmt::format("/plugin/{}/health", percentEncode(name)));
  const JsonValue* items =
      health.ok() && health.value().document.IsObject() ? find(health.value().document, "items") : nullptr;
  if (items == nullptr || !items->IsArray()) return;
  for (const JsonValue& process : items->GetArray()) {
    const auto fault = stringField(process, "fault");
    const auto app = integerField(process, "appId");
    const auto restarts = integerField(process, "restarts");
    const std::int64_t id = app.ok() ? app.value() : 0;
    if (fault) {
      add("plugin", State::Failed, fmt::format("plugin {} fails for app {}: {}", name, id, *fault), reload);
    } else if (restarts.ok() && restarts.value() > 0) {
      add("plugin", State::Warning,
          fmt::format("plugin {} of app {} has died and been started again {}", name, id,
                      counted(static_cast<std::size_t>(restarts.value()), "time")),
          "journalctl -u chatd says how it died; " + reload);
    }
  }
}

void Doctor::plugins() {
  const std::size_t before = findings_.size();
  std::size_t apps = 0;
  std::size_t unseen = 0;
  const auto end = run_.client.pages({"/app", {}}, [&](const JsonValue& items) -> Outcome<void> {
    for (const JsonValue& app : items.GetArray()) ++(chainOf(app) ? apps : unseen);
    return {};
  });
  if (!end.ok()) return add("plugin", State::Warning, "the apps cannot be read: " + end.error().message);
  // For operators; who is none has seen the chains of the own apps, which is what can be done about it.
  if (const auto all = run_.client.get("/plugin"); all.ok()) {
    const JsonValue* items = all.value().document.IsObject() ? find(all.value().document, "items") : nullptr;
    for (rapidjson::SizeType i = 0; items != nullptr && items->IsArray() && i < items->Size(); ++i) pluginFile((*items)[i]);
  }
  if (findings_.size() != before) return;
  std::string well = fmt::format("the verifiers of {} load", counted(apps, "app"));
  if (unseen > 0) {
    well += fmt::format("; of {} not tried, because secrets in them are not shown: `chatctl app verify-test` tries one",
                        counted(unseen, "app"));
  }
  add("plugin", State::Ok, well);
}

Outcome<void> Doctor::report() {
  std::string text;
  JsonWriter json(text);
  json.beginArray();
  constexpr std::string_view kWords[] = {"ok", "warning", "failed"};
  for (const Finding& one : findings_) {
    json.beginObject().field("check", one.check).field("state", kWords[static_cast<int>(one.state)]);
    json.field("detail", visible(one.detail)).field("mend", visible(one.mend)).endObject();
  }
  json.endArray();
  const bool table = run_.settings.format == Format::Table || run_.settings.format == Format::Wide;
  if (run_.settings.quiet || !table) {
    const auto array = parseJson(text);
    CHATD_ASSERT(array.ok());  // written by us from what passed visible()
    CHATD_CHECK(run_.printer.items(kFindings, *array));
  } else {
    constexpr std::string_view kMarks[] = {"ok    ", "warn  ", "FAILED"};
    constexpr Colour kColours[] = {Colour::Green, Colour::Yellow, Colour::Red};
    for (const Finding& one : findings_) {
      const auto at = static_cast<std::size_t>(one.state);
      run_.io.out << coloured(kMarks[at], kColours[at], run_.settings.colorOut) << ' '
                  << fmt::format("{:<14} {}\n", one.check, visible(one.detail));
      if (!one.mend.empty()) run_.io.out << "       " << fmt::format("{:<14} mend: {}\n", "", visible(one.mend));
    }
  }
  if (exit_ == Exit::Ok) return {};
  return Failure{exit_, "unhealthy", "something is broken", "Each fault above says what mends it.", {}};
}

Outcome<void> Doctor::examine() {
  files();
  configuration();
  dataDirectory();
  if (server() && credential()) {
    readiness();
    secrets();
    plugins();
  } else if (!findings_.empty() && findings_.back().check == "credential") {
    readiness();  // needs no credential
  }
  return report();
}

Handler doctor(CLI::App& command) {
  auto words = std::make_shared<DoctorWords>();
  bindWord(command, "--config", words->config, "the daemon's configuration, to judge it and its data directory")
      ->type_name("FILE");
  bindWord(command, "--data-dir", words->dataDir, "its data directory itself")->type_name("DIR");
  return [words](Invocation& run) { return Doctor(run, *words).examine(); };
}

Handler completion(CLI::App& command) {
  auto shell = std::make_shared<std::string>();
  bindWord(command, "SHELL", *shell, "bash, zsh or fish")->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return [shell](Invocation& run) -> Outcome<void> {
    CHATD_TRY(script, completionScript(*shell));
    return run.printer.text(script);
  };
}

}  // namespace

const Noun& doctorNoun() {
  static const Noun noun{"",
                         "The daemon",
                         {{"doctor", "Find out what is broken, and name the command that mends it", doctor, nullptr, true},
                          {"completion", "Print the completion script of a shell", completion, nullptr, true}}};
  return noun;
}

}  // namespace chatd::cli

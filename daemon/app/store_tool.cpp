#include "app/store_tool.h"

#include <Poco/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "app/server_key.h"
#include "base/clock.h"
#include "base/json.h"
#include "config/command_line.h"
#include "store/backup/backup_file.h"
#include "store/connection_pool.h"
#include "store/copy/database_copy.h"
#include "store/dialect.h"
#include "store/postgresql/pg_url.h"
#include "store/store.h"

namespace chatd {

namespace {

using store::Dialect;

constexpr int kNotFound = 3;
constexpr int kConflict = 6;
constexpr int kRefused = 7;
constexpr int kUnreachable = 8;
constexpr int kDifferent = 10;
constexpr int kInterrupted = 130;
constexpr int kBarWidth = 30;
constexpr std::string_view kSqlite = "sqlite:";

constexpr const char* kUsage =
    "Usage: chatd-store verify FILE\n"
    "       chatd-store restore FILE [--data-dir DIR] [--store URL]\n"
    "       chatd-store migrate FROM TO\n"
    "\n"
    "Works on a store while no daemon does. FROM, TO and URL are sqlite:FILE or postgresql://USER:PASSWORD@HOST/DB; @FILE\n"
    "takes one from a file and env:NAME from the environment, where others do not see the password. See chatd-store(8).\n";

int exitCode(const Error& error) {
  switch (error.code()) {
    case Code::BadRequest:  // here: the words
      return kExitUsage;
    case Code::UnsupportedMedia:  // not a backup
      return kRefused;
    case Code::NotFound:
      return kNotFound;
    case Code::Conflict:
    case Code::AlreadyExists:
      return kConflict;
    case Code::Invalid:
      return kDifferent;
    case Code::StoreUnavailable:
      return kUnreachable;
    case Code::Restarting:
      return kInterrupted;
    default:
      return kExitFailure;
  }
}

/// Draws how far the work is: a bar on a terminal, else a line every tenth.
class Progress {
 public:
  Progress(StoreTool& tool, std::string what) : tool_(tool), what_(std::move(what)) {}
  ~Progress() {
    if (tool_.terminal && shownPercent_ >= 0) tool_.err << '\n';
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool operator()(int percent) {
    const int step = tool_.terminal ? 1 : 10;
    if (shownPercent_ < 0 || percent >= shownPercent_ + step) {
      shownPercent_ = percent - percent % step;
      draw(percent);
    }
    return !tool_.interrupted();
  }
  void say(std::string what) {
    if (what == what_) return;
    what_ = std::move(what);
    shownPercent_ = -1;
    if (tool_.terminal) tool_.err << '\n';
  }

 private:
  void draw(int percent) {
    if (!tool_.terminal) {
      tool_.err << fmt::format("{} {}%\n", what_, percent);
      return;
    }
    const int filled = kBarWidth * percent / 100;
    tool_.err << fmt::format("\r{:<10} [{}{}] {:3}%", what_, std::string(static_cast<std::size_t>(filled), '#'),
                             std::string(static_cast<std::size_t>(kBarWidth - filled), '.'), percent)
              << std::flush;
  }

  StoreTool& tool_;
  std::string what_;
  int shownPercent_ = -1;
};

/// One side of a move, claimed for as long as it lives.
struct Side {
  std::filesystem::path file;  ///< of the database, if it is one
  std::unique_ptr<Dialect> dialect;
  ~Side() {
    if (dialect) dialect->release();
  }
  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
};

Result<std::unique_ptr<Side>> claimed(const std::string& url, const std::filesystem::path& folder, const Clock& clock) {
  auto side = std::make_unique<Side>();
  StoreOptions options;
  options.url = url;
  options.dataDirectory = folder;
  // A page of rows, not a message: the default is for callers who wait.
  options.timeout = std::chrono::milliseconds(60'000);
  if (url.starts_with(kSqlite)) side->file = folder / url.substr(kSqlite.size());
  auto dialect = store::dialectOf(options, clock);
  if (!dialect.ok()) return Error(Code::BadRequest, dialect.error().detail());
  side->dialect = std::move(*dialect);
  auto claim = side->dialect->claim();
  if (claim.ok()) return side;
  // Nobody was asked: a file or folder of this machine cannot be used.
  if (claim.error().code() == Code::StoreUnavailable) return Error(Code::Internal, claim.error().detail());
  return std::move(claim).error();
}

std::string describe(const store::Manifest& manifest) {
  std::string text;
  JsonWriter out(text);
  out.beginObject().field("createdAt", toRfc3339(manifest.createdAt)).field("chatd", manifest.version);
  out.field("schema", manifest.schema).field("serverKey", !manifest.serverKey.empty());
  out.field("rows", store::rowsOf(manifest.sums)).key("tables").raw(store::toJson(manifest.sums)).endObject();
  return text;
}

constexpr store::Sql<store::In<>, store::Out<store::Int>> kSchema{"SELECT COALESCE(MAX(version), 0) FROM schema_version"};

/// Errors: Conflict.
Result<void> sameSchema(store::Connection& connection, const Dialect& dialect) {
  const auto have = connection.run(kSchema).at<0>(0);
  const auto want = static_cast<store::Int>(dialect.migrations().size());
  if (have == want) return {};
  return Error(Code::Conflict,
               fmt::format("The source has schema {}, this program knows {}: start the chatd of this version "
                           "once on it, or use the program of the version that wrote it.",
                           have, want));
}

struct Arguments {
  std::vector<std::string> words;
  std::map<std::string, std::string> flags;
};

std::optional<Arguments> parse(const std::vector<std::string>& given) {
  Arguments parsed;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string& word = given[i];
    if (!word.starts_with("--")) {
      parsed.words.push_back(word);
    } else if ((word == "--data-dir" || word == "--store") && i + 1 < given.size()) {
      parsed.flags[word] = given[++i];
    } else {
      return std::nullopt;
    }
  }
  return parsed;
}

/// A URL as given, from a file, or from the environment. Errors: BadRequest.
Result<std::string> resolve(const StoreTool& tool, const std::string& given) {
  if (given.starts_with("@")) {
    std::ifstream in(given.substr(1));
    std::string line;
    if (!std::getline(in, line) || line.empty()) {
      return Error(Code::BadRequest,
                   fmt::format("The file {} cannot be read, or its first line is empty.", given.substr(1)));
    }
    return line;
  }
  if (given.starts_with("env:")) {
    std::string value = tool.environment(given.substr(4));
    if (value.empty()) return Error(Code::BadRequest, fmt::format("The variable {} is not set.", given.substr(4)));
    return value;
  }
  const auto parsed = store::isPgUrl(given) ? store::parsePgUrl(given) : Result<store::PgUrl>(Code::NotFound);
  if (parsed.ok() && !parsed->password.empty()) {
    tool.err << "chatd-store: the password is in the list of processes for all to see; better @FILE or env:NAME\n";
  }
  return given;
}

Result<std::string> verify(StoreTool& tool, const Arguments& arguments) {
  Progress progress(tool, "verifying");
  CHATD_TRY(manifest, store::verifyBackup(arguments.words[1], std::ref(progress)));
  return describe(manifest);
}

/// The folders that a restore makes; those that it leaves empty go again.
class MadeFolders {
 public:
  /// Errors: Internal.
  Result<void> make(const std::filesystem::path& folder) {
    std::error_code error;
    for (auto path = std::filesystem::absolute(folder).lexically_normal(); !std::filesystem::exists(path, error);
         path = path.parent_path()) {
      made_.push_back(path);
    }
    std::filesystem::create_directories(folder, error);
    if (error) return Error(Code::Internal, fmt::format("Cannot make {}: {}.", folder.string(), error.message()));
    return {};
  }
  MadeFolders() = default;
  ~MadeFolders() {
    // Of one with something in it remove() is refused.
    std::error_code ignored;
    for (const auto& path : made_) std::filesystem::remove(path, ignored);
  }
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;

 private:
  std::vector<std::filesystem::path> made_;  // the deepest first
};

Result<std::string> restore(StoreTool& tool, const Arguments& arguments) {
  const auto flag = [&](const char* name, const char* otherwise) {
    const auto it = arguments.flags.find(name);
    return it == arguments.flags.end() ? std::string(otherwise) : it->second;
  };
  const std::filesystem::path folder = flag("--data-dir", "/var/lib/chatd");
  if (folder.empty()) return Error(Code::BadRequest, "--data-dir is empty.");
  CHATD_TRY(url, resolve(tool, flag("--store", "sqlite:chatd.db")));
  const SystemClock clock;
  std::error_code error;
  if (!std::filesystem::exists(arguments.words[1], error)) {
    return Error(Code::NotFound, fmt::format("There is no file {}.", arguments.words[1]));
  }
  MadeFolders folders;
  CHATD_CHECK(folders.make(folder));
  CHATD_TRY(side, claimed(url, folder, clock));
  Progress progress(tool, "restoring");
  const store::RestoreOrder order{arguments.words[1], *side->dialect, side->file,
                                  [&](const std::string& key) { return storeServerKey(folder, key); }};
  auto restored = store::restoreBackup(order, std::ref(progress));
  if (!restored.ok()) return std::move(restored).error();
  progress(100);
  return describe(*restored);
}

bool isSame(const std::string& from, const std::string& to, const std::filesystem::path& here) {
  if (from == to) return true;
  if (!from.starts_with(kSqlite) || !to.starts_with(kSqlite)) return false;
  std::error_code error;
  return std::filesystem::equivalent(here / from.substr(kSqlite.size()), here / to.substr(kSqlite.size()), error) && !error;
}

Result<std::string> migrateStore(StoreTool& tool, const Arguments& arguments) {
  CHATD_TRY(fromUrl, resolve(tool, arguments.words[1]));
  CHATD_TRY(toUrl, resolve(tool, arguments.words[2]));
  const SystemClock clock;
  const std::filesystem::path here = std::filesystem::current_path();
  if (isSame(fromUrl, toUrl, here)) return Error(Code::BadRequest, "From and to are the same store.");
  if (fromUrl.starts_with(kSqlite) && fromUrl.size() > kSqlite.size() &&
      !std::filesystem::is_regular_file(here / fromUrl.substr(kSqlite.size()))) {
    return Error(Code::NotFound, fmt::format("There is no database {}.", fromUrl.substr(kSqlite.size())));
  }
  CHATD_TRY(from, claimed(fromUrl, here, clock));
  CHATD_TRY(to, claimed(toUrl, here, clock));
  auto source = from->dialect->connectReader();
  CHATD_CHECK(from->dialect->unserved(*source));
  CHATD_CHECK(sameSchema(*source, *from->dialect));
  auto target = to->dialect->connectWriter();
  CHATD_CHECK(store::migrate(*target, *to->dialect));
  source->run(store::kBeginRead);
  store::DatabaseSource rows(*source, from->dialect->copySql());
  Progress progress(tool, "copying");
  store::CopyOrder order;
  order.source = from->dialect->shown();
  order.progress = [&](const store::CopyProgress& p) {
    progress.say(p.phase == store::CopyProgress::Phase::Copying ? "copying" : "comparing");
    return progress(static_cast<int>(std::min<std::int64_t>(99, p.rows * 100 / std::max<std::int64_t>(1, p.total))));
  };
  CHATD_TRY(sums, store::copyStore(rows, *target, *to->dialect, order));
  source->run(store::kEndRead);
  // One that began meanwhile has what the copy has not.
  CHATD_CHECK(from->dialect->unserved(*source));
  progress(100);
  std::string text;
  JsonWriter out(text);
  out.beginObject()
      .field("from", from->dialect->shown())
      .field("to", to->dialect->shown())
      .field("rows", store::rowsOf(sums));
  out.key("tables").raw(store::toJson(sums)).endObject();
  return text;
}

}  // namespace

int StoreTool::run(const std::vector<std::string>& given) {
  const auto arguments = parse(given);
  const auto usage = [this] {
    err << kUsage;
    return kExitUsage;
  };
  if (!arguments || arguments->words.empty()) return usage();
  const std::string& verb = arguments->words[0];
  const std::size_t words = arguments->words.size();
  Result<std::string> outcome = Error(Code::Internal);
  try {
    if (verb == "verify" && words == 2 && arguments->flags.empty()) {
      outcome = verify(*this, *arguments);
    } else if (verb == "restore" && words == 2) {
      outcome = restore(*this, *arguments);
    } else if (verb == "migrate" && words == 3 && arguments->flags.empty()) {
      outcome = migrateStore(*this, *arguments);
    } else {
      return usage();
    }
  } catch (const store::Cancelled&) {
    outcome = Error(Code::Restarting, "It was stopped. The same command goes on where it was.");
  } catch (const Poco::Exception& e) {
    outcome = Error(Code::StoreUnavailable, e.displayText());
  } catch (const std::exception& e) {
    outcome = Error(Code::StoreUnavailable, e.what());
  }
  if (!outcome.ok()) {
    // One line: what SQLite finds has several, and who reads us takes the last for all of it.
    std::string why = outcome.error().detail();
    std::replace(why.begin(), why.end(), '\n', ' ');
    err << "chatd-store: " << why << '\n';
    return exitCode(outcome.error());
  }
  out << *outcome << '\n';
  return kExitOk;
}

}  // namespace chatd

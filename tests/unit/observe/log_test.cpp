// The log: what a line looks like, that nothing of a peer leaves its value, levels, budgets of apps, the writer thread.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/mutex.h"
#include "base/text.h"
#include "observe/log.h"

using namespace chatd;

namespace {

class Memory final : public LogOutput {
 public:
  void write(std::string_view lines) noexcept override {
    UniqueLock lock(mutex_);
    ++calls_;
    wake_.notifyAll();
    while (blocked_) wake_.wait(lock);
    text_ += lines;
  }
  std::string text() {
    LockGuard g(mutex_);
    return text_;
  }
  void block() {
    LockGuard g(mutex_);
    blocked_ = true;
  }
  void release() {
    LockGuard g(mutex_);
    blocked_ = false;
    wake_.notifyAll();
  }
  /// False if nobody has written within a minute.
  bool waitForCall() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    UniqueLock lock(mutex_);
    while (calls_ == 0) {
      if (wake_.waitUntil(lock, until) == std::cv_status::timeout) return false;
    }
    return true;
  }

 private:
  Mutex mutex_;
  Condition wake_;
  std::string text_;
  int calls_ = 0;
  bool blocked_ = false;
};

struct Fixture {
  Memory out;
  FakeClock clock{fromMicros(1'772'360'430'123'456)};
  Log log{out, clock};

  void configure(LogFormat format, bool journal = false, std::uint32_t perApp = 100) {
    log.configure({LogLevel::Debug, format, perApp, journal});
  }
};

std::size_t lines(const std::string& text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

enum class Colour : std::uint8_t { Red = 7 };

}  // namespace

BOOST_FIXTURE_TEST_SUITE(log_lines, Fixture)

BOOST_AUTO_TEST_CASE(a_line_is_time_level_area_message_and_pairs) {
  log.info("net", "listening", {{"address", "127.0.0.1"}, {"port", 8080}, {"tls", false}, {"load", 0.5}});
  BOOST_TEST(
      out.text() ==
      "time=2026-03-01T10:20:30.123Z level=info area=net msg=listening address=127.0.0.1 port=8080 tls=false load=0.5\n");
}

BOOST_AUTO_TEST_CASE(a_json_line_holds_the_same_and_parses) {
  configure(LogFormat::Json);
  log.error(AppId{3}, "auth", "no answer", {{"requestId", "r-1"}, {"room", RoomId{9}}, {"big", std::uint64_t{1} << 63}});
  const auto parsed = parseJson(out.text());
  BOOST_REQUIRE(parsed.ok());
  BOOST_TEST(out.text() == R"({"time":"2026-03-01T10:20:30.123Z","level":"error","area":"auth","msg":"no answer","app":3,)"
                           R"("requestId":"r-1","room":9,"big":9223372036854775808})"
                           "\n");
}

BOOST_AUTO_TEST_CASE(under_the_journal_a_line_has_its_priority_and_no_time) {
  configure(LogFormat::Text, true);
  log.debug("a", "m");
  log.info("a", "m");
  log.warning("a", "m");
  log.error("a", "m");
  BOOST_TEST(out.text() ==
             "<7>level=debug area=a msg=m\n<6>level=info area=a msg=m\n<4>level=warning area=a msg=m\n"
             "<3>level=error area=a msg=m\n");
}

BOOST_AUTO_TEST_CASE(what_a_peer_sent_can_neither_end_a_line_nor_reach_a_terminal) {
  const std::string nasty =
      std::string("x\ny\r\x1b[31m\x7f\0z\"\\\t", 15) + "\xC2\x9B" + "\xE2\x80\xAE" + "\xE2\x80\xA8" + "\xFF\xC3";
  for (const LogFormat format : {LogFormat::Text, LogFormat::Json}) {
    configure(format);
    const std::string before = out.text();
    log.info("net", nasty, {{"value", nasty}});
    const std::string line = out.text().substr(before.size());
    BOOST_TEST(lines(line) == 1U);
    BOOST_TEST(std::none_of(line.begin(), line.end() - 1, [](unsigned char c) { return c < 0x20 || c >= 0x7F; }));
    BOOST_TEST(line.find("\\u001b[31m\\u007f\\u0000z\\\"\\\\\\t\\u009b\\u202e\\u2028\\ufffd\\ufffd") != std::string::npos);
    if (format == LogFormat::Json) BOOST_TEST(parseJson(line).ok());
  }
}

BOOST_AUTO_TEST_CASE(other_unicode_is_written_as_it_is) {
  log.info("net", "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80");
  BOOST_TEST(out.text().find("msg=\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\"\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_empty_value_and_one_with_an_equals_sign_are_quoted) {
  log.info("a", "", {{"k", "a=b"}});
  BOOST_TEST(out.text().find("msg=\"\" k=\"a=b\"\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_secret_never_prints) {
  const Secret secret("hunter2-hunter2");
  log.info("auth", "key", {{"token", secret}});
  BOOST_TEST(out.text().find("hunter2") == std::string::npos);
  BOOST_TEST(out.text().find("token=***\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_enumeration_prints_its_number_and_an_error_its_detail) {
  log.info("a", "m", {{"colour", Colour::Red}, {"error", Error(Code::Busy, "the queue is full")}});
  BOOST_TEST(out.text().find("colour=7 error=\"the queue is full\"\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_endless_value_is_cut_and_the_line_stays_whole) {
  for (const LogFormat format : {LogFormat::Text, LogFormat::Json}) {
    configure(format);
    for (const std::string& piece : {std::string(100'000, 'a'), std::string(100'000, '\n'), [] {
                                       std::string emoji;
                                       for (int i = 0; i < 25'000; ++i) emoji += "\xF0\x9F\x98\x80";
                                       return emoji;
                                     }()}) {
      const std::string before = out.text();
      log.info("a", piece, {{"b", piece}, {"c", piece}, {"d", piece}, {"e", piece}, {"f", piece}, {"n", 1}});
      const std::string line = out.text().substr(before.size());
      BOOST_TEST(line.size() <= 4096U);
      BOOST_TEST(lines(line) == 1U);
      BOOST_TEST(line.back() == '\n');
      BOOST_TEST(isUtf8(line));
      if (format == LogFormat::Json) BOOST_TEST(parseJson(line).ok());
    }
  }
}

BOOST_AUTO_TEST_CASE(every_length_around_the_end_of_a_line_gives_a_whole_line) {
  configure(LogFormat::Json);
  const std::string pad(1024, 'p');
  for (std::size_t n = 0; n <= 1024; ++n) {
    const std::string before = out.text();
    const std::string value(n, n % 2 == 0 ? 'x' : '"');
    log.info("a", pad,
             {{"a", pad}, {"b", pad}, {"v", value}, {"n", std::numeric_limits<std::int64_t>::min()}, {"w", value}});
    const std::string line = out.text().substr(before.size());
    BOOST_REQUIRE(line.size() <= 4096U);
    BOOST_REQUIRE(parseJson(line).ok());
  }
}

BOOST_AUTO_TEST_CASE(numbers_that_json_does_not_know_are_words) {
  configure(LogFormat::Json);
  log.info("a", "m", {{"x", std::numeric_limits<double>::infinity()}});
  BOOST_TEST(parseJson(out.text()).ok());
}

BOOST_AUTO_TEST_CASE(the_level_changes_while_running) {
  log.debug("a", "first");
  log.setLevel(LogLevel::Debug);
  log.debug("a", "second");
  log.setLevel(LogLevel::Error);
  log.warning("a", "third");
  BOOST_TEST(out.text().find("first") == std::string::npos);
  BOOST_TEST(out.text().find("second") != std::string::npos);
  BOOST_TEST(out.text().find("third") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_app_cannot_flood_the_log_and_what_was_held_back_is_told) {
  configure(LogFormat::Text, false, 3);
  for (int i = 0; i < 10; ++i) log.info(AppId{1}, "a", "loud");
  log.info(AppId{2}, "a", "quiet");
  log.info("a", "ours");
  BOOST_TEST(lines(out.text()) == 5U);
  BOOST_TEST(log.suppressed() == 7U);
  clock.advance(std::chrono::seconds(1));
  log.info(AppId{1}, "a", "again");
  BOOST_TEST(out.text().find("msg=again app=1 suppressed=7\n") != std::string::npos);
  log.info(AppId{1}, "a", "once");
  BOOST_TEST(out.text().find("msg=once app=1\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(any_number_of_apps_is_bounded_and_none_of_them_is_silenced_for_ever) {
  configure(LogFormat::Text, false, 1);
  for (int app = 1; app <= 10'000; ++app) log.info(AppId{app}, "a", "m");
  const std::size_t first = lines(out.text());
  BOOST_TEST(first < 5'000U);
  clock.advance(std::chrono::seconds(2));
  log.info(AppId{9'999}, "a", "back");
  BOOST_TEST(out.text().find("msg=back app=9999\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_writer_thread_keeps_every_line_whole_and_in_order_of_its_thread) {
  configure(LogFormat::Text);
  log.startWriter();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 500; ++i) log.info("t", "line", {{"thread", t}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.stopWriter();
  log.info("t", "after");
  const std::string text = out.text();
  BOOST_TEST(lines(text) == 2001U);
  BOOST_TEST(log.dropped() == 0U);
  for (int t = 0; t < 4; ++t) {
    std::size_t at = 0;
    for (int i = 0; i < 500; ++i) {
      at = text.find("thread=" + std::to_string(t) + " i=" + std::to_string(i) + "\n", at);
      BOOST_REQUIRE(at != std::string::npos);
    }
  }
  BOOST_TEST(text.find("msg=after\n") == text.size() - std::string("msg=after\n").size());
}

BOOST_AUTO_TEST_CASE(lines_logged_while_the_writer_stops_are_not_lost) {
  configure(LogFormat::Text);
  for (int round = 0; round < 20; ++round) {
    log.startWriter();
    std::thread other([this] {
      for (int i = 0; i < 50; ++i) log.info("t", "line");
    });
    log.stopWriter();
    other.join();
  }
  BOOST_TEST(lines(out.text()) == 1000U);
}

BOOST_AUTO_TEST_CASE(a_blocked_output_stops_nobody_and_the_lost_lines_are_counted) {
  configure(LogFormat::Text);
  out.block();
  log.startWriter();
  log.info("t", "first");
  BOOST_REQUIRE(out.waitForCall());
  const std::string big(1000, 'x');
  for (int i = 0; i < 3000; ++i) log.info("t", big);  // returns although nothing can be written
  BOOST_TEST(log.dropped() > 0U);
  out.release();
  log.stopWriter();
  BOOST_TEST(out.text().find("lines=" + std::to_string(log.dropped())) != std::string::npos);
  BOOST_TEST(lines(out.text()) == 3001U - log.dropped() + 1U);
}

BOOST_AUTO_TEST_CASE(the_journal_is_recognised_by_device_and_inode) {
  struct stat st = {};
  BOOST_REQUIRE(::fstat(STDERR_FILENO, &st) == 0);
  const std::string mine = std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
  ::setenv("JOURNAL_STREAM", mine.c_str(), 1);
  BOOST_TEST(stderrIsJournal());
  ::setenv("JOURNAL_STREAM", "1:1", 1);
  BOOST_TEST(!stderrIsJournal());
  ::unsetenv("JOURNAL_STREAM");
  BOOST_TEST(!stderrIsJournal());
}

BOOST_AUTO_TEST_SUITE_END()

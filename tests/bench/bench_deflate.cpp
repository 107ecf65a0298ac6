// bench_deflate: what permessage-deflate costs and saves, without a network. For frames of Socket.IO messages with texts of
// several sizes: bytes before and after, microseconds to compress one (once a fan-out) and to inflate one (once a message of
// a client). The text is English-like words from a fixed list, so figures are of about what people write, not of zeros.
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"
#include "protocol/permessage_deflate.h"
#include "protocol/websocket.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kTime{300};

std::string text(std::size_t size) {
  static const char* const kWords[] = {
      "the", "order", "is",       "on",    "its",  "way",    "and",    "should", "arrive",   "you",  "can", "track",
      "it",  "with",  "number",   "we",    "have", "sent",   "by",     "mail",   "please",   "let",  "us",  "know",
      "if",  "there", "anything", "else",  "that", "help",   "thanks", "again",  "have",     "good", "day", "tomorrow",
      "hi",  "what",  "delayed",  "sorry", "for",  "refund", "was",    "issued", "yesterday"};
  std::mt19937 random(42);
  std::string out;
  while (out.size() < size) {
    out += kWords[random() % std::size(kWords)];
    out += random() % 9 == 0 ? std::to_string(random() % 100'000) + ". " : " ";
  }
  out.resize(size);
  return out;
}

std::string event(std::size_t size) {
  return "42[\"message\",{\"id\":123456,\"room\":\"usr-1-2\",\"roomId\":17,\"message\":\"" + chatd::toBase64(text(size)) +
         "\",\"userId\":42,\"seq\":3812,\"clientMsgId\":null,\"createdAt\":\"2026-03-01T10:20:30.123Z\"}]";
}

template <class Work>
double micros(Work work) {
  std::size_t runs = 0;
  const auto start = Clock::now();
  while (Clock::now() - start < kTime) {
    work();
    ++runs;
  }
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / static_cast<double>(runs);
}

}  // namespace

int main() {
  std::printf("%8s %8s %8s %6s %12s %12s\n", "text", "frame", "deflated", "ratio", "deflate us", "inflate us");
  for (const std::size_t size : {128U, 256U, 512U, 1024U, 4096U, 16'384U, 65'536U}) {
    const std::string plain = event(size);
    const auto shorter = chatd::ws::deflateMessage(plain);
    const std::size_t after = shorter ? shorter->size() : plain.size();
    const double out = micros([&] { static_cast<void>(chatd::ws::deflateMessage(plain)); });
    const double in = !shorter ? 0 : micros([&] {
      std::vector<char> back;
      static_cast<void>(chatd::ws::inflateMessage(*shorter, plain.size(), back));
    });
    std::printf("%8zu %8zu %8zu %6.2f %12.1f %12.1f\n", size, plain.size(), after,
                static_cast<double>(plain.size()) / static_cast<double>(after), out, in);
  }
  return 0;
}

// A gzip file (RFC 1952, members one after the other) as a stream of its content. Thread: one at a time.
#pragma once

#include <zlib.h>

#include <array>
#include <istream>
#include <streambuf>

namespace chatd::cli {

class Gunzip : public std::streambuf {
 public:
  /// Reads from `in`, which must outlive it.
  explicit Gunzip(std::istream& in);
  ~Gunzip() override;
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// True once the content turned out to be cut short or not to be gzip; what came before it was good.
  [[nodiscard]] bool damaged() const { return damaged_; }

 protected:
  int_type underflow() override;

 private:
  bool fill();

  std::istream& in_;
  z_stream stream_{};
  bool inMember_ = false;
  bool damaged_ = false;
  std::array<char, 16384> packed_{};
  std::array<char, 65536> content_{};
};

}  // namespace chatd::cli

#include "cli/gunzip.h"

namespace chatd::cli {

namespace {
constexpr int kGzip = 16;  // added to the window: expect gzip's header and check its sum (zlib.h, inflateInit2)
}

Gunzip::Gunzip(std::istream& in) : in_(in) { damaged_ = ::inflateInit2(&stream_, MAX_WBITS + kGzip) != Z_OK; }

Gunzip::~Gunzip() { ::inflateEnd(&stream_); }

/// More packed bytes; false at the end of the input.
bool Gunzip::fill() {
  if (stream_.avail_in > 0) return true;
  in_.read(packed_.data(), static_cast<std::streamsize>(packed_.size()));
  stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
  stream_.avail_in = static_cast<uInt>(in_.gcount());
  return stream_.avail_in > 0;
}

Gunzip::int_type Gunzip::underflow() {
  stream_.next_out = reinterpret_cast<Bytef*>(content_.data());
  stream_.avail_out = static_cast<uInt>(content_.size());
  while (!damaged_ && stream_.avail_out == content_.size()) {
    if (!fill()) {
      damaged_ = inMember_;
      break;
    }
    inMember_ = true;
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      inMember_ = false;
      damaged_ = ::inflateReset(&stream_) != Z_OK;
    } else if (code != Z_OK) {
      damaged_ = true;
    }
  }
  const std::size_t size = content_.size() - stream_.avail_out;
  setg(content_.data(), content_.data(), content_.data() + size);
  return size == 0 ? traits_type::eof() : traits_type::to_int_type(content_.front());
}

}  // namespace chatd::cli

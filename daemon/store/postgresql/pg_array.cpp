#include "store/postgresql/pg_array.h"

#include <endian.h>

#include <cstring>

#include "store/postgresql/pg_error.h"

namespace chatd::store {

namespace {

constexpr std::size_t kHead = 5 * sizeof(std::int32_t);

template <class T>
void appendRaw(std::string& to, T bigEndian) {
  char bytes[sizeof bigEndian];
  std::memcpy(bytes, &bigEndian, sizeof bytes);
  to.append(bytes, sizeof bytes);
}

// Takes the next big-endian number off the front.
template <class T>
T take(std::string_view& from) {
  if (from.size() < sizeof(T)) throw PgError("XX000", "the server answered half an array");
  T bigEndian;
  std::memcpy(&bigEndian, from.data(), sizeof bigEndian);
  from.remove_prefix(sizeof bigEndian);
  if constexpr (sizeof(T) == sizeof(std::uint64_t)) {
    return be64toh(bigEndian);
  } else {
    return be32toh(bigEndian);
  }
}

void append32(std::string& to, std::uint32_t v) { appendRaw(to, htobe32(v)); }
void append64(std::string& to, std::uint64_t v) { appendRaw(to, htobe64(v)); }

}  // namespace

void PgArray::clear() {
  count_ = 0;
  nulls_ = false;
  bytes_.assign(kHead, '\0');
}

void PgArray::put(std::int64_t v) {
  append32(bytes_, sizeof v);
  append64(bytes_, static_cast<std::uint64_t>(v));
  ++count_;
}

void PgArray::put(std::int32_t v) {
  append32(bytes_, sizeof v);
  append32(bytes_, static_cast<std::uint32_t>(v));
  ++count_;
}

void PgArray::put(std::string_view v) {
  append32(bytes_, static_cast<std::uint32_t>(v.size()));
  bytes_.append(v);
  ++count_;
}

void PgArray::add(bool v) {
  append32(bytes_, 1);
  bytes_.push_back(v ? '\1' : '\0');
  ++count_;
}

void PgArray::addNull() {
  append32(bytes_, ~std::uint32_t{0});
  nulls_ = true;
  ++count_;
}

const std::string& PgArray::bytes() {
  const bool empty = count_ == 0;
  const std::uint32_t head[] = {htobe32(empty ? 0 : 1), htobe32(nulls_ ? 1 : 0),
                                htobe32(static_cast<std::uint32_t>(element_)), htobe32(static_cast<std::uint32_t>(count_)),
                                htobe32(1)};
  static_assert(sizeof head == kHead);
  std::memcpy(bytes_.data(), head, sizeof head);
  // An empty array has no dimension, and so no length.
  if (empty) bytes_.resize(3 * sizeof(std::int32_t));
  return bytes_;
}

std::string pgBytes(std::int64_t v) {
  std::string out;
  append64(out, static_cast<std::uint64_t>(v));
  return out;
}

std::string pgBytes(std::int32_t v) {
  std::string out;
  append32(out, static_cast<std::uint32_t>(v));
  return out;
}

std::vector<std::optional<std::int64_t>> pgBigints(std::string_view bytes) {
  std::vector<std::optional<std::int64_t>> out;
  const auto dimensions = take<std::uint32_t>(bytes);
  static_cast<void>(take<std::uint32_t>(bytes));  // whether there are NULLs: each says so itself
  const auto element = take<std::uint32_t>(bytes);
  if (dimensions == 0) return out;
  if (dimensions != 1 || element != static_cast<std::uint32_t>(PgType::Bigint)) {
    throw PgError("XX000", "the server answered another array");
  }
  const auto count = take<std::uint32_t>(bytes);
  static_cast<void>(take<std::uint32_t>(bytes));  // its lower bound
  if (count > bytes.size() / sizeof(std::uint32_t)) throw PgError("XX000", "the server answered half an array");
  out.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto length = take<std::uint32_t>(bytes);
    if (length == sizeof(std::int64_t)) {
      out.emplace_back(static_cast<std::int64_t>(take<std::uint64_t>(bytes)));
    } else {
      out.emplace_back(std::nullopt);
    }
  }
  return out;
}

}  // namespace chatd::store

#include "base/json.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_set>

#include "base/text.h"

namespace chatd {

namespace {

constexpr int kMaxDepth = 32;

/// Stands between the reader and the document: counts the levels, so that a hostile nesting ends the parse early
/// (the reader recurses, and Document's destructor too); and looks at each string again, because rapidjson 1.1 takes a low
/// surrogate that stands alone ("\udc00") and makes three bytes of it that are not UTF-8. Numbers come as text, because its
/// exact conversion makes 7.9e28 of 0e55 (and counts the leading zeros of a zero, which is undefined).
class DepthGuard {
 public:
  explicit DepthGuard(JsonDocument& to) : to_(to) {}
  bool Null() { return to_.Null(); }
  bool Bool(bool v) { return to_.Bool(v); }
  bool Int(int v) { return to_.Int(v); }
  bool Uint(unsigned v) { return to_.Uint(v); }
  bool Int64(std::int64_t v) { return to_.Int64(v); }
  bool Uint64(std::uint64_t v) { return to_.Uint64(v); }
  bool Double(double v) { return to_.Double(v); }
  bool RawNumber(const char* s, rapidjson::SizeType n, bool /*copy*/) { return number({s, n}); }
  bool String(const char* s, rapidjson::SizeType n, bool copy) { return whole(s, n) && to_.String(s, n, copy); }
  bool StartObject() { return ++depth_ <= kMaxDepth && to_.StartObject(); }
  bool Key(const char* s, rapidjson::SizeType n, bool copy) { return whole(s, n) && to_.Key(s, n, copy); }
  bool EndObject(rapidjson::SizeType n) {
    --depth_;
    return to_.EndObject(n);
  }
  bool StartArray() { return ++depth_ <= kMaxDepth && to_.StartArray(); }
  bool EndArray(rapidjson::SizeType n) {
    --depth_;
    return to_.EndArray(n);
  }
  [[nodiscard]] bool tooDeep() const { return depth_ > kMaxDepth; }
  [[nodiscard]] bool numberTooBig() const { return numberTooBig_; }
  [[nodiscard]] bool loneSurrogate() const { return loneSurrogate_; }

 private:
  bool number(std::string_view text) {
    const char* const end = text.data() + text.size();
    if (text.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t integer = 0;
      if (std::from_chars(text.data(), end, integer).ec == std::errc{}) return to_.Int64(integer);
      std::uint64_t large = 0;
      if (text[0] != '-' && std::from_chars(text.data(), end, large).ec == std::errc{}) return to_.Uint64(large);
    }
    double real = 0;
    // from_chars does not say whether it is too large or too small; strtod does.
    if (std::from_chars(text.data(), end, real).ec != std::errc{}) real = std::strtod(std::string(text).c_str(), nullptr);
    numberTooBig_ = !std::isfinite(real);
    return !numberTooBig_ && to_.Double(real);
  }
  bool whole(const char* s, rapidjson::SizeType n) {
    loneSurrogate_ = !isUtf8({s, n});
    return !loneSurrogate_;
  }

  JsonDocument& to_;
  int depth_ = 0;
  bool loneSurrogate_ = false;
  bool numberTooBig_ = false;
};

bool hasDuplicateKey(const JsonValue& value) {
  if (value.IsArray()) {
    for (const auto& v : value.GetArray()) {
      if ((v.IsObject() || v.IsArray()) && hasDuplicateKey(v)) return true;
    }
    return false;
  }
  if (!value.IsObject()) return false;
  const auto members = value.GetObject();
  constexpr rapidjson::SizeType kFew = 16;
  std::unordered_set<std::string_view> seen;
  for (auto i = members.MemberBegin(); i != members.MemberEnd(); ++i) {
    if (value.MemberCount() <= kFew) {
      for (auto j = members.MemberBegin(); j != i; ++j) {
        if (asView(i->name) == asView(j->name)) return true;
      }
    } else if (!seen.insert(asView(i->name)).second) {
      return true;
    }
    if ((i->value.IsObject() || i->value.IsArray()) && hasDuplicateKey(i->value)) return true;
  }
  return false;
}

}  // namespace

Result<JsonDocument> parseJson(std::string_view text) {
  JsonDocument document;
  DepthGuard guard(document);
  rapidjson::ParseResult outcome;
  bool tooDeep = false;
  auto generate = [&](JsonDocument&) {
    rapidjson::MemoryStream stream(text.data(), text.size());
    rapidjson::Reader reader;
    outcome = reader.Parse<rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag>(stream, guard);
    tooDeep = guard.tooDeep();
    return !outcome.IsError();
  };
  document.Populate(generate);
  if (tooDeep) return Error(Code::NotJson, fmt::format("The JSON is nested deeper than {} levels.", kMaxDepth));
  if (guard.numberTooBig()) return Error(Code::NotJson, "A number of the JSON is too large.");
  if (guard.loneSurrogate() || outcome.Code() == rapidjson::kParseErrorStringUnicodeSurrogateInvalid)
    return Error(Code::InvalidText, "A string of the JSON has half of a surrogate pair.");
  if (outcome.IsError()) {
    return Error(Code::NotJson, fmt::format("Not valid JSON at byte {}: {}", outcome.Offset(),
                                            rapidjson::GetParseError_En(outcome.Code())));
  }
  if (hasDuplicateKey(document)) return Error(Code::NotJson, "The JSON has the same key twice in one object.");
  return document;
}

std::string toText(const JsonValue& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

void appendJsonString(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out.push_back('"');
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.data() + plain, i - plain);
    plain = i + 1;
    out.push_back('\\');
    switch (c) {
      case '"':
        out.push_back('"');
        break;
      case '\\':
        out.push_back('\\');
        break;
      case '\n':
        out.push_back('n');
        break;
      case '\r':
        out.push_back('r');
        break;
      case '\t':
        out.push_back('t');
        break;
      case '\b':
        out.push_back('b');
        break;
      case '\f':
        out.push_back('f');
        break;
      default:
        out.append("u00");
        out.push_back(hex[c >> 4]);
        out.push_back(hex[c & 15]);
    }
  }
  out.append(text.data() + plain, text.size() - plain);
  out.push_back('"');
}

JsonWriter& JsonWriter::key(std::string_view k) {
  comma();
  appendJsonString(out_, k);
  out_.push_back(':');
  first_ = true;  // the value that follows takes no comma
  return *this;
}
JsonWriter& JsonWriter::string(std::string_view v) {
  comma();
  appendJsonString(out_, v);
  return *this;
}
JsonWriter& JsonWriter::integer(std::int64_t v) {
  comma();
  const fmt::format_int text(v);
  out_.append(text.data(), text.size());
  return *this;
}
JsonWriter& JsonWriter::number(double v) {
  comma();
  if (std::isfinite(v)) {
    fmt::format_to(std::back_inserter(out_), "{}", v);
  } else {
    out_.append("null");
  }
  return *this;
}
JsonWriter& JsonWriter::boolean(bool v) {
  comma();
  out_.append(v ? "true" : "false");
  return *this;
}
JsonWriter& JsonWriter::null() {
  comma();
  out_.append("null");
  return *this;
}
JsonWriter& JsonWriter::raw(std::string_view json) {
  comma();
  out_.append(json);
  return *this;
}

}  // namespace chatd

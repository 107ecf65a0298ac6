// HttpParser: bytes to HttpRequest, strict and incremental. Pure: no I/O, no clock. Owned by an HttpConnection.
// Sources: RFC 9112 (syntax, framing), RFC 9110 (fields). What RFC 9112 lets a server repair, this one refuses: two readers
// that repair differently are how requests are smuggled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace chatd::net {

class HttpParser {
 public:
  enum class Status : std::uint8_t { More, Complete, Refused };

  /// `limits` outlives the parser.
  explicit HttpParser(const HttpLimits& limits) : limits_(limits) {}

  /// Takes bytes up to the end of one request, in pieces of any size; the result does not depend on where they are cut.
  /// Returns how many were consumed: all of them unless the request is complete or refused.
  std::size_t feed(std::string_view data);
  [[nodiscard]] Status status() const;

  /// A byte of the present request has been seen.
  [[nodiscard]] bool started() const { return started_; }
  /// The head has been read, the body not yet.
  [[nodiscard]] bool inBody() const { return stage_ > Stage::Header && stage_ < Stage::Complete; }
  /// The client waits for "100 Continue" before it sends its body. True once.
  [[nodiscard]] bool takeContinue();

  /// Complete only: the request; the parser is ready for the next one.
  [[nodiscard]] HttpRequest take();
  /// Complete only, also after take(): whether the client wants the connection kept open, and speaks HTTP/1.0.
  [[nodiscard]] bool keepAlive() const { return keepAlive_; }
  [[nodiscard]] bool http10() const { return http10_; }

  /// Refused only: status and a sentence for the client. What follows on this connection cannot be understood.
  [[nodiscard]] int refusal() const { return refusal_; }
  [[nodiscard]] std::string_view reason() const { return reason_; }

 private:
  enum class Stage : std::uint8_t { RequestLine, Header, Body, ChunkSize, ChunkData, ChunkEnd, Trailer, Complete, Refused };

  std::size_t feedLine(std::string_view data);
  std::size_t feedBody(std::string_view data);
  [[nodiscard]] std::size_t lineAllowance() const;
  void lineTooLong();
  void line(std::string_view text);
  void requestLine(std::string_view text);
  void version(std::string_view text);
  void targetForm();
  void absoluteForm(std::string_view rest);
  void headerLine(std::string_view text);
  void knownHeader(std::string_view name, std::string_view value);
  void contentLength(std::string_view value);
  void connectionOptions(std::string_view value);
  void headComplete();
  void bodyFraming();
  void chunkSize(std::string_view text);
  void trailerLine(std::string_view text);
  void complete() { stage_ = Stage::Complete; }
  void refuse(int status, std::string_view reason);

  const HttpLimits& limits_;
  Stage stage_ = Stage::RequestLine;
  bool started_ = false;
  bool http10_ = false;
  bool keepAlive_ = false;
  bool emptyLineSkipped_ = false;
  bool hasHost_ = false;
  bool hasLength_ = false;
  bool hasCoding_ = false;
  bool expects_ = false;
  bool closeAsked_ = false;
  bool keepAsked_ = false;
  bool upgrades_ = false;  ///< Upgrade names websocket
  int refusal_ = 0;
  std::string_view reason_;    ///< a literal
  std::size_t lineBytes_ = 0;  ///< of the head; later of the trailers
  std::size_t headers_ = 0;
  std::size_t extensionBytes_ = 0;
  std::uint64_t left_ = 0;  ///< bytes of the body, or of the chunk, that are still to come
  std::string line_;        ///< a line of which the end has not come
  std::string authority_;   ///< of a target in absolute form
  std::string coding_;      ///< Transfer-Encoding, fields joined with commas
  HttpRequest request_;
};

}  // namespace chatd::net

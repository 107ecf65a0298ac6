// Engine.IO: a packet that is read is written as it was; the packets of a payload are written and read again as the same.
// The first byte of the input chooses the form of the payload.
#include "protocol/engine_io.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "check.h"
#include "protocol/engine_io_payload.h"
#include "protocol/websocket.h"

using namespace chatd;

namespace {

struct Read {
  eio::PacketType type;
  bool binary;
  std::string data;
  bool operator==(const Read&) const = default;
};

/// Nothing if the payload was refused.
std::optional<std::vector<Read>> packets(std::string body, eio::PayloadForm form) {
  const std::size_t size = body.size();
  eio::PayloadReader reader(std::move(body), form);
  std::vector<Read> found;
  for (;;) {
    auto next = reader.next();
    if (!next.ok()) {
      FUZZ_CHECK(!next.error().detail().empty());
      // It stays at its end.
      const auto after = reader.next();
      FUZZ_CHECK(!after.ok() || !after->has_value());
      return std::nullopt;
    }
    if (!next->has_value()) return found;
    found.push_back({(*next)->type, (*next)->binary, std::string((*next)->data)});
    FUZZ_CHECK(found.size() <= size + 1);
    FUZZ_CHECK(found.back().data.size() <= size);
  }
}

void onePacket(std::string_view text) {
  const auto packet = eio::decode(text);
  if (!packet.ok()) return;
  std::string again;
  eio::append(again, packet->type, packet->data);
  FUZZ_CHECK(again == text);
}

void payload(std::string_view body, eio::PayloadForm form) {
  if (form != eio::PayloadForm::Bytes && !isUtf8(body)) return;  // the caller's promise
  const auto read = packets(std::string(body), form);
  if (!read || read->empty()) return;
  std::vector<FramePtr> frames;
  for (const Read& packet : *read) {
    std::string content;
    if (packet.binary) {
      content = packet.data;
    } else {
      eio::append(content, packet.type, packet.data);
    }
    // What the server sends as text is UTF-8 and of its own making.
    if (!packet.binary && !isUtf8(content)) return;
    std::string frame;
    ws::appendFrame(frame, packet.binary ? ws::Opcode::Binary : ws::Opcode::Text, content);
    frames.push_back(makeFrame(std::move(frame)));
  }
  for (const bool bytesAllowed : {false, true}) {
    eio::PayloadForm used = form == eio::PayloadForm::Bytes ? eio::PayloadForm::Counted : form;
    const std::string written = eio::encodePayload(frames, bytesAllowed, used);
    if (used == eio::PayloadForm::Separated) {
      // A separator inside a message is the sender's fault, and only the other forms can carry it.
      for (const Read& packet : *read) FUZZ_CHECK(packet.binary || packet.data.find('\x1e') == std::string::npos);
    }
    const auto again = packets(written, used);
    FUZZ_CHECK(again.has_value());
    FUZZ_CHECK(*again == *read);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  onePacket(text);
  (void)eio::decodeBinary3(text);
  switch (data[0] % 3) {
    case 0:
      payload(text, eio::PayloadForm::Separated);
      break;
    case 1:
      payload(text, eio::PayloadForm::Counted);
      break;
    default:
      payload(text, eio::PayloadForm::Bytes);
  }
  return 0;
}

// Socket.IO and the vocabularies A and B: an event that is read can be written and read again, and is then the same; no
// argument of a client event does more than be refused. Attachments: the input is fed as its own binary messages.
#include "protocol/socket_io.h"

#include <cstdint>

#include "check.h"
#include "protocol/vocabulary_a.h"
#include "protocol/vocabulary_b.h"

using namespace chatd;

namespace {

void againTheSame(const sio::Packet& packet) {
  if (packet.type != sio::PacketType::Event || packet.event().empty()) return;
  std::string args;
  for (std::size_t i = 0; const JsonValue* argument = packet.argument(i); ++i) {
    if (i > 0) args.push_back(',');
    args += toText(*argument);
  }
  std::string text;
  sio::appendEvent(text, packet.event(), args, packet.nsp);
  const auto again = sio::decode(text);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->nsp == packet.nsp);
  FUZZ_CHECK(toText(again->data) == toText(packet.data));
}

void attach(sio::Packet packet, std::string_view bytes) {
  sio::Attachments attachments(1000);
  const std::size_t wanted = packet.attachments;
  auto complete = attachments.begin(std::move(packet));
  while (complete.ok() && !*complete) complete = attachments.add(bytes.substr(0, 90));
  if (!complete.ok()) return;
  const sio::Packet whole = attachments.take();
  FUZZ_CHECK(whole.buffers.size() == wanted);
  FUZZ_CHECK(!attachments.waiting());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto packet = sio::decode(text);
  if (!packet.ok()) return 0;
  FUZZ_CHECK(packet->attachments <= sio::kMaxAttachments);
  againTheSame(*packet);
  const auto event = vocabulary_a::parse(*packet);
  FUZZ_CHECK(event.ok() || !event.error().detail().empty());
  if (!event.ok()) {
    const auto refusal = vocabulary_a::error(Framing::Packet, event.error(), packet->event());
    FUZZ_CHECK(sio::decode(std::string_view(refusal).substr(1)).ok());
  }
  const auto chatEvent = vocabulary_b::parse(*packet);
  FUZZ_CHECK(chatEvent.ok() || !chatEvent.error().detail().empty());
  FUZZ_CHECK(!chatEvent.ok() || vocabulary_b::speaks(packet->event()));
  attach(std::move(*packet), text);
  return 0;
}

// Engine.IO: a packet that is read is written as it was.
#include "protocol/engine_io.h"

#include <cstdint>

#include "check.h"

using namespace chatd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto packet = eio::decode(text);
  if (!packet.ok()) return 0;
  std::string again;
  eio::append(again, packet->type, packet->data);
  FUZZ_CHECK(again == text);
  return 0;
}

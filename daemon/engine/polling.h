// Polling: the long-polling side of one Engine.IO session: what waits to be fetched, the GET that is parked until there is
// something, and the POST whose packets are being handed out. Owned by its EngineSession. Thread: the session's loop.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/frame.h"
#include "base/queue.h"
#include "engine/exchange.h"
#include "protocol/engine_io_payload.h"

namespace chatd::engine {

class Polling {
 public:
  /// outboxBytes: that may wait to be fetched.
  Polling(int revision, std::size_t outboxBytes) : revision_(revision), outboxBytes_(outboxBytes), limit_(outboxBytes) {}

  // Out.

  /// Whole WebSocket frames, kept as they are until they are fetched. Full: they would pass the limit.
  [[nodiscard]] Offer push(FramePtr frames);
  /// The limit grows by one reply that is larger than it, until what waits has been fetched.
  void raiseFor(std::size_t reply);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool waiting() const { return !queue_.empty(); }
  /// What waits, for another transport or for nobody.
  [[nodiscard]] std::vector<FramePtr> take();

  [[nodiscard]] bool parked() const { return parked_.has_value(); }
  void park(Exchange get);
  /// The GET of this number was the last that came.
  [[nodiscard]] bool wasLast(std::uint64_t number) const { return number == last_; }
  /// Answers the parked GET with all that waits. True: more than half of the outbox had been waiting.
  bool flush();
  /// Answers the parked GET, if any, with one packet.
  void answer(eio::PacketType packet);

  // In.

  /// A POST whose packets are being handed out.
  struct Incoming {
    eio::PayloadReader reader;
    Exchange post;
  };
  std::unique_ptr<Incoming> incoming;

 private:
  [[nodiscard]] eio::PayloadForm form() const {
    return revision_ == 3 ? eio::PayloadForm::Counted : eio::PayloadForm::Separated;
  }

  const int revision_;
  const std::size_t outboxBytes_;
  std::size_t limit_;
  std::vector<FramePtr> queue_;
  std::size_t bytes_ = 0;
  std::optional<Exchange> parked_;
  std::uint64_t last_ = 0;
};

}  // namespace chatd::engine

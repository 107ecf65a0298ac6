#include "engine/polling.h"

#include <utility>

#include "protocol/websocket.h"

namespace chatd::engine {

Offer Polling::push(FramePtr frames) {
  if (frames->size() > limit_ - std::min(bytes_, limit_)) return Offer::Full;
  bytes_ += frames->size();
  queue_.push_back(std::move(frames));
  return Offer::Taken;
}

void Polling::raiseFor(std::size_t reply) {
  if (bytes_ <= outboxBytes_ / 2 && reply > outboxBytes_ / 2) limit_ = outboxBytes_ + reply;
}

std::vector<FramePtr> Polling::take() {
  bytes_ = 0;
  limit_ = outboxBytes_;
  return std::exchange(queue_, {});
}

void Polling::park(Exchange get) {
  last_ = get.number;
  parked_ = std::move(get);
}

bool Polling::flush() {
  const bool overHalf = bytes_ > outboxBytes_ / 2;
  eio::PayloadForm used = form();
  const std::vector<FramePtr> frames = take();
  std::string body = eio::encodePayload(frames, parked_->bytesAllowed, used);
  Exchange get = std::move(*parked_);
  parked_.reset();
  get.payload(std::move(body), used);
  return overHalf;
}

void Polling::answer(eio::PacketType packet) {
  if (!parked_) return;
  std::string text;
  eio::append(text, packet);
  std::string frame;
  ws::appendFrame(frame, ws::Opcode::Text, text);
  const FramePtr frames[] = {makeFrame(std::move(frame))};
  eio::PayloadForm used = form();
  std::string body = eio::encodePayload(frames, false, used);
  Exchange get = std::move(*parked_);
  parked_.reset();
  get.payload(std::move(body), used);
}

}  // namespace chatd::engine

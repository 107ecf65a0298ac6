// FakeConnection: a net::Connection whose socket is a string, for tests of what speaks on connections.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "net/connection.h"
#include "net/event_loop.h"

namespace chatd::test {

class FakeConnection final : public net::Connection {
 public:
  /// Attaches the handler at once.
  explicit FakeConnection(std::unique_ptr<net::StreamHandler> handler, std::size_t loop = 0) : loop_(loop, {}) {
    peer_.ip = "127.0.0.1";
    handler_ = std::move(handler);
    handler_->attached(*this);
  }
  ~FakeConnection() override {
    if (!told) handler_->closed(net::Closed::ByPeer);
  }

  /// Input as it comes from the socket: what is not consumed comes again, with more.
  void input(std::string_view bytes) {
    rest_.append(bytes);
    deliver();
  }
  /// What readAgain() and resumeReading() promise for the next turn.
  void turn() {
    if (std::exchange(again_, false)) deliver();
  }
  /// The peer takes everything.
  void drain() {
    taken += std::exchange(unsent, {});
    if (std::exchange(wasOverHalf_, false)) handler_->drained();
  }
  void lose() {
    told = true;
    closed_ = true;
    handler_->closed(net::Closed::ByPeer);
  }

  net::EventLoop& loop() override { return loop_; }
  [[nodiscard]] const net::Peer& peer() const override { return peer_; }
  Offer send(FramePtr frame) override { return send(*frame); }
  Offer send(std::string bytes) override {
    if (closed_) return Offer::Closing;
    if (unsent.size() + bytes.size() > limit) return Offer::Full;
    unsent += bytes;
    wasOverHalf_ = wasOverHalf_ || unsent.size() > limit / 2;
    return Offer::Taken;
  }
  [[nodiscard]] std::size_t unsentBytes() const override { return unsent.size(); }
  void setOutboxLimit(std::size_t bytes) override { limit = bytes; }
  void pauseReading() override { ++paused; }
  void resumeReading() override {
    if (--paused == 0 && !rest_.empty()) again_ = true;
  }
  void readAgain() override { again_ = true; }
  void closeDropping(std::string last, std::chrono::milliseconds) override {
    unsent = std::move(last);
    closed_ = true;
  }
  void close(std::chrono::milliseconds) override { closed_ = true; }
  void reset() override { closed_ = true; }
  [[nodiscard]] bool closing() const override { return closed_; }
  void setHandler(std::unique_ptr<net::StreamHandler> handler) override {
    old_ = std::exchange(handler_, std::move(handler));
    handler_->attached(*this);
  }

  std::string unsent;
  std::string taken;
  std::size_t limit = 1 << 20;
  int paused = 0;
  bool told = false;

 private:
  void deliver() {
    if (closed_ || paused > 0) return;
    const std::size_t used = handler_->received(rest_);
    rest_.erase(0, used);
  }

  net::EventLoop loop_;
  net::Peer peer_;
  std::unique_ptr<net::StreamHandler> handler_;
  std::unique_ptr<net::StreamHandler> old_;
  std::string rest_;
  bool again_ = false;
  bool closed_ = false;
  bool wasOverHalf_ = false;
};

}  // namespace chatd::test

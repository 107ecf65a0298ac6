// EngineSession: one Engine.IO session (one sid): its packets in order, its heartbeat, its transport (polling, WebSocket, or
// the change from one to the other), its end. Owned by its loop's table in EngineServer; a WebSocket that carries it holds
// it too. Thread: its loop.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "engine/engine_options.h"
#include "engine/exchange.h"
#include "engine/polling.h"
#include "engine/transport.h"
#include "net/connection.h"
#include "net/timer_wheel.h"

namespace chatd::engine {

class EngineLink;
class EngineServer;

/// What a new session is made of.
struct EngineSetup {
  int revision = 4;
  bool base64 = false;  ///< a client of revision 3 that cannot read bytes, on a WebSocket either
  net::Peer peer;
  std::shared_ptr<const EngineOptions> options;
  std::unique_ptr<TransportHandler> handler;
};

class EngineSession final : public Transport, public std::enable_shared_from_this<EngineSession> {
 public:
  EngineSession(EngineServer& server, std::string sid, std::size_t loop, EngineSetup setup);
  ~EngineSession() override;

  // Transport, for the handler.
  void send(FramePtr frames) override;
  void send(std::string frames) override;
  void sendReply(std::string frames) override;
  void close(ws::CloseCode code, std::string_view reason) override;
  void pauseReading() override;
  void resumeReading() override;
  void arm(net::Timer& timer, std::chrono::milliseconds delay) override;
  [[nodiscard]] std::size_t unsentBytes() const override;
  [[nodiscard]] const net::Peer& peer() const override { return peer_; }
  [[nodiscard]] std::size_t loop() const override { return loop_; }
  [[nodiscard]] std::string_view name() const override { return link_ != nullptr ? "websocket" : "polling"; }
  [[nodiscard]] std::string_view id() const override { return sid_; }
  [[nodiscard]] int revision() const override { return revision_; }

  // From EngineServer.
  void begin(Exchange first);
  void poll(Exchange get);
  void post(std::string body, bool bytes, Exchange post);
  /// The connection of this GET ended before its answer.
  void pollGone(std::uint64_t number);
  [[nodiscard]] bool onPolling() const { return link_ == nullptr; }
  [[nodiscard]] bool upgrading() const { return upgrading_; }
  [[nodiscard]] bool closing() const { return closing_; }
  /// A WebSocket wants to carry it. False: it is carried by one, or another one is trying.
  [[nodiscard]] bool expectUpgrade();
  void turnEnd();

  // From EngineLink.
  void begin(EngineLink& link);
  /// The WebSocket of the upgrade is there. False: too late.
  [[nodiscard]] bool probing(EngineLink& link);
  void probed();
  void upgraded(EngineLink& link);
  void text(std::string_view message);
  void binary(std::string_view message);
  [[nodiscard]] bool full() const;
  void drained();
  void linkClosed(const EngineLink& link);

 private:
  void carriedBy(EngineLink& link);
  void sendOpen();
  void take(const eio::Packet& packet);
  void sendPacket(eio::PacketType type, std::string_view data = {});
  void push(FramePtr frames);
  void flush();
  void continuePost();
  void postDone();
  void heartbeat(std::chrono::milliseconds delay);
  void heartbeatAt(Steady due);
  void beat();
  /// What has arrived comes too late for the heartbeat, though its timer has not run yet.
  [[nodiscard]] bool overdue(std::chrono::milliseconds margin);
  void deadline();
  void peerClosed();
  void tooSlow();
  /// It broke the rules, or went silent: ends now.
  void fail();
  void endHandler();
  void gone();

  // First what each message needs: with thousands of sessions every line of memory that one touches is a cold one.
  EngineLink* link_ = nullptr;        ///< carries it
  std::unique_ptr<Polling> polling_;  ///< until it is upgraded
  const std::unique_ptr<TransportHandler> handler_;
  const std::uint32_t loop_;
  const std::uint8_t revision_;
  const bool base64_;
  bool closing_ = false;
  bool gone_ = false;
  bool awaitingPong_ = false;
  bool upgrading_ = false;
  bool probed_ = false;
  bool dirty_ = false;       ///< turnEnd() will come
  bool handingOut_ = false;  ///< inside continuePost()
  std::uint32_t paused_ = 0;
  EngineServer& server_;
  const std::string sid_;
  const net::Peer peer_;
  const std::shared_ptr<const EngineOptions> options_;
  EngineLink* probe_ = nullptr;  ///< wants to carry it
  net::Timer heartbeat_;
  Steady beatDue_;       ///< what heartbeat_ is armed for
  net::Timer deadline_;  ///< of an upgrade; of a close that waits for the client's last poll
};

}  // namespace chatd::engine

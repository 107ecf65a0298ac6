#include "store/connection.h"

namespace chatd::store {

Connection::Connection(Poco::Data::Session session) : session_(std::move(session)) {}

Connection::~Connection() {
  // The server is told, which may have stopped.
  const CallLimit::Guard guard(limit_.get());
  batchWriter_.reset();
  kept_.clear();
  session_.close();
}

void Connection::execute(const char* sql) {
  const CallLimit::Guard guard(limit_.get());
  if (runner_) return runner_->execute(sql);
  session_ << sql, Poco::Data::Keywords::now;
}

}  // namespace chatd::store

#include "store/connection.h"

namespace chatd::store {

Connection::Connection(Poco::Data::Session session) : session_(std::move(session)) {}

Connection::~Connection() = default;

void Connection::execute(const char* sql) { session_ << sql, Poco::Data::Keywords::now; }

}  // namespace chatd::store

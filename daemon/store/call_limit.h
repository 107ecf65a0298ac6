// CallLimit: a client-side end for every call on one database connection: a server that has stopped answers nothing, and no
// timeout of its own or of TCP ends the wait. Owned by the Connection; begin() and end() on its thread.
#pragma once

namespace chatd::store {

class CallLimit {
 public:
  virtual ~CallLimit() = default;
  virtual void begin() = 0;
  virtual void end() = 0;

  /// One call. `limit` may be null: a database that lives in this process.
  class Guard {
   public:
    explicit Guard(CallLimit* limit) : limit_(limit) {
      if (limit_ != nullptr) limit_->begin();
    }
    ~Guard() {
      if (limit_ != nullptr) limit_->end();
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    CallLimit* limit_;
  };
};

}  // namespace chatd::store

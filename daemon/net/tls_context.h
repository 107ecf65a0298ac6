// TlsContext: one certificate with its key and the rules of TLS that we speak, from files. TlsIdentity: the files of a
// listener and the context that they hold now. OpenSSL is used as it is and not through Poco's Context, which reads files by
// name: owner and mode of a key must be judged on the descriptor that it is then read from.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace chatd::net {

/// Immutable; connections made with it keep it alive. Thread: any.
class TlsContext {
 public:
  /// Reads a PEM chain (the server's certificate first) and its key. TLS 1.2 and 1.3, ALPN http/1.1, no renegotiation, no
  /// compression, tickets under a key of this object's own. Blocks on the disk.
  /// Errors: Invalid, with file and reason: not readable, no regular file, over 1 MiB, no PEM, a key with a passphrase, a
  /// key that does not fit, a key that others than owner and group may read or write or that belongs to neither root nor us.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> load(const std::string& certificateFile,
                                                                      const std::string& keyFile);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] ssl_ctx_st* get() const { return context_; }
  /// When the server's certificate ends.
  [[nodiscard]] Timestamp expires() const { return expires_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* context_;
  Timestamp expires_;
};

/// Thread: any; reload() one at a time.
class TlsIdentity {
 public:
  /// Errors: as TlsContext::load.
  [[nodiscard]] static Result<std::shared_ptr<TlsIdentity>> load(std::string certificateFile, std::string keyFile);

  /// Reads the files again; connections from now on get what they hold. After an error the old one stays.
  [[nodiscard]] Result<void> reload();
  [[nodiscard]] std::shared_ptr<const TlsContext> current() const;
  [[nodiscard]] const std::string& certificateFile() const { return certificateFile_; }

 private:
  TlsIdentity(std::string certificateFile, std::string keyFile)
      : certificateFile_(std::move(certificateFile)), keyFile_(std::move(keyFile)) {}

  const std::string certificateFile_;
  const std::string keyFile_;
  mutable Mutex mutex_;
  std::shared_ptr<const TlsContext> current_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd::net

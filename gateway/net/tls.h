// TLS (OpenSSL), 1.2 or newer. Towards providers: system roots, SNI, the certificate checked against the host name or
// address. Towards clients: a certificate of ours. Steps on a non-blocking descriptor; whoever owns the socket waits.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "gateway/net/socket.h"

namespace talon::gateway {

/// Roots and settings, read once at start; every worker may use it. Reading a hundred roots takes tens of milliseconds,
/// so a thread of its own does it; a session that is begun before it is done waits for it.
class TlsContext {
 public:
  /// Error: internal_error when OpenSSL cannot be set up.
  [[nodiscard]] static core::Result<TlsContext> make();
  ~TlsContext();
  TlsContext(TlsContext&&) noexcept;

 private:
  friend class TlsSession;
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A certificate with its chain and its private key, checked as a pair; every worker may use it.
class TlsIdentity {
 public:
  /// From PEM files. Error: config_invalid naming the file and what is wrong: not readable, no certificate, a key
  /// with a passphrase, a key of another certificate.
  [[nodiscard]] static core::Result<std::shared_ptr<const TlsIdentity>> load(const std::string& certificate,
                                                                             const std::string& private_key);
  ~TlsIdentity();

 private:
  friend class TlsSession;
  struct Impl;
  explicit TlsIdentity(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One connection's state. The descriptor must outlive it.
class TlsSession {
 public:
  TlsSession(const TlsContext& context, int descriptor, const std::string& host);
  /// A client's connection.
  TlsSession(const TlsIdentity& identity, int descriptor);
  ~TlsSession();
  TlsSession(TlsSession&&) noexcept;

  enum class Step { done, want_read, want_write, failed };
  [[nodiscard]] Step handshake();
  /// After `failed`: one sentence, such as why the certificate was not accepted.
  [[nodiscard]] const std::string& problem() const noexcept;

  [[nodiscard]] IoResult receive(std::span<char> into) noexcept;
  [[nodiscard]] IoResult send(std::span<const std::string_view> pieces) noexcept;
  /// Tells the peer that nothing more comes (close_notify), as far as one write goes.
  void finish_sending() noexcept;
  /// Between requests: keeps no buffer.
  void rest() noexcept;
  /// Decrypted bytes that wait inside: the socket need not become readable for them.
  [[nodiscard]] bool has_pending() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace talon::gateway

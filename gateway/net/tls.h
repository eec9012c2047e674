// TLS towards providers (OpenSSL): system roots, SNI, the certificate checked against the host name or
// address, TLS 1.2 or newer. Steps on a non-blocking descriptor; whoever owns the socket waits.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "gateway/net/socket.h"

namespace talon::gateway {

/// Roots and settings, read once at start; every worker may use it.
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

/// One connection's state. The descriptor must outlive it.
class TlsSession {
 public:
  TlsSession(const TlsContext& context, int descriptor, const std::string& host);
  ~TlsSession();
  TlsSession(TlsSession&&) noexcept;

  enum class Step { done, want_read, want_write, failed };
  [[nodiscard]] Step handshake();
  /// After `failed`: one sentence, such as why the certificate was not accepted.
  [[nodiscard]] const std::string& problem() const noexcept;

  [[nodiscard]] IoResult receive(std::span<char> into) noexcept;
  [[nodiscard]] IoResult send(std::span<const std::string_view> pieces) noexcept;
  /// Decrypted bytes that wait inside: the socket need not become readable for them.
  [[nodiscard]] bool has_pending() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace talon::gateway

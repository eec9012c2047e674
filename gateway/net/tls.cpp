// See tls.h.
#include "gateway/net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <future>

namespace talon::gateway {

struct TlsContext::Impl {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  std::shared_future<bool> roots;  ///< goes first, and with it who reads them into the context
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;
TlsContext::TlsContext(TlsContext&&) noexcept = default;

core::Result<TlsContext> TlsContext::make() {
  auto impl = std::make_unique<Impl>();
  SSL_CTX* context = impl->context.get();
  // "http/1.1" in ALPN's form (RFC 7301): a length byte, then the name.
  constexpr std::array<unsigned char, 9> k_alpn{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_alpn_protos(context, k_alpn.data(), k_alpn.size()) != 0) {
    return core::fail(core::Code::internal_error, "OpenSSL could not be set up for TLS to providers.");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // A provider that closes without close_notify: our framing tells whether the answer was whole.
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
  impl->roots = std::async(std::launch::async | std::launch::deferred,
                           [context] { return SSL_CTX_set_default_verify_paths(context) == 1; });
  return TlsContext(std::move(impl));
}

struct TlsIdentity::Impl {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
};

TlsIdentity::TlsIdentity(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsIdentity::~TlsIdentity() = default;

namespace {

/// What OpenSSL said last, in its words.
std::string last_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
  return reason != nullptr ? reason : "it cannot be used";
}

core::Result<std::shared_ptr<const TlsIdentity>> unusable(const std::string& sentence) {
  ERR_clear_error();
  return core::fail(core::Code::config_invalid, sentence);
}

/// We speak HTTP/1.1 whatever else the client offers; one that offers no such thing is told (RFC 7301 §3.2).
int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  // OpenSSL copies what was chosen after we have returned.
  static constexpr std::array<unsigned char, 9> k_ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, k_ours.data(), k_ours.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// Nobody is there to be asked.
int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace

core::Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const std::string& certificate,
                                                                   const std::string& private_key) {
  ERR_clear_error();
  auto impl = std::make_unique<Impl>();
  SSL_CTX* context = impl->context.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
    return unusable("OpenSSL could not be set up for TLS listeners.");
  SSL_CTX_set_default_passwd_cb(context, &no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    return unusable("The certificate " + certificate + " cannot be used: " + last_reason() + ".");
  if (SSL_CTX_use_PrivateKey_file(context, private_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const unsigned long code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH)
      return unusable("The private key " + private_key + " does not belong to the certificate " + certificate + ".");
    return unusable("The private key " + private_key + " cannot be used: " + last_reason() +
                    "; it must be a PEM file without a passphrase.");
  }
  if (SSL_CTX_check_private_key(context) != 1)
    return unusable("The private key " + private_key + " does not belong to the certificate " + certificate + ".");
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Sessions resume by tickets, which the client keeps; a cache here would be one more thing to bound.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
  return std::shared_ptr<const TlsIdentity>(new TlsIdentity(std::move(impl)));
}

struct TlsSession::Impl {
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
  std::string problem;
  std::string joined;  ///< head and the start of a body, so that they share one TLS record

  [[nodiscard]] IoResult result(int outcome, std::size_t count) const noexcept {
    if (outcome == 1) return {IoResult::Status::done, count};
    switch (SSL_get_error(ssl.get(), outcome)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {IoResult::Status::would_block, 0};
      case SSL_ERROR_ZERO_RETURN:
        return {IoResult::Status::end, 0};
      default:
        return {IoResult::Status::failed, 0};
    }
  }
};

TlsSession::TlsSession(const TlsContext& context, int descriptor, const std::string& host)
    : impl_(std::make_unique<Impl>()) {
  if (!context.impl_->roots.get()) return;
  impl_->ssl.reset(SSL_new(context.impl_->context.get()));
  SSL* ssl = impl_->ssl.get();
  if (ssl == nullptr) return;
  SSL_set_fd(ssl, descriptor);
  SSL_set_connect_state(ssl);
  in6_addr address{};
  const bool is_address =
      ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
  if (is_address) {
    // No SNI for addresses (RFC 6066 §3).
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl, host.c_str());
  }
}
TlsSession::TlsSession(const TlsIdentity& identity, int descriptor) : impl_(std::make_unique<Impl>()) {
  impl_->ssl.reset(SSL_new(identity.impl_->context.get()));
  if (!impl_->ssl) return;
  SSL_set_fd(impl_->ssl.get(), descriptor);
  SSL_set_accept_state(impl_->ssl.get());
}
TlsSession::~TlsSession() = default;
TlsSession::TlsSession(TlsSession&&) noexcept = default;

const std::string& TlsSession::problem() const noexcept { return impl_->problem; }
bool TlsSession::has_pending() const noexcept { return SSL_has_pending(impl_->ssl.get()) == 1; }

void TlsSession::finish_sending() noexcept {
  if (!impl_->ssl || SSL_is_init_finished(impl_->ssl.get()) != 1) return;
  ERR_clear_error();
  SSL_shutdown(impl_->ssl.get());
}

void TlsSession::rest() noexcept {
  impl_->joined.clear();
  impl_->joined.shrink_to_fit();
}

TlsSession::Step TlsSession::handshake() {
  if (!impl_->ssl) {
    impl_->problem = "OpenSSL ran out of memory, or cannot read the certificates that this system trusts.";
    return Step::failed;
  }
  SSL* ssl = impl_->ssl.get();
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl);
  if (outcome == 1) return Step::done;
  switch (SSL_get_error(ssl, outcome)) {
    case SSL_ERROR_WANT_READ:
      return Step::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::want_write;
    default:
      break;
  }
  if (SSL_is_server(ssl) == 1) {
    impl_->problem = "The TLS handshake with the client failed.";
  } else if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) {
    impl_->problem =
        std::string("The provider's certificate was not accepted: ") + X509_verify_cert_error_string(verified) + ".";
  } else {
    impl_->problem = "The TLS handshake with the provider failed.";
  }
  return Step::failed;
}

IoResult TlsSession::receive(std::span<char> into) noexcept {
  ERR_clear_error();
  std::size_t count = 0;
  const int outcome = SSL_read_ex(impl_->ssl.get(), into.data(), into.size(), &count);
  return impl_->result(outcome, count);
}

IoResult TlsSession::send(std::span<const std::string_view> pieces) noexcept {
  constexpr std::size_t k_record = 16 * 1024;
  std::string_view bytes;
  if (pieces.size() == 1) {
    bytes = pieces.front();
  } else {
    // After a blocked write OpenSSL wants the same bytes again; the caller offers them from the same place.
    impl_->joined.clear();
    for (const auto& piece : pieces) {
      if (impl_->joined.size() >= k_record) break;
      impl_->joined.append(piece.substr(0, k_record - impl_->joined.size()));
    }
    bytes = impl_->joined;
  }
  if (bytes.empty()) return {};
  ERR_clear_error();
  std::size_t count = 0;
  const int outcome = SSL_write_ex(impl_->ssl.get(), bytes.data(), bytes.size(), &count);
  return impl_->result(outcome, count);
}

}  // namespace talon::gateway

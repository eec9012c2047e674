#include "gateway/net/reach.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

#include "gateway/net/address.h"
#include "gateway/net/tls.h"

namespace talon::gateway {
namespace {

using core::Code;
using Clock = std::chrono::steady_clock;

struct Where {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
};

Where where_of(std::string_view url) {
  Where where;
  where.tls = url.starts_with("https://");
  where.port = where.tls ? 443 : 80;
  url.remove_prefix(std::min(url.size(), url.find("://") + 3));
  url = url.substr(0, url.find('/'));
  const auto port_at = url.starts_with('[') ? url.find(':', url.find(']')) : url.find(':');
  if (port_at != std::string_view::npos) {
    std::from_chars(url.data() + port_at + 1, url.data() + url.size(), where.port);
    url = url.substr(0, port_at);
  }
  if (url.starts_with('[')) url = url.substr(1, url.size() - 2);
  where.host = url;
  return where;
}

core::Result<void> unreachable(const Where& where, std::string_view why) {
  return core::fail(Code::provider_error, where.host + " port " + std::to_string(where.port) + ": " + std::string(why));
}

/// A descriptor that closes itself.
struct Descriptor {
  int number = -1;
  explicit Descriptor(int opened) : number(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) close_descriptor(number);
  }
};

/// False: the time is over.
bool wait_for(int descriptor, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd watched{descriptor, events, 0};
    const int ready = poll(&watched, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

core::Result<void> shake_hands(const Where& where, int descriptor, Clock::time_point until) {
  TALON_TRY(context, TlsContext::make());
  TlsSession session(context, descriptor, where.host);
  for (;;) {
    switch (session.handshake()) {
      case TlsSession::Step::done:
        return {};
      case TlsSession::Step::failed:
        return unreachable(where, session.problem());
      case TlsSession::Step::want_read:
        if (!wait_for(descriptor, POLLIN, until)) return unreachable(where, "no answer in time to the TLS handshake");
        break;
      case TlsSession::Step::want_write:
        if (!wait_for(descriptor, POLLOUT, until)) return unreachable(where, "no answer in time to the TLS handshake");
        break;
    }
  }
}

}  // namespace

core::Result<void> reach(std::string_view base_url, std::chrono::milliseconds timeout) {
  const Where where = where_of(base_url);
  TALON_TRY(addresses, look_up(where.host, where.port, Lookup::full));
  const auto until = Clock::now() + timeout;
  std::string why = "it has no address";
  for (const auto& address : addresses) {
    const Descriptor socket(begin_connect(address));
    int problem = socket.number < 0 ? errno : 0;
    if (problem == 0) problem = wait_for(socket.number, POLLOUT, until) ? finish_connect(socket.number) : ETIMEDOUT;
    if (problem == 0) return where.tls ? shake_hands(where, socket.number, until) : core::Result<void>();
    why = std::strerror(problem);
  }
  return unreachable(where, why);
}

core::Result<core::Instant> certificate_end(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "re"), &std::fclose);
  if (in == nullptr) return core::fail(Code::config_invalid, file + " cannot be read: " + std::strerror(errno));
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_X509(in.get(), nullptr, nullptr, nullptr),
                                                                &X509_free);
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
    return core::fail(Code::config_invalid, file + " holds no certificate in PEM");
  return core::Instant{static_cast<std::int64_t>(timegm(&end)) * core::k_micros_per_second};
}

}  // namespace talon::gateway

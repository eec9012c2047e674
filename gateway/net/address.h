// Socket addresses, and opening and binding sockets: the only place besides socket.cpp and tls.cpp that
// knows the socket calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/error.h"

namespace talon::gateway {

/// One address to connect to, opaque.
struct Address {
  alignas(8) std::array<std::byte, 128> storage{};  ///< a sockaddr_storage
  std::uint32_t length = 0;
};

/// Blocks unless `host` is a literal; `Lookup::literal_only` never blocks and answers no address for a name.
enum class Lookup : std::uint8_t { literal_only, full };
/// Error: provider_error naming the host.
[[nodiscard]] core::Result<std::vector<Address>> look_up(const std::string& host, std::uint16_t port, Lookup how);

/// A non-blocking descriptor whose connection is under way, or -1 (errno says why).
[[nodiscard]] int begin_connect(const Address& address);
/// After it became writable: 0, or the errno of the failed connection.
[[nodiscard]] int finish_connect(int descriptor);

/// A listening socket, non-blocking. A unix socket's stale file is replaced, a live one is not; its mode is 0660.
/// Error: address_in_use, or vault_permission when the system refuses.
struct Listening {
  int descriptor = -1;
  std::string address;    ///< "127.0.0.1:8080", "unix:/path"
  std::string unix_path;  ///< to be removed at the end
};
[[nodiscard]] core::Result<Listening> listen_on(const core::ListenAddress& address);

/// The next waiting connection (non-blocking, TCP_NODELAY), or a reason why there is none.
enum class Accept : std::uint8_t { accepted, none_waiting, exhausted };
[[nodiscard]] Accept accept_from(int listener, int& descriptor);

/// Who is at the other end, for counting: the bytes of an IPv4 address, of an IPv6 network (/64), nothing for a unix
/// socket.
[[nodiscard]] std::string peer_of(int descriptor);

/// A second descriptor for the same socket, or -1.
[[nodiscard]] int duplicate(int descriptor);
void close_descriptor(int descriptor) noexcept;

}  // namespace talon::gateway

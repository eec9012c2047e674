// Connections to providers: one pool for each provider on each worker. A connection carries one credential all its
// life (PoolKey): a call gets one that was made for its own.
//
//   auto connection = pools.idle(key);                                             // nullptr: none
//   auto made = co_await pools.connect(provider, key, interrupts);                 // with TLS
//   …
//   pools.release(std::move(connection));     // whole answer read, keep-alive: may serve again
//
// Bounds: k_max_connections for each provider and worker, of all credentials together; k_max_waiting calls wait for one
// of them, first come, first served, then 503 overloaded. A connection idles k_idle at most, and less when its place is
// needed for another credential. Thread rule: the worker's.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "gateway/net/address.h"
#include "gateway/net/parking.h"
#include "gateway/net/resolver.h"
#include "gateway/net/socket.h"
#include "gateway/net/task.h"
#include "gateway/net/tls.h"
#include "gateway/snapshot.h"

namespace talon::gateway {

class UpstreamPools;
struct UpstreamPool;

/// One connection. Dropping it closes it and lets the next waiting call connect.
class UpstreamConnection {
 public:
  UpstreamConnection(UpstreamPool& pool, const vault::IdBytes& credential, Socket socket) noexcept;
  ~UpstreamConnection();
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  [[nodiscard]] Socket::Wait readable(Deadline deadline, Interrupts& interrupts) noexcept {
    return socket_.readable(deadline, &interrupts);
  }
  [[nodiscard]] Socket::Wait writable(Deadline deadline, Interrupts& interrupts) noexcept {
    return socket_.writable(deadline, &interrupts);
  }
  [[nodiscard]] IoResult receive(std::span<char> into) noexcept {
    if (!tls_) return socket_.receive(into);
    const auto got = tls_->receive(into);
    if (got.status == IoResult::Status::would_block) socket_.read_would_block();
    return got;
  }
  [[nodiscard]] IoResult send(std::span<const std::string_view> pieces) noexcept {
    if (!tls_) return socket_.send(pieces);
    const auto sent = tls_->send(pieces);
    if (sent.status == IoResult::Status::would_block) socket_.write_would_block();
    return sent;
  }
  /// False while decrypted bytes wait inside.
  [[nodiscard]] bool must_wait() const noexcept { return !tls_ || !tls_->has_pending(); }
  /// It served a call before: if it turns out dead, that says nothing about the provider.
  [[nodiscard]] bool reused() const noexcept { return reused_; }

 private:
  friend class UpstreamPools;
  /// Not closed by the provider while it idled, and (without TLS, whose tickets may lie about) silent.
  [[nodiscard]] bool looks_alive() const noexcept { return tls_ ? !socket_.peer_closed() : socket_.quiet(); }
  UpstreamPool& pool_;
  vault::IdBytes credential_;
  Socket socket_;
  std::optional<TlsSession> tls_;
  bool reused_ = false;
  std::int64_t idle_since_ms_ = 0;
};

/// One provider's connections; UpstreamPools' own.
struct UpstreamPool {
  struct Waiter {
    Waiter(Loop& loop, const vault::IdBytes& wanted) : parking(loop), credential(wanted) {}
    Parking parking;
    vault::IdBytes credential;
    std::unique_ptr<UpstreamConnection> connection;  ///< handed over; else a place to connect became free
  };
  std::size_t open = 0;  ///< while there is one, the pool stays
  std::deque<Waiter*> waiting;
  std::vector<Address> addresses;
  std::int64_t addresses_until_ms = 0;
  std::vector<std::unique_ptr<UpstreamConnection>> idle;  ///< last used at the back; goes first, it tells the rest
};

class UpstreamPools {
 public:
  /// A stream holds its connection for as long as it flows, seconds to minutes: thousands are open at once.
  static constexpr std::size_t k_max_connections = 4'096;
  static constexpr std::size_t k_max_waiting = 1'024;
  static constexpr std::chrono::milliseconds k_idle{55'000};

  UpstreamPools(Loop& loop, Resolver& resolver, const TlsContext& tls) noexcept
      : loop_(loop), resolver_(resolver), tls_(tls) {}
  ~UpstreamPools() { close_idle(); }
  UpstreamPools(const UpstreamPools&) = delete;
  UpstreamPools& operator=(const UpstreamPools&) = delete;

  /// A connection that idles in the pool, or nullptr. Costs no system call for one used a moment ago.
  [[nodiscard]] std::unique_ptr<UpstreamConnection> idle(const PoolKey& key);
  /// A new connection; waits for a place when all are in use. Errors: provider_error (refused, no such
  /// host, certificate), provider_timeout (connect_timeout), overloaded, cancelled.
  [[nodiscard]] Task<core::Result<std::unique_ptr<UpstreamConnection>>> connect(const Provider& provider, PoolKey key,
                                                                                Interrupts& interrupts);
  /// Gives back a connection whose answer was read to its end.
  void release(std::unique_ptr<UpstreamConnection> connection);
  /// At each tick: closes what has idled too long.
  void tick();
  void close_idle();

 private:
  friend class UpstreamConnection;
  static void closed(UpstreamPool& pool);
  Task<core::Result<std::unique_ptr<UpstreamConnection>>> open(UpstreamPool& pool, const Provider& provider,
                                                               const vault::IdBytes& credential, Deadline deadline,
                                                               Interrupts& interrupts);
  Task<core::Result<void>> shake_hands(UpstreamConnection& connection, const Provider& provider, Deadline deadline,
                                       Interrupts& interrupts);

  Loop& loop_;
  Resolver& resolver_;
  const TlsContext& tls_;
  /// By PoolKey::endpoint. Pools do not move; unused ones go at a tick.
  std::unordered_map<core::Hash, UpstreamPool, KeyDigestHash> pools_;
};

}  // namespace talon::gateway

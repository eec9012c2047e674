// See upstream.h.
#include "gateway/net/upstream.h"

#include <algorithm>
#include <cstring>

namespace talon::gateway {
namespace {

constexpr std::int64_t k_addresses_for_ms = 30'000;

core::Error not_connected(const Provider& provider, Wake wake) {
  if (wake == Wake::timeout) {
    return {core::Code::provider_timeout,
            "The provider \"" + provider.config.name + "\" did not accept a connection within connect_timeout.",
            {}};
  }
  return {core::Code::cancelled, "The call was cancelled before the provider was connected.", {}};
}

}  // namespace

UpstreamConnection::UpstreamConnection(UpstreamPool& pool, const vault::IdBytes& credential, Socket socket) noexcept
    : pool_(pool), credential_(credential), socket_(std::move(socket)) {}
UpstreamConnection::~UpstreamConnection() { UpstreamPools::closed(pool_); }

std::unique_ptr<UpstreamConnection> UpstreamPools::idle(const PoolKey& key) {
  const auto found = pools_.find(key.endpoint);
  if (found == pools_.end()) return nullptr;
  auto& idle = found->second.idle;
  // The last used is the likeliest to be alive.
  for (std::size_t at = idle.size(); at-- > 0;) {
    if (idle[at]->credential_ != key.credential) continue;
    auto connection = std::move(idle[at]);
    idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(at));
    if (connection->looks_alive()) return connection;
  }
  return nullptr;
}

void UpstreamPools::release(std::unique_ptr<UpstreamConnection> connection) {
  UpstreamPool& pool = connection->pool_;
  connection->reused_ = true;
  connection->idle_since_ms_ = loop_.now_ms();
  if (pool.waiting.empty()) {
    pool.idle.push_back(std::move(connection));
    return;
  }
  UpstreamPool::Waiter* waiter = pool.waiting.front();
  // Another credential's: it closes, and its place goes to the waiter.
  if (waiter->credential != connection->credential_) return;
  pool.waiting.pop_front();
  waiter->connection = std::move(connection);
  waiter->parking.wake();
}

void UpstreamPools::closed(UpstreamPool& pool) {
  --pool.open;
  if (pool.waiting.empty()) return;
  UpstreamPool::Waiter* waiter = pool.waiting.front();
  pool.waiting.pop_front();
  ++pool.open;  // the place is the waiter's from now on
  waiter->parking.wake();
}

void UpstreamPools::tick() {
  for (auto& [key, pool] : pools_) {
    // Oldest in front; erasing closes.
    const auto first_young = std::find_if(pool.idle.begin(), pool.idle.end(), [this](const auto& connection) {
      return loop_.now_ms() - connection->idle_since_ms_ < k_idle.count();
    });
    pool.idle.erase(pool.idle.begin(), first_young);
  }
  // A provider's that a reload took away, a credential's that is not used any more.
  std::erase_if(pools_, [this](const auto& entry) {
    const UpstreamPool& pool = entry.second;
    return pool.open == 0 && pool.waiting.empty() && pool.addresses_until_ms < loop_.now_ms();
  });
}

void UpstreamPools::close_idle() {
  for (auto& [key, pool] : pools_) pool.idle.clear();
}

Task<core::Result<std::unique_ptr<UpstreamConnection>>> UpstreamPools::connect(const Provider& provider, PoolKey key,
                                                                               Interrupts& interrupts) {
  UpstreamPool& pool = pools_[key.endpoint];
  const Deadline deadline = loop_.in(provider.config.connect_timeout);
  // An idle one of another credential makes room.
  if (pool.open >= k_max_connections && !pool.idle.empty()) pool.idle.erase(pool.idle.begin());
  if (pool.open < k_max_connections) {
    ++pool.open;
  } else {
    if (pool.waiting.size() >= k_max_waiting) {
      co_return core::fail(core::Code::overloaded,
                           "Too many calls wait for a connection to the provider \"" + provider.config.name + "\".");
    }
    UpstreamPool::Waiter waiter(loop_, key.credential);
    pool.waiting.push_back(&waiter);
    const Wake wake = co_await waiter.parking.wait(deadline, &interrupts);
    if (wake != Wake::ready) {
      // Not in the queue any more: it was served in the moment its wait ended, and must pass that on.
      const bool served = std::erase(pool.waiting, &waiter) == 0;
      if (served && !waiter.connection) closed(pool);
      if (wake == Wake::timeout) {
        co_return core::fail(core::Code::overloaded,
                             "All connections to the provider \"" + provider.config.name + "\" are in use.");
      }
      co_return core::fail(not_connected(provider, wake));
    }
    if (waiter.connection) co_return std::move(waiter.connection);
  }
  // Here one place of `open` is ours; a connection that comes to be gives it back when it closes.
  auto opened = co_await open(pool, provider, key.credential, deadline, interrupts);
  if (!opened) closed(pool);
  co_return opened;
}

Task<core::Result<std::unique_ptr<UpstreamConnection>>> UpstreamPools::open(UpstreamPool& pool,
                                                                            const Provider& provider,
                                                                            const vault::IdBytes& credential,
                                                                            Deadline deadline, Interrupts& interrupts) {
  if (pool.addresses.empty() || pool.addresses_until_ms < loop_.now_ms()) {
    auto found = co_await resolver_.resolve(loop_, provider.host, provider.port, deadline, interrupts);
    if (!found) co_return core::fail(found.error());
    pool.addresses = std::move(*found);
    pool.addresses_until_ms = loop_.now_ms() + k_addresses_for_ms;
  }
  const auto addresses = pool.addresses;
  int problem = 0;
  for (std::size_t turn = 0; turn < addresses.size(); ++turn) {
    const Address& address = addresses[turn];
    // Each address has its part of the time: one that hangs leaves the rest to the others.
    const auto left = static_cast<std::int64_t>(addresses.size() - turn);
    const Deadline part{loop_.now_ms() + std::max<std::int64_t>(1, (deadline.at - loop_.now_ms()) / left)};
    const int descriptor = begin_connect(address);
    if (descriptor < 0) {
      problem = errno;
      continue;
    }
    Socket socket(loop_, descriptor);
    const Wake wake = co_await socket.writable(part, &interrupts);
    if (wake == Wake::timeout && left > 1) {
      problem = ETIMEDOUT;
      continue;
    }
    if (wake != Wake::ready) co_return core::fail(not_connected(provider, wake));
    problem = finish_connect(descriptor);
    if (problem != 0) continue;

    auto connection = std::make_unique<UpstreamConnection>(pool, credential, std::move(socket));
    if (provider.scheme != "https") co_return connection;
    auto shaken = co_await shake_hands(*connection, provider, deadline, interrupts);
    if (shaken) co_return connection;
    ++pool.open;  // connect() gives the place back; the connection does so too
    co_return core::fail(shaken.error());
  }
  pool.addresses.clear();
  co_return core::fail(core::Code::provider_error, "The provider \"" + provider.config.name +
                                                       "\" could not be reached: " + std::strerror(problem) + ".");
}

Task<core::Result<void>> UpstreamPools::shake_hands(UpstreamConnection& connection, const Provider& provider,
                                                    Deadline deadline, Interrupts& interrupts) {
  connection.tls_.emplace(tls_, connection.socket_.descriptor(), provider.host);
  for (;;) {
    const auto step = connection.tls_->handshake();
    if (step == TlsSession::Step::done) co_return core::Result<void>();
    if (step == TlsSession::Step::failed) co_return core::fail(core::Code::provider_error, connection.tls_->problem());
    Wake wake = Wake::ready;
    if (step == TlsSession::Step::want_read) {
      connection.socket_.read_would_block();
      wake = co_await connection.readable(deadline, interrupts);
    } else {
      connection.socket_.write_would_block();
      wake = co_await connection.writable(deadline, interrupts);
    }
    if (wake != Wake::ready) co_return core::fail(not_connected(provider, wake));
  }
}

}  // namespace talon::gateway

// Worker: one thread's share of the gateway: a loop, its connections, upstream pools, journal port and
// denials. A request lives and dies on one worker.
//
// Thread rule: everything on the worker's thread, but for construction and what says otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "gateway/api/operations.h"
#include "gateway/guard/caps.h"
#include "gateway/guard/denials.h"
#include "gateway/guard/sessions.h"
#include "gateway/guard/slowing.h"
#include "gateway/guard/tenants.h"
#include "gateway/log.h"
#include "gateway/net/body_budget.h"
#include "gateway/net/door.h"
#include "gateway/net/health.h"
#include "gateway/net/journal_port.h"
#include "gateway/net/loop.h"
#include "gateway/net/reader_thread.h"
#include "gateway/net/resolver.h"
#include "gateway/net/task.h"
#include "gateway/net/upstream.h"
#include "gateway/net/workspace.h"
#include "gateway/snapshot.h"

namespace talon::gateway {

class Connection;

/// Bounds of connections (house.md, invariant 7; interfaces.md leaves the times to us).
inline constexpr std::size_t k_max_connections = 20'000;
inline constexpr std::chrono::milliseconds k_idle_time{75'000};  ///< between requests; closed silently
inline constexpr std::chrono::milliseconds k_head_time{10'000};  ///< from a head's first byte to its end; 408
inline constexpr std::chrono::milliseconds k_body_time{
    20'000};  ///< for a body, and one second more for each 16 KiB; 408
inline constexpr std::chrono::milliseconds k_send_time{60'000};  ///< a client that takes nothing; closed
/// For a request that is not whole when the server begins to drain; then 503 `draining`.
inline constexpr std::chrono::milliseconds k_drain_read_time{3'000};
inline constexpr std::chrono::milliseconds k_linger_time{2'000};  ///< for bytes that were still under way to us

/// What all workers share; outlives them.
struct Shared {
  vault::Vault& vault;
  const core::Clock& clock;
  Log& log;
  Caps& caps;
  Tenants& tenants;
  Resolver& resolver;
  // A queue each: what one key asks for in masses does not stand before others' calls, nor before the operator.
  ReaderThread& reader;   ///< reads that the API asks for
  ReaderThread& lookups;  ///< what a call needs to go on: its session, its tenant's seat
  ReaderThread& opener;   ///< opens sessions
  ReaderThread& admin;    ///< runs what changes accounts, one after the other; admin keys' first
  Operations& operations;
  const TlsContext& tls;
  Health& health;
  BodyBudget bodies{};
  Sessions sessions{};
  std::atomic<std::size_t> connections{0};
  std::atomic<unsigned> exports{0};
  std::atomic<bool> draining{false};
};

/// Random bytes fetched in blocks: two ids a request would be two system calls. Wiped as they are used.
class BlockRandom final : public core::Random {
 public:
  void fill(std::span<std::byte> out) noexcept override;

 private:
  core::SystemRandom system_;
  std::array<std::byte, 4096> block_{};
  std::size_t used_ = block_.size();
};

/// What the log says of one request; no body, no key.
struct RequestLine {
  std::string_view request_id, trace, evidence, caller, tenant, method, path, model, provider;
  int status = 0;  ///< 0: nothing was answered
  std::string_view outcome, code;
  core::Micros duration;
};

class Worker {
 public:
  Worker(Shared& shared, const SnapshotRef& snapshot, const DoorsRef& doors);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Before run(). Takes the descriptor; `door`: its place among the doors.
  void accept_on(int listening_descriptor, std::size_t door);
  /// Until drained or stopped and all its items are committed.
  void run();
  /// Any thread. Stops accepting, closes idle connections, finishes what runs.
  void drain();
  /// Any thread. Ends what runs as well; records are still written.
  void stop_now();
  /// Any thread. Runs `work` on the worker's, in the order asked for, and calls `done` afterwards. A worker that
  /// has ended serves nobody any more: `done` is called at once.
  void ask(std::move_only_function<void(Worker&)> work, std::move_only_function<void()> done);
  /// Any thread: when the worker last answered its timer (monotonic milliseconds).
  [[nodiscard]] std::int64_t last_seen_ms() const noexcept { return last_seen_ms_.load(std::memory_order_relaxed); }

  // For the requests it serves.
  Shared& shared;
  Loop loop;
  JournalPort port{loop};
  UpstreamPools pools;
  Denials denials;
  BlockRandom random;
  Slowing slowing{random};
  Workspaces workspaces;
  SeatCache seats;
  /// The current generation; a request takes it once, when it begins.
  [[nodiscard]] const SnapshotRef& snapshot() const noexcept { return snapshot_; }
  [[nodiscard]] const Doors& doors() const noexcept { return *doors_; }
  void adopt(const SnapshotRef& next, const DoorsRef& doors);
  /// The durability cannot change while the server runs.
  [[nodiscard]] bool strict() const noexcept { return snapshot_->loaded.config.durability == core::Durability::strict; }
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  /// "Date" of responses of our own, as the clock read at the last tick.
  [[nodiscard]] std::string_view http_date() const noexcept { return date_; }
  /// Lines go out together, at the latest with the next tick: one each would cost a system call a request.
  void log_request(const RequestLine& line);
  /// Writes a record nobody waits for.
  void write_behind(core::EvidenceRecord record);

  void joined(Connection& connection) noexcept;
  void left(Connection& connection) noexcept;

 private:
  Task<> accept_loop(std::unique_ptr<Socket> listener, std::size_t door);
  void tick();
  void flush_denials(Denials::Which which);
  void end_if_done();
  void flush_log();

  SnapshotRef snapshot_;
  DoorsRef doors_;
  std::string log_lines_;
  std::vector<std::pair<std::unique_ptr<Socket>, std::size_t>> to_accept_;
  std::vector<Socket*> accepting_;
  Connection* first_ = nullptr;
  std::size_t connections_ = 0;
  std::string date_;
  std::int64_t date_second_ = 0;
  std::int64_t last_flush_ms_ = 0;
  bool draining_ = false;
  std::int64_t draining_since_ms_ = 0;
  bool stopping_ = false;
  std::atomic<std::int64_t> last_seen_ms_{0};
};

}  // namespace talon::gateway

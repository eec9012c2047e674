// See server.h.
#include "gateway/server.h"

#include <algorithm>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <unistd.h>

#include "gateway/guard/agreement.h"
#include "gateway/guard/caps.h"
#include "gateway/guard/limits.h"
#include "gateway/log.h"
#include "gateway/net/address.h"
#include "gateway/net/door.h"
#include "gateway/net/worker.h"

namespace talon::gateway {
namespace {

constexpr std::chrono::seconds k_watch_every{1};
/// A worker that has not answered its timer for so long is stuck; systemd's watchdog waits longer.
constexpr std::int64_t k_stuck_ms = 5'000;

std::int64_t monotonic_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string_view word(vault::JournalStats::State state) {
  switch (state) {
    case vault::JournalStats::State::ok:
      return "ok";
    case vault::JournalStats::State::full:
      return "full";
    case vault::JournalStats::State::failed:
      break;
  }
  return "failed";
}

Tenants::Sources sources_of(vault::Vault& vault, Meters& meters) {
  return {[&vault](const core::LogName& log) { return vault.content_key(log); }, [&vault] { return vault.logs(); },
          &vault.registry(), [&meters](const core::LogName& log, const vault::AccountRef&) { return meters.of(log); }};
}

/// The calls of the month around `now`, as the log's roll-ups count them.
core::Result<std::int64_t> calls_of_month(const vault::Vault& vault, const core::LogName& log, core::Instant now) {
  const auto today = core::day_of(now);
  const vault::Period month{core::start_of(core::month_start(today)), core::start_of(core::next_month_start(today))};
  TALON_TRY(costs, vault.costs(log, month));
  return costs.requests;
}

}  // namespace

struct Server::Impl final : Operations {
  Impl(SnapshotRef current, vault::Vault& opened, ServerOptions given)
      : snapshot(std::move(current)),
        vault(opened),
        options(std::move(given)),
        meters([&opened](const core::LogName& log, core::Instant now) { return calls_of_month(opened, log, now); },
               *options.clock),
        tenants(sources_of(opened, meters)) {}

  core::Result<void> prepare();
  core::Result<void> open_logs(const Snapshot& of);
  core::Result<void> listen();
  void run();
  void watch();
  void log_vault_state();
  void stop(Stop how);
  void close_listeners();
  /// Runs `work` on every worker's thread; returns when all have done it.
  void on_each_worker(const std::function<void(Worker&)>& work);

  // Operations, for the admin thread.
  core::Result<void> reload() override;
  core::Result<void> load_and_swap();
  void drain() override {
    if (options.drain_begins) options.drain_begins();
    stop(Stop::drain);
  }
  void tenant_changed(const core::TenantId& tenant) override;

  SnapshotRef snapshot;  ///< the newest; after the start the admin thread's
  DoorsRef doors;
  vault::Vault& vault;
  ServerOptions options;
  std::vector<Listening> listeners;
  std::vector<Bound> addresses;

  Meters meters;
  Tenants tenants;
  std::unique_ptr<Caps> caps;
  std::optional<TlsContext> tls;
  std::optional<Resolver> resolver;
  std::optional<ReaderThread> reader;
  std::optional<ReaderThread> lookups;
  std::optional<ReaderThread> opener;
  std::optional<ReaderThread> admin;
  std::optional<Health> health;
  std::unique_ptr<Shared> shared;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;                                                ///< under mutex
  std::optional<std::chrono::steady_clock::time_point> drain_until;  ///< under mutex
  std::thread watcher;
  vault::JournalStats::State last_state = vault::JournalStats::State::ok;
};

/// What must be there before the first connection: prices of the past, logs and their keys, TLS roots.
core::Result<void> Server::Impl::prepare() {
  TALON_TRY_VOID(check_agreement(*snapshot, nullptr, vault.registry()));
  TALON_TRY(rebuilt, Caps::rebuild(vault, *options.clock));
  caps = std::move(rebuilt);
  TALON_TRY_VOID(tenants.open(core::LogName::unattributed()));
  TALON_TRY_VOID(open_logs(*snapshot));
  TALON_TRY(context, TlsContext::make());
  tls.emplace(std::move(context));
  return {};
}

core::Result<void> Server::Impl::open_logs(const Snapshot& of) {
  for (const Caller& caller : of.callers) {
    if (caller.tenant) TALON_TRY_VOID(tenants.open(core::LogName::of(*caller.tenant)));
  }
  return {};
}

core::Result<void> Server::Impl::listen() {
  const auto& config = snapshot->loaded.config;
  TALON_TRY(made, make_doors(config));
  doors = std::move(made);
  for (const auto* addresses_of : {&config.listen, &config.admin_listen}) {
    for (const auto& address : *addresses_of) {
      TALON_TRY(listening, listen_on(address));
      addresses.push_back({listening.address, address.tls.has_value(), addresses_of == &config.admin_listen});
      listeners.push_back(std::move(listening));
    }
  }
  return {};
}

void Server::Impl::run() {
  resolver.emplace();
  reader.emplace();
  lookups.emplace();
  opener.emplace();
  admin.emplace();
  health.emplace(Health::Parts{vault.registry(), *reader, *admin, *resolver, *tls, *options.clock}, snapshot);
  shared.reset(new Shared{vault, *options.clock, *options.log, *caps, tenants, *resolver, *reader, *lookups, *opener,
                          *admin, *this, *tls, *health});
  const unsigned cores = std::max(2U, std::thread::hardware_concurrency());
  const unsigned count = options.workers > 0 ? options.workers : cores - 1;
  for (unsigned i = 0; i < count; ++i) {
    workers.push_back(std::make_unique<Worker>(*shared, snapshot, doors));
    for (std::size_t door = 0; door < listeners.size(); ++door) {
      if (const int own = duplicate(listeners[door].descriptor); own >= 0) workers.back()->accept_on(own, door);
    }
  }
  // The workers' are the only ones left: when they stop accepting, who connects is refused, not left waiting.
  for (Listening& listening : listeners) close_descriptor(std::exchange(listening.descriptor, -1));
  for (auto& worker : workers) threads.emplace_back([one = worker.get()] { one->run(); });
  watcher = std::thread([this] { watch(); });
}

/// Once a second: the watchdog, the vault's state, and the end of a drain.
void Server::Impl::watch() {
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, k_watch_every, [this] { return ended; })) {
    const bool over = drain_until && std::chrono::steady_clock::now() >= *drain_until;
    if (over) drain_until.reset();
    lock.unlock();
    const auto now = monotonic_ms();
    const bool all_alive =
        std::ranges::all_of(workers, [now](const auto& worker) { return now - worker->last_seen_ms() < k_stuck_ms; });
    if (all_alive && options.alive) options.alive();
    log_vault_state();
    if (over) {
      options.log->warning("drain_timeout", {{"message", "calls still run; they are ended now"}});
      stop(Stop::now);
    }
    lock.lock();
  }
}

void Server::Impl::log_vault_state() {
  const auto stats = vault.stats();
  if (stats.state == last_state) return;
  last_state = stats.state;
  options.log->write(stats.state == vault::JournalStats::State::ok ? Log::Level::info : Log::Level::error,
                     "vault_state",
                     {{"state", word(stats.state)},
                      {"queue_items", stats.queue_items},
                      {"queue_bytes", stats.queue_bytes},
                      {"commit_p50_us", stats.commit_p50.count},
                      {"commit_p99_us", stats.commit_p99.count},
                      {"reader_lag_us", stats.reader_lag.count},
                      {"reserve_bytes", stats.reserve_bytes}});
}

void Server::Impl::stop(Stop how) {
  if (how == Stop::now) {
    for (auto& worker : workers) worker->stop_now();
    return;
  }
  {
    const std::lock_guard lock(mutex);
    if (!drain_until) drain_until = std::chrono::steady_clock::now() + options.drain_timeout;
  }
  shared->draining = true;
  for (auto& worker : workers) worker->drain();
}

void Server::Impl::on_each_worker(const std::function<void(Worker&)>& work) {
  // Shared: the last to count may still be inside when the wait is over.
  const auto done = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(workers.size()));
  for (auto& worker : workers) {
    worker->ask([&work](Worker& one) { work(one); }, [done] { done->count_down(); });
  }
  done->wait();
}

void Server::Impl::tenant_changed(const core::TenantId& tenant) {
  const auto log = core::LogName::of(tenant);
  tenants.drop(log);
  on_each_worker([&log](Worker& worker) { worker.seats.forget(log); });
  health->account_changed(tenant);
}

core::Result<void> Server::Impl::reload() {
  if (options.reload_begins) options.reload_begins();
  const auto swapped = load_and_swap();
  if (!swapped) {
    const auto& error = swapped.error();
    options.log->error("reload_failed", {{"code", core::word(error.code)}, {"message", error.message}});
  }
  if (options.reload_ended) options.reload_ended(swapped ? snapshot.get() : nullptr);
  return swapped;
}

/// Whatever can go wrong does so before the first worker changes.
core::Result<void> Server::Impl::load_and_swap() {
  if (!options.load) return core::fail(core::Code::not_supported, "This server cannot read its configuration again.");
  TALON_TRY(next, options.load());
  TALON_TRY_VOID(check_unchanged(snapshot->loaded.config, next->loaded.config));
  TALON_TRY_VOID(check_agreement(*next, snapshot.get(), vault.registry()));
  TALON_TRY(certificates, make_doors(next->loaded.config));
  TALON_TRY_VOID(open_logs(*next));
  on_each_worker([&](Worker& worker) { worker.adopt(next, certificates); });
  health->adopt(next);
  // Requests that began before keep the old generation; it goes with the last of them.
  snapshot = std::move(next);
  doors = std::move(certificates);
  return {};
}

void Server::Impl::close_listeners() {
  for (const Listening& listening : listeners) {
    if (listening.descriptor >= 0) close_descriptor(listening.descriptor);
    if (!listening.unix_path.empty()) ::unlink(listening.unix_path.c_str());
  }
  listeners.clear();
}

core::Result<std::unique_ptr<Server>> Server::start(SnapshotRef snapshot, vault::Vault& vault, ServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(snapshot), vault, std::move(options));
  if (auto listening = impl->listen(); !listening) {
    impl->close_listeners();
    return core::fail(listening.error());
  }
  if (auto prepared = impl->prepare(); !prepared) {
    impl->close_listeners();
    return core::fail(prepared.error());
  }
  impl->run();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  stop(Stop::now);
  wait();
  // Threads that post to the loops go before the loops do.
  impl_->health.reset();
  impl_->admin.reset();
  impl_->opener.reset();
  impl_->lookups.reset();
  impl_->reader.reset();
  impl_->resolver.reset();
}

const std::vector<Server::Bound>& Server::addresses() const noexcept { return impl_->addresses; }

void Server::reload() {
  const auto reload = [impl = impl_.get()] {
    if (!impl->reload()) return;
    const auto recorded =
        impl->vault.registry().record_act("config.reload", impl->snapshot->loaded.config.file, vault::Actor{"SIGHUP"});
    if (!recorded) impl->options.log->error("reload_not_recorded", {{"message", recorded.error().message}});
  };
  if (!impl_->admin->post(reload, Turn::first))
    impl_->options.log->error("reload_failed", {{"message", "too many changes wait; try again shortly"}});
}

void Server::stop(Stop how) { impl_->stop(how); }

void Server::wait() {
  for (auto& thread : impl_->threads) {
    if (thread.joinable()) thread.join();
  }
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ended = true;
  }
  impl_->changed.notify_all();
  if (impl_->watcher.joinable()) impl_->watcher.join();
  impl_->close_listeners();
}

}  // namespace talon::gateway

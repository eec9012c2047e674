// Tenants: what the gateway keeps of each tenant: its log's content key, its account with the provider keys it brought,
// its live meters. Loading blocks (LMDB, and the journal for a log that is new), so net/reader_thread.h runs it; each
// worker keeps the seats it was given in a SeatCache of its own, without a lock.
//
//   SeatRef seat = worker.seats.find(log);                    // nullptr: not here
//   … on the look-up thread: seat = tenants.open_tagged(log, most) …
//   worker.seats.keep(seat, epoch);                           // epoch: read before the load began
//
// A change of an account: the registry commits, drop() here, forget() on every worker, and only then the answer to the
// change leaves: the next request loads anew. A load that was under way meanwhile is not kept (epoch).
//
// Thread rule: Tenants on any thread; a SeatCache belongs to its worker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/error.h"
#include "core/tenant_id.h"
#include "gateway/http/error_envelope.h"
#include "vault/log/body_commitment.h"
#include "vault/registry/registry.h"

namespace talon::gateway {

struct TenantMeters;

/// One tenant, or the bucket of calls without one, as admission sees it. Immutable: a change makes a new one.
struct Seat {
  core::LogName log = core::LogName::unattributed();
  std::optional<core::TenantId> tenant;
  std::shared_ptr<const vault::ContentKey> key;  ///< nullptr: its log is not open yet (Tenants::look)
  vault::AccountRef account;                     ///< nullptr: it has none, only a log
  TenantMeters* meters = nullptr;                ///< live counters; the address stays, whatever seat points there
};
using SeatRef = std::shared_ptr<const Seat>;

/// 403 tenant_suspended or tenant_closed. Nothing for a seat without an account.
[[nodiscard]] std::optional<Refusal> check_account(const Seat& seat);
[[nodiscard]] std::optional<Refusal> check_account(const vault::AccountRow& row);

class Tenants {
 public:
  using ContentKeyRef = std::shared_ptr<const vault::ContentKey>;
  /// Where it all comes from; the vault's functions, injected so that a test needs no vault.
  struct Sources {
    std::function<core::Result<ContentKeyRef>(const core::LogName&)> open_log;  ///< makes the log known
    std::function<core::Result<std::vector<core::LogName>>()> logs;
    const vault::Registry* registry = nullptr;  ///< nullptr: nobody has an account
    /// The live counters of a tenant, made or found; may be empty.
    std::function<core::Result<TenantMeters*>(const core::LogName&, const vault::AccountRef&)> meters;
  };
  explicit Tenants(Sources sources) : sources_(std::move(sources)) {}

  // These block. Errors: what the vault says.
  /// A log that the configuration names, or the bucket of calls without a tenant.
  [[nodiscard]] core::Result<SeatRef> open(const core::LogName& log);
  /// As much as is known of a tenant that a call names: a log that is new stays closed.
  [[nodiscard]] core::Result<SeatRef> look(const core::LogName& log);
  /// A log that a call names. At most `most` tenants appear by tag alone (interfaces.md §3, limits.tenants), those
  /// of earlier runs included. Error: tenant_limit_exceeded.
  [[nodiscard]] core::Result<SeatRef> open_tagged(const core::LogName& log, std::size_t most);
  /// Of the tenant whose key was presented (KeyEntry::tenant). Error: not_found.
  [[nodiscard]] core::Result<SeatRef> of_key(vault::LogNumber number);

  /// Something about this tenant's account changed. Does not wait for a load.
  void drop(const core::LogName& log);

 private:
  [[nodiscard]] SeatRef kept(const core::LogName& log) const;
  [[nodiscard]] ContentKeyRef key_of(const core::LogName& log) const;
  [[nodiscard]] core::Result<SeatRef> load(const core::LogName& log, bool open_log);
  [[nodiscard]] core::Result<void> count_earlier(std::size_t most);
  [[nodiscard]] core::Result<bool> came_by_tag(const core::LogName& log) const;

  Sources sources_;
  mutable std::mutex mutex_;
  std::unordered_map<core::LogName, SeatRef> seats_;       ///< under mutex_: whole ones
  std::unordered_map<core::LogName, ContentKeyRef> keys_;  ///< under mutex_: of logs that are open; outlive drop()
  std::uint64_t drops_ = 0;                                ///< under mutex_
  std::mutex tagging_;                                     ///< held while a tagged tenant is admitted
  std::unordered_set<core::LogName> tagged_;               ///< under tagging_: known by tag alone, as far as counted
  bool counted_ = false;                                   ///< under tagging_: those of earlier runs are in it
  bool exact_ = false;                                     ///< under tagging_: and those with an account are out of it
};

/// A worker's seats. Slots stay, so that a key's number finds its seat without the tenant's name; there are no more
/// than tenants that may exist.
class SeatCache {
 public:
  [[nodiscard]] const SeatRef& find(const core::LogName& log) const noexcept;
  [[nodiscard]] const SeatRef& find(vault::LogNumber number) const noexcept;
  /// Changes with each forget().
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  /// Keeps what was loaded, if nothing was forgotten since `epoch`; what is not whole is never kept.
  /// Returns the seat as the worker uses it.
  SeatRef keep(const SeatRef& seat, std::uint64_t epoch);
  SeatRef keep(vault::LogNumber number, const SeatRef& seat, std::uint64_t epoch);
  void forget(const core::LogName& log);

 private:
  std::unordered_map<core::LogName, SeatRef> slots_;
  std::unordered_map<vault::LogNumber, const SeatRef*> by_number_;
  std::uint64_t epoch_ = 0;
};

}  // namespace talon::gateway

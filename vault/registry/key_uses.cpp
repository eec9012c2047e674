// When keys were used last, written down lazily: once a minute, and when the server stops.
#include "vault/registry/new_keys.h"
#include "vault/registry/stored_registry.h"

namespace talon::vault {

using core::Result;

namespace {

constexpr auto k_write_every = std::chrono::seconds(60);
constexpr std::size_t k_batch = 1024;  ///< rows a transaction: calls wait for the one before theirs
/// A worker may note a time that it read this much earlier.
constexpr std::int64_t k_overlap_micros = 5 * core::k_micros_per_second;

struct Use {
  LogNumber tenant{};
  IdBytes id{};
  KeyClass kind = KeyClass::tenant_key;
  core::Instant when;
};

template <class Row>
Result<void> put_use(WriteTxn& txn, Table table, const Use& use) {
  const auto key = owned_key(use.tenant, use.id);
  TALON_TRY(value, txn.get(table, key));
  if (!value) return {};  // revoked meanwhile
  auto row = decode<Row>(key, *value);
  // A damaged row is for verify to name; a time of use is nothing to stop a server for.
  if (!row || (row->last_used && *row->last_used >= use.when)) return {};
  row->last_used = use.when;
  return txn.put(table, key, encode(key, *row));
}

}  // namespace

void StoredRegistry::write_uses() {
  const std::lock_guard lock(uses_guard_);
  if (journal_ == nullptr || !wait_loaded()) return;
  const auto now = clock_.now();
  std::vector<Use> uses;
  table_.each([&](const KeyEntry& entry) {
    const auto used = entry.last_used.load(std::memory_order_relaxed);
    if (used + k_overlap_micros < uses_written_.micros || used == 0) return;
    if (!entry.revoked.load(std::memory_order_relaxed)) uses.push_back({entry.tenant, entry.id, entry.kind, {used}});
  });
  for (std::size_t first = 0; first < uses.size(); first += k_batch) {
    const auto last = std::min(first + k_batch, uses.size());
    const auto rows = [&](WriteTxn& txn, LogNumber) -> Result<void> {
      for (auto i = first; i < last; ++i) {
        const auto& use = uses[i];
        TALON_TRY_VOID(use.kind == KeyClass::tenant_key ? put_use<ApiKeyRow>(txn, Table::api_keys, use)
                                                        : put_use<VirtualKeyRow>(txn, Table::virtual_keys, use));
      }
      return {};
    };
    if (!commit(core::LogName::operator_log(), rows, std::nullopt)) return;  // full or stopping: the next round
  }
  uses_written_ = now;
}

void StoredRegistry::run() {
  std::unique_lock lock(stop_guard_);
  while (!stop_wake_.wait_for(lock, k_write_every, [&] { return stopping_.load(); })) {
    lock.unlock();
    write_uses();
    lock.lock();
  }
}

void StoredRegistry::stop() {
  {
    const std::scoped_lock lock(stop_guard_, loaded_guard_);
    if (stopping_.exchange(true)) return;
  }
  stop_wake_.notify_all();
  loaded_wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  write_uses();
}

}  // namespace talon::vault

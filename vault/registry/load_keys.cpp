// The keys in force, from the store into the table: all of them, and one that is wanted before its turn.
#include "vault/journal/waiting_port.h"
#include "vault/registry/stored_registry.h"
#include "vault/store/scan.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

Result<KeyTable::NewEntry> entry_of(std::string_view key, std::string_view value) {
  const auto row = decode<KeyRow>(key, value);
  if (!row) {
    return core::fail(Code::vault_corrupt,
                      "the stored row of an API key is damaged; talon audit verify lists what is; restore the vault "
                      "from a backup");
  }
  return KeyTable::NewEntry{.digest = hash_from_bytes(key),
                            .id = row->id,
                            .tenant = row->log,
                            .expires = row->expires,
                            .kind = row->kind,
                            .expose_cost = row->expose_cost};
}

constexpr std::uint32_t k_look_every = 4096;  ///< keys between two looks at whether the server stops

std::unexpected<core::Error> stopped() { return core::fail(Code::draining, "the server is stopping"); }

}  // namespace

/// In the order of digests, so that the table fills from its front to its back.
Result<void> StoredRegistry::load_keys(std::uint32_t keys, const LoadWatch& watch) {
  std::uint32_t number = 0;
  TALON_TRY_VOID(walk_table(environment_, Table::keys, {}, [&](const ReadTxn&, const Entry& row) -> Result<Walk> {
    if (number % k_look_every == 0) {
      if (watch) watch(number);
      if (stopping_) return stopped();
    }
    TALON_TRY(entry, entry_of(row.key, row.value));
    if (number == keys) return core::fail(Code::internal_error, "a key came in while keys were loaded");
    table_.load(number++, entry);
    return Walk::on;
  }));
  return {};
}

void StoredRegistry::load_and_tell(std::uint32_t keys, const LoadWatch& watch) {
  const auto loaded = load_keys(keys, watch);
  if (loaded) table_.end_load();
  {
    const std::lock_guard lock(loaded_guard_);
    loaded_ = loaded;
  }
  loaded_wake_.notify_all();
  if (loaded || loaded.error().code == Code::draining) return;
  // The one way in which a served vault fails is its journal's.
  auto failing = std::make_unique<JournalItem>();
  failing->kind = ItemKind::change;
  failing->log = core::LogName::operator_log();
  failing->apply = [&loaded](WriteTxn&, LogNumber) -> Result<void> { return core::fail(loaded.error()); };
  // On a full disk as well: it needs no space, and nobody would ask again.
  static_cast<void>(commit_and_wait(*journal_, std::move(failing), WhenFull::submit));
}

Result<void> StoredRegistry::wait_loaded() const {
  if (!table_.loading()) return {};
  std::unique_lock lock(loaded_guard_);
  loaded_wake_.wait(lock, [this] { return loaded_.has_value() || stopping_; });
  if (!loaded_) return stopped();
  return *loaded_;
}

Result<std::optional<KeyTable::NewEntry>> StoredRegistry::read_key(const Hash& digest) const {
  TALON_TRY(txn, environment_.read());
  const auto key = bytes_of(digest);
  TALON_TRY(value, txn.get(Table::keys, key));
  if (!value) return std::optional<KeyTable::NewEntry>();
  TALON_TRY(entry, entry_of(key, *value));
  return std::optional(entry);
}

/// The store is ahead of the table in everything but a moment ago's changes, and those wait until the table is whole.
const KeyEntry* StoredRegistry::find_stored(const Hash& digest) const noexcept {
  const auto stored = read_key(digest);
  if (!stored) {
    // A damaged row is nobody's key; the load will meet it and tell. Where the store cannot be read just now, the load
    // says what is in it.
    if (stored.error().code == Code::vault_corrupt) return nullptr;
    return wait_loaded() ? table_.find(digest) : nullptr;
  }
  if (!*stored) return nullptr;
  const auto* entry = table_.load_early(**stored);
  return entry != nullptr && !entry->revoked.load(std::memory_order_acquire) ? entry : nullptr;
}

}  // namespace talon::vault

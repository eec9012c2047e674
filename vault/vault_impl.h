// What a Vault owns; shared by the sources that implement it, not for anyone else.
#pragma once

#include <map>
#include <mutex>

#include "vault/journal/journal_thread.h"
#include "vault/ledger/rollup.h"
#include "vault/registry/stored_registry.h"
#include "vault/store/environment.h"
#include "vault/store/log_source.h"
#include "vault/store/writer_lock.h"
#include "vault/tenant_orders.h"
#include "vault/vault.h"

namespace talon::vault {

struct Vault::Impl {
  std::filesystem::path data_dir;
  const core::Clock* clock = nullptr;
  PublicKeys public_keys;

  mutable std::mutex guard;
  mutable std::unique_ptr<KeyRing> keys;  ///< a reader loads them only to sign or to check the seal
  mutable TenantOrders tenant_orders;

  // The writer's side; declared so that what is used goes last. A start that fails ends in this order too.
  std::optional<WriterLock> lock;
  std::unique_ptr<Environment> environment;
  std::unique_ptr<Writer> writer;
  std::unique_ptr<JournalThread> journal;
  std::unique_ptr<StoredRegistry> registry;

  std::map<core::LogName, std::shared_ptr<const ContentKey>> content_keys;

  void make_registry();
  /// Error: key_missing, key_invalid, vault_permission.
  [[nodiscard]] core::Result<const KeyRing*> key_ring() const;
  /// Waits for what the journal has queued by now, here or in another process.
  [[nodiscard]] core::Result<void> settle() const;
  /// settle(), then the log as it is now. Error: tenant_unknown.
  [[nodiscard]] core::Result<StoreLogSource> open_log(const core::LogName& name) const;
  /// The instant that "today" is taken from: the clock, but never behind the newest record.
  [[nodiscard]] core::Result<core::Instant> now() const;
};

[[nodiscard]] TenantRow tenant_row(std::optional<core::TenantId> tenant, const Lifetime& sums);

}  // namespace talon::vault

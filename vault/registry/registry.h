// Registry: tenants as accounts, their keys, and virtual keys. Stored in tables of the vault, changed only through the
// journal: each change is one commit together with its `operator` record (who, what, before and after, never a secret)
// in the tenant's log, or in the operator's log where no tenant is concerned. A crash leaves all of a change or nothing.
//
//   const KeyEntry* key = registry.find(vault.key_digest(text));          // any thread: one probe, no lock
//   auto created = registry.create_account(wanted, actor);                // blocks until durable
//
// Thread rule: find() and note_used() on any thread, lock-free and without allocation; only while a start still loads
// keys (stored_registry.h) does a look-up that misses read one row of the store. Reads on any thread; they open
// short LMDB transactions, so not on a worker. Changes on one thread at a time (the gateway's admin thread): what was
// checked before a change still holds when it is made. A key that a change made is found, and one it revoked is not,
// when the change returns.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "vault/registry/account.h"

namespace talon::vault {

enum class KeyClass : std::uint8_t { tenant_key, virtual_key };

/// One key as find() answers it. Lives as long as the registry.
struct KeyEntry {
  Hash digest{};
  IdBytes id{};
  std::int64_t expires = 0;  ///< µs since 1970; 0: never
  std::atomic<std::int64_t> last_used{0};
  LogNumber tenant{};  ///< 0: an unscoped virtual key
  KeyClass kind = KeyClass::tenant_key;
  bool expose_cost = false;
  std::atomic<bool> revoked{false};
};
static_assert(sizeof(KeyEntry) == 72);  // there may be a million of them

/// Who makes a change: the name of an admin key, or a tenant's own key by its id.
struct Actor {
  std::string name;
};

/// An answer to keep for 24 hours under a client's Idempotency-Key, in the same commit as the change.
struct Idempotent {
  std::string key;     ///< whose and which: actor, route, the client's text
  Hash body{};         ///< of the request's body
  std::string answer;  ///< as replayed: `"key":null`
};

struct NewAccount {
  std::string name, email, tier;
  std::optional<core::NanoUsd> monthly_budget;
  bool own_provider_keys = true;
  std::optional<core::TenantId> id;  ///< nullopt: `tenant_` and a lower-case ULID
  std::string key_name;              ///< of its first API key
};
struct IssuedKey {
  core::Secret key;  ///< shown once
  ApiKeyRow row;
};
struct CreatedAccount {
  AccountRow row;
  IssuedKey key;
};
struct NewApiKey {
  std::string name;
  std::optional<core::Instant> expires;
};
struct NewProviderKey {
  std::string provider;
  core::Secret api_key;
  std::int64_t timeout_s = 0, max_retries = 0;
  AccountSource source = AccountSource::tag;  ///< of the account that is made if the tenant has none
};
struct NewVirtualKey {
  std::string name, project;
  std::optional<core::TenantId> tenant;
  std::optional<std::string> issued_by;
  bool expose_cost = false;
};
struct IssuedVirtualKey {
  core::Secret key;
  VirtualKeyRow row;
};

struct AccountQuery {
  std::string text;  ///< literal, in id, name or e-mail; empty: all
  std::size_t limit = 50;
  std::optional<std::uint32_t> after;  ///< continue behind this log number
};
struct AccountPage {
  std::vector<AccountRow> rows;  ///< in the order of creation
  std::optional<std::uint32_t> next_after;
};

/// A part of a list of keys, newest first (to the millisecond; within one, in the order of their ids). Keys made or
/// revoked between two pages move no other key.
struct KeyQuery {
  std::size_t limit = 50;
  std::optional<IdBytes> before;  ///< go on behind this key, which need not be there any more
};
enum class VirtualKeys : std::uint8_t { all, in_force };
template <class Row>
struct KeyPage {
  std::vector<Row> rows;
  std::optional<IdBytes> next;  ///< for `before`; nullopt: no more
};

class Registry {
 public:
  virtual ~Registry() = default;

  // Look-up.
  /// nullptr: unknown or revoked (an expired one is found: say `api_key_expired`). Always nullptr where nothing serves.
  [[nodiscard]] virtual const KeyEntry* find(const Hash& digest) const noexcept = 0;
  /// At most one store a minute and key; written to disk now and then, never a disk write for a call.
  virtual void note_used(const KeyEntry& key, core::Instant now) const noexcept = 0;
  /// Whose log a number is; nullopt: no log, or no tenant's. Reads the store once for each log, then only memory.
  [[nodiscard]] virtual core::Result<std::optional<core::TenantId>> tenant_of(LogNumber log) const = 0;

  // Reads. `nullopt` or nullptr: there is none.
  [[nodiscard]] virtual core::Result<std::optional<AccountRow>> account(const core::TenantId& tenant) const = 0;
  /// With provider keys opened. Error: key_invalid when a sealed key was moved or damaged.
  [[nodiscard]] virtual core::Result<AccountRef> open_account(const core::TenantId& tenant) const = 0;
  [[nodiscard]] virtual core::Result<AccountPage> accounts(const AccountQuery& query) const = 0;
  /// Not revoked, newest first.
  [[nodiscard]] virtual core::Result<std::vector<ApiKeyRow>> api_keys(const core::TenantId& tenant) const = 0;
  [[nodiscard]] virtual core::Result<std::vector<ProviderKeyRow>> provider_keys(const core::TenantId& tenant) const = 0;
  /// The same in parts; reads only what it answers.
  [[nodiscard]] virtual core::Result<KeyPage<ApiKeyRow>> api_keys(const core::TenantId& tenant,
                                                                  const KeyQuery& query) const = 0;
  /// Of all tenants and of none. Walks the table (virtual keys are the operator's, and few), keeps no more than a page.
  [[nodiscard]] virtual core::Result<KeyPage<VirtualKeyRow>> virtual_keys(const KeyQuery& query,
                                                                          VirtualKeys which) const = 0;
  /// What was kept under an Idempotency-Key less than 24 hours ago.
  [[nodiscard]] virtual core::Result<std::optional<Idempotent>> kept_answer(const std::string& key) const = 0;

  // Changes. Each returns when it is durable and in force for find(). Error: vault_unavailable when it cannot be
  // recorded; not_found; conflict (an id that exists, a status that is so already).
  /// `answer`: makes what is kept for a replay from what was created; may be empty.
  using AnswerOf = std::function<Idempotent(const CreatedAccount& created)>;
  [[nodiscard]] virtual core::Result<CreatedAccount> create_account(const NewAccount& wanted, const Actor& actor,
                                                                    const AnswerOf& answer) = 0;
  /// Replaces the row of `row.id` (made if there is none: a tenant of the YAML or of tags). `action`, e.g.
  /// "tenant.suspend"; the record lists each member that differs, before and after.
  [[nodiscard]] virtual core::Result<AccountRow> change_account(AccountRow row, std::string_view action,
                                                                const Actor& actor) = 0;
  /// Closes the account, revokes its API keys and scoped virtual keys, and erases its provider keys; evidence stays.
  /// Error: not_found when there is none or it is closed. Its id may be created again.
  [[nodiscard]] virtual core::Result<void> close_account(const core::TenantId& tenant, const Actor& actor) = 0;
  using KeyAnswerOf = std::function<Idempotent(const IssuedKey& issued)>;
  [[nodiscard]] virtual core::Result<IssuedKey> create_api_key(const core::TenantId& tenant, const NewApiKey& wanted,
                                                               const Actor& actor, const KeyAnswerOf& answer) = 0;
  [[nodiscard]] virtual core::Result<void> revoke_api_key(const core::TenantId& tenant, const IdBytes& id,
                                                          const Actor& actor) = 0;
  /// A second key of a provider replaces the first. From the first one on the account only uses keys of its own. A
  /// tenant without an account gets one.
  [[nodiscard]] virtual core::Result<ProviderKeyRow> put_provider_key(const core::TenantId& tenant,
                                                                      NewProviderKey wanted, const Actor& actor) = 0;
  [[nodiscard]] virtual core::Result<void> remove_provider(const core::TenantId& tenant, std::string_view provider,
                                                           const Actor& actor) = 0;
  /// What a probe or traffic showed; no record (it is no operator's act). `models` empty: as they were.
  [[nodiscard]] virtual core::Result<void> note_health(const core::TenantId& tenant, const IdBytes& id, bool healthy,
                                                       core::Instant when, std::vector<std::string> models) = 0;
  using VirtualAnswerOf = std::function<Idempotent(const IssuedVirtualKey& issued)>;
  [[nodiscard]] virtual core::Result<IssuedVirtualKey> issue_virtual_key(const NewVirtualKey& wanted,
                                                                         const Actor& actor,
                                                                         const VirtualAnswerOf& answer) = 0;
  /// Error: not_found for one that is unknown or revoked already.
  [[nodiscard]] virtual core::Result<VirtualKeyRow> revoke_virtual_key(const IdBytes& id, const Actor& actor) = 0;
  /// An act that changes no row (reload, drain): its record in the operator's log.
  [[nodiscard]] virtual core::Result<void> record_act(std::string_view action, std::string_view target,
                                                      const Actor& actor) = 0;
};

}  // namespace talon::vault

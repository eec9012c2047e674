// Provider keys that tenants bring.
#include "vault/registry/sealed_provider_key.h"
#include "vault/registry/stored_registry.h"
#include "vault/store/log_view.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

const ProviderKeyRow* of_provider(const std::vector<ProviderKeyRow>& rows, std::string_view provider) {
  for (const auto& row : rows) {
    if (row.provider == provider) return &row;
  }
  return nullptr;
}

}  // namespace

Result<ProviderKeyRow> StoredRegistry::put_provider_key(const core::TenantId& tenant, NewProviderKey wanted,
                                                        const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY(keys, ready_to_change());
  TALON_TRY(before, known(tenant));
  if (before.row && before.row->status == AccountStatus::closed) {
    return core::fail(Code::conflict, "the tenant's account is closed");
  }
  const auto now = clock_.now();
  AccountRow account{.id = tenant};
  if (before.row) {
    account = *before.row;
  } else {
    account.source = wanted.source;
    account.own_provider_keys = false;
    account.created = now;
  }
  // From its first own key on a tenant never falls back to the operator's.
  const bool first_own = !std::exchange(account.own_provider_keys, true);
  account.changed = now;
  TALON_TRY(stored, provider_keys(tenant));
  const auto* replaced = of_provider(stored, wanted.provider);

  ProviderKeyRow row;
  row.id = new_id();
  row.provider = wanted.provider;
  row.sealed = seal_provider_key(wanted.api_key, tenant, wanted.provider, keys->sealing_key, *random_);
  row.timeout_s = wanted.timeout_s;
  row.max_retries = wanted.max_retries;
  row.created = now;
  core::OperatorDetail act{.actor = actor.name, .action = "provider.put", .target = wanted.provider, .count = {}};
  const auto differs = [&](const char* member, std::optional<std::string> was, std::optional<std::string> is) {
    if (was != is) act.changes.push_back({.member = member, .before = std::move(was), .after = std::move(is)});
  };
  const auto number = [](const ProviderKeyRow* of, std::int64_t ProviderKeyRow::* member) {
    return of == nullptr || of->*member == 0 ? std::nullopt : std::optional(std::to_string(of->*member));
  };
  differs("key_id", replaced == nullptr ? std::nullopt : std::optional(key_id_text(replaced->id)), key_id_text(row.id));
  differs("timeout", number(replaced, &ProviderKeyRow::timeout_s), number(&row, &ProviderKeyRow::timeout_s));
  differs("max_retries", number(replaced, &ProviderKeyRow::max_retries), number(&row, &ProviderKeyRow::max_retries));
  if (first_own) differs("provider_keys", "operator", "own");
  const auto rows = [&](WriteTxn& txn, LogNumber log) -> Result<void> {
    const auto account_key = key_of(log);
    TALON_TRY_VOID(txn.put(Table::accounts, account_key, encode(account_key, account)));
    const auto key = provider_key_key(log, row.provider);
    return txn.put(Table::provider_keys, key, encode(key, row));
  };
  TALON_TRY_VOID(commit(tenant, rows, std::move(act)));
  return row;
}

Result<void> StoredRegistry::remove_provider(const core::TenantId& tenant, std::string_view provider,
                                             const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  TALON_TRY(stored, provider_keys(tenant));
  const auto* row = of_provider(stored, provider);
  if (row == nullptr) return core::fail(Code::not_found, "the tenant has no key of this provider");
  core::OperatorDetail act{
      .actor = actor.name, .action = "provider.remove", .target = std::string(provider), .count = {}};
  act.changes.push_back({.member = "key_id", .before = key_id_text(row->id), .after = {}});
  const auto rows = [&](WriteTxn& txn, LogNumber log) -> Result<void> {
    TALON_TRY_VOID(txn.remove(Table::provider_keys, provider_key_key(log, provider)));
    return {};
  };
  TALON_TRY_VOID(commit(tenant, rows, std::move(act)));
  return {};
}

Result<void> StoredRegistry::note_health(const core::TenantId& tenant, const IdBytes& id, bool healthy,
                                         core::Instant when, std::vector<std::string> models) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  TALON_TRY(stored, provider_keys(tenant));
  const auto found = std::find_if(stored.begin(), stored.end(), [&](const auto& row) { return row.id == id; });
  if (found == stored.end()) return core::fail(Code::not_found, "the provider key was replaced or removed");
  auto& row = *found;
  row.healthy = healthy;
  row.last_check = when;
  if (!models.empty()) row.models = std::move(models);
  const auto rows = [&](WriteTxn& txn, LogNumber log) {
    const auto key = provider_key_key(log, row.provider);
    return txn.put(Table::provider_keys, key, encode(key, row));
  };
  TALON_TRY_VOID(commit(core::LogName::of(tenant), rows, std::nullopt));
  return {};
}

}  // namespace talon::vault

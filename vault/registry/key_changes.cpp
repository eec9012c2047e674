// API keys and virtual keys made and revoked.
#include "vault/log/key_digest.h"
#include "vault/registry/new_keys.h"
#include "vault/registry/stored_registry.h"
#include "vault/store/log_view.h"
#include "vault/store/scan.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

core::MemberChange made(const char* member, std::string value) {
  return {.member = member, .before = {}, .after = std::move(value)};
}

std::vector<core::MemberChange> revoked() { return {{.member = "status", .before = "active", .after = "revoked"}}; }

}  // namespace

Result<IssuedKey> StoredRegistry::new_api_key(const NewApiKey& wanted) {
  TALON_TRY(keys, keys_());
  IssuedKey issued;
  issued.key = new_api_key_text(*random_);
  issued.row.id = new_id();
  issued.row.digest = key_digest(keys->vault_secret, issued.key.reveal());
  issued.row.preview = preview_of(issued.key);
  issued.row.name = wanted.name;
  issued.row.created = clock_.now();
  issued.row.expires = wanted.expires;
  return issued;
}

Result<IssuedKey> StoredRegistry::create_api_key(const core::TenantId& tenant, const NewApiKey& wanted,
                                                 const Actor& actor, const KeyAnswerOf& answer) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  TALON_TRY(before, known(tenant));
  if (!before.log) return core::fail(Code::not_found, "there is no such tenant");
  if (before.row && before.row->status == AccountStatus::closed) {
    return core::fail(Code::conflict, "the tenant's account is closed");
  }
  TALON_TRY(issued, new_api_key(wanted));
  core::OperatorDetail act{
      .actor = actor.name, .action = "key.create", .target = key_id_text(issued.row.id), .count = {}};
  if (!wanted.name.empty()) act.changes.push_back(made("name", wanted.name));
  if (wanted.expires) act.changes.push_back(made("expires_at", core::to_rfc3339_millis(*wanted.expires)));
  std::optional<KeptAnswer> kept;
  if (answer) kept = KeptAnswer{.at = issued.row.created, .answer = answer(issued)};
  const auto rows = [&](WriteTxn& txn, LogNumber log) -> Result<void> {
    TALON_TRY_VOID(put_api_key(txn, log, issued.row));
    return kept ? keep_answer(txn, *kept) : Result<void>();
  };
  TALON_TRY(log, commit(tenant, rows, std::move(act)));
  table_.insert(entry_of(log, issued.row));
  return std::move(issued);
}

Result<void> StoredRegistry::revoke_api_key(const core::TenantId& tenant, const IdBytes& id, const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  std::optional<ApiKeyRow> row;
  {
    TALON_TRY(txn, environment_.read());
    TALON_TRY(log, find_log(txn, core::LogName::of(tenant)));
    const auto key = owned_key(log.value_or(LogNumber{}), id);
    TALON_TRY(value, txn.get(Table::api_keys, key));
    if (!log || !value) return core::fail(Code::not_found, "there is no such key");
    row = decode<ApiKeyRow>(key, *value);
    if (!row) return core::fail(Code::vault_corrupt, "a stored API key is damaged; run talon audit verify");
  }
  core::OperatorDetail act{.actor = actor.name, .action = "key.revoke", .target = key_id_text(id), .count = {}};
  act.changes = revoked();
  const auto rows = [&](WriteTxn& txn, LogNumber log) { return remove_api_key(txn, log, *row); };
  TALON_TRY_VOID(commit(tenant, rows, std::move(act)));
  table_.revoke(row->digest);
  return {};
}

Result<IssuedVirtualKey> StoredRegistry::issue_virtual_key(const NewVirtualKey& wanted, const Actor& actor,
                                                           const VirtualAnswerOf& answer) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY(keys, ready_to_change());
  if (wanted.tenant) {
    TALON_TRY(before, known(*wanted.tenant));
    if (before.row && before.row->status == AccountStatus::closed) {
      return core::fail(Code::conflict, "the tenant's account is closed");
    }
  }
  IssuedVirtualKey issued;
  issued.key = new_virtual_key_text(*random_);
  auto& row = issued.row;
  row.id = new_id();
  row.digest = key_digest(keys->vault_secret, issued.key.reveal());
  row.prefix = issued.key.reveal().substr(0, 8);
  row.name = wanted.name;
  row.project = wanted.project;
  row.tenant = wanted.tenant;
  row.issued_by = wanted.issued_by;
  row.expose_cost = wanted.expose_cost;
  row.issued = clock_.now();

  core::OperatorDetail act{
      .actor = actor.name, .action = "virtual_key.issue", .target = key_id_text(row.id), .count = {}};
  if (!row.name.empty()) act.changes.push_back(made("name", row.name));
  if (!row.project.empty()) act.changes.push_back(made("project", row.project));
  if (row.tenant) act.changes.push_back(made("tenant_id", row.tenant->bytes()));
  if (row.issued_by) act.changes.push_back(made("issued_by", *row.issued_by));
  if (row.expose_cost) act.changes.push_back(made("expose_cost", "true"));
  std::optional<KeptAnswer> kept;
  if (answer) kept = KeptAnswer{.at = row.issued, .answer = answer(issued)};
  const auto rows = [&](WriteTxn& txn, LogNumber log) -> Result<void> {
    TALON_TRY_VOID(put_virtual_key(txn, log, row));
    return kept ? keep_answer(txn, *kept) : Result<void>();
  };
  const auto name = row.tenant ? core::LogName::of(*row.tenant) : core::LogName::operator_log();
  TALON_TRY(log, commit(name, rows, std::move(act)));
  table_.insert(entry_of(log, row));
  return issued;
}

Result<VirtualKeyRow> StoredRegistry::revoke_virtual_key(const IdBytes& id, const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  std::optional<VirtualKeyRow> row;
  // Virtual keys are the operator's and few: they are not indexed by id alone.
  TALON_TRY_VOID(
      walk_table(environment_, Table::virtual_keys, {}, [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
        if (!entry.key.ends_with(view(id))) return Walk::on;
        row = decode<VirtualKeyRow>(entry.key, entry.value);
        if (!row) return core::fail(Code::vault_corrupt, "a stored virtual key is damaged; run talon audit verify");
        return Walk::end;
      }));
  if (!row || row->revoked) return core::fail(Code::not_found, "there is no such virtual key");
  row->revoked = clock_.now();
  row->last_used = last_use(row->digest, row->last_used);
  core::OperatorDetail act{.actor = actor.name, .action = "virtual_key.revoke", .target = key_id_text(id), .count = {}};
  act.changes = revoked();
  const auto rows = [&](WriteTxn& txn, LogNumber log) { return put_virtual_key(txn, log, *row); };
  const auto name = row->tenant ? core::LogName::of(*row->tenant) : core::LogName::operator_log();
  TALON_TRY_VOID(commit(name, rows, std::move(act)));
  table_.revoke(row->digest);
  return std::move(*row);
}

}  // namespace talon::vault

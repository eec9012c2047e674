// Accounts made, changed and closed.
#include "vault/registry/new_keys.h"
#include "vault/registry/stored_registry.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}

void put_differences(std::vector<core::MemberChange>& changes, const AccountRow* before, const AccountRow& after) {
  const auto member = [&](const char* name, const auto& text_of) {
    auto was = before == nullptr ? std::nullopt : text_of(*before);
    auto is = text_of(after);
    if (was != is) changes.push_back({.member = name, .before = std::move(was), .after = std::move(is)});
  };
  using Row = AccountRow;
  using Text = std::optional<std::string>;
  member("name", [](const Row& row) -> Text { return unless_empty(row.name); });
  member("email", [](const Row& row) -> Text { return unless_empty(row.email); });
  member("status", [](const Row& row) -> Text { return std::string(word(row.status)); });
  member("reason", [](const Row& row) -> Text { return unless_empty(row.reason); });
  member("tier", [](const Row& row) -> Text { return unless_empty(row.tier); });
  member("pending_tier", [](const Row& row) -> Text { return row.pending_tier; });
  member("effective_at", [](const Row& row) -> Text {
    return row.effective_at ? Text(core::to_rfc3339_millis(*row.effective_at)) : std::nullopt;
  });
  member("monthly_budget_usd", [](const Row& row) -> Text {
    return row.monthly_budget ? Text(row.monthly_budget->to_decimal()) : std::nullopt;
  });
  member("provider_keys", [](const Row& row) -> Text { return row.own_provider_keys ? "own" : "operator"; });
  member("features_off", [](const Row& row) -> Text { return unless_empty(joined(row.features_off)); });
  member("routing", [](const Row& row) -> Text { return unless_empty(row.routing); });
}

/// What a tenant without a row counts as.
AccountRow implied(const AccountRow& row) {
  AccountRow out{.id = row.id};
  out.source = row.source;
  out.own_provider_keys = row.own_provider_keys;
  return out;
}

}  // namespace

std::vector<core::MemberChange> changes_between(const AccountRow* before, const AccountRow& after) {
  std::vector<core::MemberChange> changes;
  put_differences(changes, before, after);
  return changes;
}

Result<CreatedAccount> StoredRegistry::create_account(const NewAccount& wanted, const Actor& actor,
                                                      const AnswerOf& answer) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  auto id = wanted.id;
  if (!id) {
    TALON_TRY(made, core::TenantId::parse(new_tenant_id(clock_.now(), *random_)));
    id = std::move(made);
  }
  TALON_TRY(before, known(*id));
  if (before.row) {
    // The evidence of a closed account stays, and is read by id: nobody else may come by it.
    return core::fail(Code::conflict, before.row->status == AccountStatus::closed
                                          ? "a tenant with this id was closed; its id is not given again"
                                          : "a tenant with this id exists already");
  }
  const auto now = clock_.now();
  AccountRow row{.id = *id};
  row.name = wanted.name;
  row.email = wanted.email;
  row.tier = wanted.tier;
  row.monthly_budget = wanted.monthly_budget;
  row.own_provider_keys = wanted.own_provider_keys;
  row.created = row.changed = now;
  TALON_TRY(key, new_api_key({.name = wanted.key_name, .expires = std::nullopt}));
  CreatedAccount created{.row = std::move(row), .key = std::move(key)};

  core::OperatorDetail act{.actor = actor.name, .action = "tenant.create", .target = id->bytes(), .count = {}};
  act.changes = changes_between(nullptr, created.row);
  act.changes.push_back({.member = "key_id", .before = {}, .after = key_id_text(created.key.row.id)});
  std::optional<KeptAnswer> kept;
  if (answer) kept = KeptAnswer{.at = now, .answer = answer(created)};
  const auto rows = [&](WriteTxn& txn, LogNumber log) -> Result<void> {
    const auto account_key = key_of(log);
    TALON_TRY_VOID(txn.put(Table::accounts, account_key, encode(account_key, created.row)));
    TALON_TRY_VOID(put_api_key(txn, log, created.key.row));
    return kept ? keep_answer(txn, *kept) : Result<void>();
  };
  TALON_TRY(log, commit(*id, rows, std::move(act)));
  names_.add(log, *id);
  table_.insert(entry_of(log, created.key.row));
  return created;
}

Result<AccountRow> StoredRegistry::change_account(AccountRow row, std::string_view action, const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  TALON_TRY(before, known(row.id));
  if (before.row && before.row->status == AccountStatus::closed) {
    return core::fail(Code::conflict, "the tenant's account is closed");
  }
  const auto was = before.row ? *before.row : implied(row);
  const bool of_status = action == "tenant.suspend" || action == "tenant.resume";
  if (of_status && was.status == row.status) {
    return core::fail(Code::conflict, "the tenant is " + std::string(word(row.status)) + " already");
  }
  auto changes = changes_between(&was, row);
  row.created = before.row ? before.row->created : clock_.now();
  row.changed = clock_.now();
  core::OperatorDetail act{.actor = actor.name, .action = std::string(action), .target = row.id.bytes(), .count = {}};
  act.changes = std::move(changes);
  const auto rows = [&](WriteTxn& txn, LogNumber log) -> Result<void> {
    const auto key = key_of(log);
    return txn.put(Table::accounts, key, encode(key, row));
  };
  TALON_TRY_VOID(commit(row.id, rows, std::move(act)));
  return row;
}

Result<void> StoredRegistry::close_account(const core::TenantId& tenant, const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  TALON_TRY_VOID(ready_to_change());
  TALON_TRY(before, known(tenant));
  if (!before.row) return core::fail(Code::not_found, "there is no account of this tenant");
  if (before.row->status == AccountStatus::closed) return core::fail(Code::not_found, "the account is closed already");
  const auto now = clock_.now();
  auto row = *before.row;
  row.status = AccountStatus::closed;
  row.closed_at = row.changed = now;
  TALON_TRY(api, owned_rows<ApiKeyRow>(Table::api_keys, *before.log));
  TALON_TRY(scoped, owned_rows<VirtualKeyRow>(Table::virtual_keys, *before.log));
  TALON_TRY(provided, provider_keys(tenant));

  core::OperatorDetail act{.actor = actor.name, .action = "tenant.close", .target = tenant.bytes(), .count = {}};
  act.changes = changes_between(&*before.row, row);
  const auto none_left = [&](const char* what, std::size_t count) {
    if (count > 0) act.changes.push_back({.member = what, .before = std::to_string(count), .after = "0"});
  };
  std::erase_if(scoped, [](const auto& key) { return key.revoked.has_value(); });
  none_left("api_keys", api.size());
  none_left("virtual_keys", scoped.size());
  none_left("providers", provided.size());
  const auto rows = [&](WriteTxn& txn, LogNumber log) -> Result<void> {
    const auto account_key = key_of(log);
    TALON_TRY_VOID(txn.put(Table::accounts, account_key, encode(account_key, row)));
    for (const auto& key : api) TALON_TRY_VOID(remove_api_key(txn, log, key));
    for (auto key : scoped) {
      key.revoked = now;
      TALON_TRY_VOID(put_virtual_key(txn, log, key));
    }
    // A provider's secret has no business here once its tenant has gone.
    for (const auto& key : provided) {
      TALON_TRY_VOID(txn.remove(Table::provider_keys, provider_key_key(log, key.provider)));
    }
    return {};
  };
  TALON_TRY_VOID(commit(tenant, rows, std::move(act)));
  for (const auto& key : api) table_.revoke(key.digest);
  for (const auto& key : scoped) table_.revoke(key.digest);
  return {};
}

}  // namespace talon::vault

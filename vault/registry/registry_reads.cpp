// Reads of the registry: short transactions, copied out.
#include <algorithm>
#include <map>

#include "vault/registry/sealed_provider_key.h"
#include "vault/registry/stored_registry.h"
#include "vault/store/log_view.h"
#include "vault/store/scan.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

std::unexpected<core::Error> damaged(const char* what) {
  return core::fail(Code::vault_corrupt, std::string("a stored ") + what +
                                             " is damaged; run talon audit verify, and restore the vault from "
                                             "a backup");
}

template <class Row>
constexpr const char* name_of();
template <>
constexpr const char* name_of<ApiKeyRow>() {
  return "API key";
}
template <>
constexpr const char* name_of<VirtualKeyRow>() {
  return "virtual key";
}

/// Calls `take` with each row of a table whose key begins with `prefix`.
template <class Row, class Take>
Result<void> each_row(const Environment& environment, Table table, std::string_view prefix, Take take) {
  return walk_table(environment, table, prefix, [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
    if (!entry.key.starts_with(prefix)) return Walk::end;
    auto row = decode<Row>(entry.key, entry.value);
    if (!row) return damaged(name_of<Row>());
    return take(std::move(*row));
  });
}

bool holds(const AccountRow& row, std::string_view text) {
  return row.id.bytes().find(text) != std::string::npos || row.name.find(text) != std::string::npos ||
         row.email.find(text) != std::string::npos;
}

}  // namespace

template <class Row>
Result<std::vector<Row>> StoredRegistry::owned_rows(Table table, LogNumber log) const {
  std::vector<Row> rows;
  TALON_TRY_VOID(each_row<Row>(environment_, table, key_of(log), [&](Row row) -> Result<Walk> {
    rows.push_back(std::move(row));
    return Walk::on;
  }));
  return rows;
}
template Result<std::vector<VirtualKeyRow>> StoredRegistry::owned_rows(Table table, LogNumber log) const;

std::optional<core::Instant> StoredRegistry::last_use(const Hash& digest, std::optional<core::Instant> stored) const {
  const auto* entry = table_.any(digest);
  const auto used = entry == nullptr ? 0 : entry->last_used.load(std::memory_order_relaxed);
  if (used == 0) return stored;
  return stored ? std::max(*stored, core::Instant{used}) : core::Instant{used};
}

Result<std::optional<AccountRow>> StoredRegistry::account(const core::TenantId& tenant) const {
  TALON_TRY(found, known(tenant));
  return std::move(found.row);
}

Result<std::vector<ProviderKeyRow>> StoredRegistry::provider_rows(const ReadTxn& txn, LogNumber log) const {
  std::vector<ProviderKeyRow> rows;
  const auto prefix = key_of(log);
  TALON_TRY(cursor, txn.cursor(Table::provider_keys));
  auto at = cursor.at_or_after(prefix);
  for (; at && *at && (*at)->key.starts_with(prefix.view()); at = cursor.next()) {
    auto row = decode<ProviderKeyRow>((*at)->key, (*at)->value);
    if (!row) return damaged("provider key");
    rows.push_back(std::move(*row));
  }
  if (!at) return core::fail(at.error());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.provider < b.provider; });
  return rows;
}

Result<AccountRef> StoredRegistry::open_account(const core::TenantId& tenant) const {
  auto account = std::make_shared<Account>(Account{.row = {.id = tenant}, .credentials = {}});
  std::vector<ProviderKeyRow> rows;
  {
    TALON_TRY(txn, environment_.read());
    TALON_TRY(log, find_log(txn, core::LogName::of(tenant)));
    if (!log) return AccountRef();
    const auto key = key_of(*log);
    TALON_TRY(value, txn.get(Table::accounts, key));
    if (!value) return AccountRef();
    auto row = decode<AccountRow>(key, *value);
    if (!row || row->id != tenant) return damaged("account");
    account->row = std::move(*row);
    TALON_TRY(stored, provider_rows(txn, *log));
    rows = std::move(stored);
  }
  account->only_own_credentials = account->row.own_provider_keys;
  if (rows.empty()) return AccountRef(std::move(account));
  TALON_TRY(keys, keys_());
  for (auto& row : rows) {
    TALON_TRY(secret, open_provider_key(row.sealed, tenant, row.provider, keys->sealing_key));
    account->credentials.push_back({.id = row.id,
                                    .provider = std::move(row.provider),
                                    .api_key = std::move(secret),
                                    .timeout_s = row.timeout_s,
                                    .max_retries = row.max_retries});
  }
  return AccountRef(std::move(account));
}

Result<AccountPage> StoredRegistry::accounts(const AccountQuery& query) const {
  AccountPage page;
  if (query.limit == 0 || query.after == ~std::uint32_t{0}) return page;
  const auto from = key_of(LogNumber{query.after ? *query.after + 1 : 0});
  std::uint32_t newest = 0;
  const auto take = [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
    auto row = decode<AccountRow>(entry.key, entry.value);
    if (!row) return damaged("account");
    if (!query.text.empty() && !holds(*row, query.text)) return Walk::on;
    if (page.rows.size() == query.limit) {
      page.next_after = newest;
      return Walk::end;
    }
    newest = ByteReader(entry.key).number<std::uint32_t>();
    page.rows.push_back(std::move(*row));
    return Walk::on;
  };
  TALON_TRY_VOID(walk_table(environment_, Table::accounts, from, take));
  return page;
}

Result<std::vector<ApiKeyRow>> StoredRegistry::api_keys(const core::TenantId& tenant) const {
  TALON_TRY(found, known(tenant));
  std::vector<ApiKeyRow> rows;
  if (!found.log) return rows;
  TALON_TRY(stored, owned_rows<ApiKeyRow>(Table::api_keys, *found.log));
  rows = std::move(stored);
  for (auto& row : rows) row.last_used = last_use(row.digest, row.last_used);
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.created != b.created ? a.created > b.created : a.id > b.id; });
  return rows;
}

Result<std::vector<ProviderKeyRow>> StoredRegistry::provider_keys(const core::TenantId& tenant) const {
  TALON_TRY(txn, environment_.read());
  TALON_TRY(log, find_log(txn, core::LogName::of(tenant)));
  if (!log) return std::vector<ProviderKeyRow>();
  return provider_rows(txn, *log);
}

Result<KeyPage<ApiKeyRow>> StoredRegistry::api_keys(const core::TenantId& tenant, const KeyQuery& query) const {
  KeyPage<ApiKeyRow> page;
  TALON_TRY(txn, environment_.read());
  TALON_TRY(log, find_log(txn, core::LogName::of(tenant)));
  if (!log) return page;
  // An id begins with its time: the newest key is the tenant's last one.
  const auto prefix = key_of(*log);
  const auto end =
      query.before ? owned_key(*log, *query.before) : key_of(LogNumber{static_cast<std::uint32_t>(*log) + 1});
  TALON_TRY(cursor, txn.cursor(Table::api_keys));
  TALON_TRY(behind, cursor.at_or_after(end));
  for (auto at = behind ? cursor.previous() : cursor.last();; at = cursor.previous()) {
    if (!at) return core::fail(at.error());
    if (!*at || !(*at)->key.starts_with(prefix.view())) return page;
    if (page.rows.size() == query.limit) break;
    auto row = decode<ApiKeyRow>((*at)->key, (*at)->value);
    if (!row) return damaged("API key");
    row->last_used = last_use(row->digest, row->last_used);
    page.rows.push_back(std::move(*row));
  }
  if (!page.rows.empty()) page.next = page.rows.back().id;
  return page;
}

Result<KeyPage<VirtualKeyRow>> StoredRegistry::virtual_keys(const KeyQuery& query, VirtualKeys which) const {
  // They stand by tenant, not by age: the newest that are older than `before` are picked out, one more than is asked for.
  std::map<std::string, VirtualKeyRow, std::greater<>> newest;
  const auto take = [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
    const auto id = entry.key.substr(std::min(entry.key.size(), sizeof(LogNumber)));
    if (query.before && id >= view(*query.before)) return Walk::on;
    if (newest.size() > query.limit && id < newest.rbegin()->first) return Walk::on;
    auto row = decode<VirtualKeyRow>(entry.key, entry.value);
    if (!row) return damaged("virtual key");
    if (which == VirtualKeys::in_force && row->revoked) return Walk::on;
    newest.emplace(id, std::move(*row));
    if (newest.size() > query.limit + 1) newest.erase(std::prev(newest.end()));
    return Walk::on;
  };
  TALON_TRY_VOID(walk_table(environment_, Table::virtual_keys, {}, take));
  KeyPage<VirtualKeyRow> page;
  for (auto& [id, row] : newest) {
    if (page.rows.size() == query.limit) {
      if (!page.rows.empty()) page.next = page.rows.back().id;
      break;
    }
    row.last_used = last_use(row.digest, row.last_used);
    page.rows.push_back(std::move(row));
  }
  return page;
}

Result<std::optional<Idempotent>> StoredRegistry::kept_answer(const std::string& key) const {
  TALON_TRY(txn, environment_.read());
  const auto at = answer_key(key);
  TALON_TRY(value, txn.get(Table::answers, at));
  if (!value) return std::optional<Idempotent>();
  auto kept = decode<KeptAnswer>(at, *value);
  if (!kept || kept->answer.key != key) return damaged("answer");
  if (kept->at.micros + k_answer_kept_micros <= clock_.now().micros) return std::optional<Idempotent>();
  return std::optional(std::move(kept->answer));
}

}  // namespace talon::vault

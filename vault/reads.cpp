// The facade's reads of registry and roll-ups.
#include <algorithm>

#include "vault/ledger/costs.h"
#include "vault/store/scan.h"
#include "vault/vault_impl.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

/// Head of a log inside one transaction.
Result<LogHead> head_of(const ReadTxn& txn, LogNumber number, std::string origin) {
  TALON_TRY(log, LogView::of(txn, number));
  TALON_TRY(size, log.size());
  TALON_TRY(root, root_of(size, [&](TreeSize start, unsigned height) { return log.subtree_root(start, height); }));
  LogHead head{.origin = std::move(origin), .size = size, .root = root, .time = std::nullopt};
  if (size > 0) {
    TALON_TRY(newest, log.row(size - 1));
    head.time = newest.header.time;
  }
  return head;
}

Result<TenantDetail> read_detail(const Environment& environment, const core::LogName& name, std::string origin,
                                 core::Instant now) {
  TALON_TRY(txn, environment.read());
  TALON_TRY(number, find_log(txn, name));
  if (!number && name.is_tenant()) return core::fail(unknown_log(name));
  Lifetime sums;
  if (number) {
    TALON_TRY(stored, read_lifetime(txn, *number));
    sums = stored;
  }
  if (sums.sessions == 0) {
    return core::fail(Code::tenant_no_sessions, name.is_tenant()
                                                    ? "the tenant is known, but none of its calls was admitted yet"
                                                    : "the unattributed bucket is empty");
  }
  const auto today = core::day_of(now);
  std::optional<core::TenantId> tenant;
  if (name.is_tenant()) {
    TALON_TRY(id, core::TenantId::parse(name.bytes()));
    tenant = std::move(id);
  }
  TenantDetail detail;
  detail.row = tenant_row(std::move(tenant), sums);
  detail.request_count = sums.requests;
  detail.unpriced_requests = sums.unpriced;
  TALON_TRY(spent_today, read_spend(txn, *number, today, today));
  TALON_TRY(spent_month, read_spend(txn, *number, core::month_start(today), today));
  TALON_TRY(head, head_of(txn, *number, std::move(origin)));
  detail.spend_today = spent_today;
  detail.spend_month = spent_month;
  detail.log = std::move(head);
  return detail;
}

}  // namespace

Result<TenantDetail> Vault::tenant(const core::TenantId& tenant) const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(now, impl_->now());
  const auto name = core::LogName::of(tenant);
  return read_detail(*impl_->environment, name, origin_of(this->name(), name), now);
}

Result<TenantDetail> Vault::unattributed() const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(now, impl_->now());
  const auto name = core::LogName::unattributed();
  return read_detail(*impl_->environment, name, origin_of(this->name(), name), now);
}

Result<Costs> Vault::costs(const core::LogName& log, const Period& period) const {
  TALON_TRY_VOID(impl_->open_log(log));
  TALON_TRY(now, impl_->now());
  return read_costs(*impl_->environment, {.log = log, .project = std::nullopt, .period = period}, now);
}

Result<Costs> Vault::costs(const CostQuery& query) const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(now, impl_->now());
  return read_costs(*impl_->environment, query, now);
}

Result<std::vector<core::LogName>> Vault::logs() const {
  TALON_TRY_VOID(impl_->settle());
  std::vector<core::LogName> names;
  const auto one_log = [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
    auto row = LogRow::decode(entry.value);
    if (!row) return core::fail(Code::vault_corrupt, "a log's name is damaged; run talon audit verify");
    names.push_back(std::move(row->name));
    return Walk::on;
  };
  TALON_TRY_VOID(walk_table(*impl_->environment, Table::logs, {}, one_log));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace talon::vault

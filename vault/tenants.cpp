// The index of tenants: whole, for the command line, and in pages.
#include <algorithm>

#include "vault/ledger/costs.h"
#include "vault/store/log_view.h"
#include "vault/store/scan.h"
#include "vault/vault_impl.h"

namespace talon::vault {

using core::Code;
using core::Result;

namespace {

struct Ranked {
  TenantRow row;
  LogNumber log{};
};

/// Whether a stands before the place (last, tenant) in the order of the index.
bool goes_before(const TenantRow& row, const std::optional<core::Instant>& last, std::string_view tenant) {
  return row.seen.last != last ? row.seen.last > last : std::string_view(row.tenant->bytes()) < tenant;
}

Result<LogRow> name_of(const ReadTxn& txn, LogNumber log) {
  TALON_TRY(value, txn.get(Table::logs, key_of(log)));
  auto row = value ? LogRow::decode(*value) : std::nullopt;
  if (!row) return core::fail(Code::vault_corrupt, "a log's name is damaged; run talon audit verify");
  return std::move(*row);
}

Result<TenantRow> row_at(const ReadTxn& txn, LogNumber log) {
  TALON_TRY(name, name_of(txn, log));
  TALON_TRY(sums, read_lifetime(txn, log));
  if (!name.name.is_tenant()) return tenant_row(std::nullopt, sums);
  TALON_TRY(tenant, core::TenantId::parse(name.name.bytes()));
  return tenant_row(std::move(tenant), sums);
}

Result<TenantRow> read_unattributed(const ReadTxn& txn) {
  TALON_TRY(log, find_log(txn, core::LogName::unattributed()));
  return log ? row_at(txn, *log) : Result<TenantRow>(TenantRow{});
}

/// Everyone with a session whose id holds the text, in the order of the index.
Result<std::vector<Ranked>> rank(const Environment& environment, std::string_view text) {
  std::vector<Ranked> all;
  const auto one_log = [&](const ReadTxn& txn, const Entry& entry) -> Result<Walk> {
    const auto row = LogRow::decode(entry.value);
    ByteReader key(entry.key);
    const LogNumber number{key.number<std::uint32_t>()};
    if (!row) return core::fail(Code::vault_corrupt, "a log's name is damaged; run talon audit verify");
    if (!row->name.is_tenant() || row->name.bytes().find(text) == std::string::npos) return Walk::on;
    TALON_TRY(sums, read_lifetime(txn, number));
    if (sums.sessions == 0) return Walk::on;
    TALON_TRY(tenant, core::TenantId::parse(row->name.bytes()));
    all.push_back({tenant_row(std::move(tenant), sums), number});
    return Walk::on;
  };
  TALON_TRY_VOID(walk_table(environment, Table::logs, {}, one_log));
  std::sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) {
    return goes_before(a.row, b.row.seen.last, b.row.tenant->bytes());
  });
  return all;
}

/// Where a page goes on: in a kept order, and where that is gone, behind this tenant.
struct Place {
  std::uint64_t order = 0;
  std::uint32_t offset = 0;
  std::int64_t last = 0;
  std::string tenant;

  [[nodiscard]] std::string bytes() const {
    std::string out;
    append_number(out, order);
    append_number(out, offset);
    append_number(out, last);
    return out + tenant;
  }
  static std::optional<Place> parse(std::string_view bytes) {
    ByteReader in(bytes);
    Place place;
    place.order = in.number<std::uint64_t>();
    place.offset = in.number<std::uint32_t>();
    place.last = in.number<std::int64_t>();
    place.tenant = in.rest();
    if (!in.ok() || !core::TenantId::parse(place.tenant)) return std::nullopt;
    return place;
  }
};

}  // namespace

TenantRow tenant_row(std::optional<core::TenantId> tenant, const Lifetime& sums) {
  TenantRow row;
  row.tenant = std::move(tenant);
  row.session_count = sums.sessions;
  row.total_cost = sums.cost;
  row.seen = {.first = sums.first, .last = sums.last};
  return row;
}

Result<TenantList> Vault::tenants(std::optional<std::size_t> limit, std::string_view query) const {
  TALON_TRY_VOID(impl_->settle());
  TALON_TRY(ranked, rank(*impl_->environment, query));
  if (limit && ranked.size() > *limit) ranked.resize(*limit);
  TenantList list;
  for (auto& one : ranked) list.tenants.push_back(std::move(one.row));
  TALON_TRY(txn, impl_->environment->read());
  TALON_TRY(unattributed, read_unattributed(txn));
  list.unattributed = std::move(unattributed);
  return list;
}

Result<TenantPage> Vault::tenants(const TenantQuery& query) const {
  Place place;
  if (!query.after.empty()) {
    auto given = Place::parse(query.after);
    if (!given) return core::fail(Code::invalid_request, "this cursor is not one of a page of tenants");
    place = std::move(*given);
  }
  TALON_TRY_VOID(impl_->settle());
  auto order = query.after.empty() ? nullptr : impl_->tenant_orders.find(place.order, query.text);
  if (order == nullptr) {
    TALON_TRY(ranked, rank(*impl_->environment, query.text));
    std::vector<TenantOrders::Place> places;
    for (const auto& one : ranked) {
      const bool passed =
          one.row.tenant->bytes() == place.tenant || goes_before(one.row, core::Instant{place.last}, place.tenant);
      if (query.after.empty() || !passed) places.push_back({one.log, one.row.seen.last.value_or(core::Instant{})});
    }
    order = std::make_shared<const std::vector<TenantOrders::Place>>(std::move(places));
    place.offset = 0;
    if (order->size() > query.limit) place.order = impl_->tenant_orders.keep(query.text, order);
  }
  TenantPage page;
  TALON_TRY(txn, impl_->environment->read());
  const auto begin = std::min<std::size_t>(place.offset, order->size());
  const auto end = std::min(begin + query.limit, order->size());
  for (auto i = begin; i < end; ++i) {
    TALON_TRY(row, row_at(txn, (*order)[i].log));
    page.list.tenants.push_back(std::move(row));
  }
  TALON_TRY(unattributed, read_unattributed(txn));
  page.list.unattributed = std::move(unattributed);
  if (end < order->size()) {
    place.offset = static_cast<std::uint32_t>(end);
    place.last = (*order)[end - 1].last.micros;
    place.tenant = page.list.tenants.back().tenant->bytes();
    page.next = place.bytes();
  }
  return page;
}

}  // namespace talon::vault

#include "vault/ledger/costs.h"

#include <limits>

#include "vault/store/scan.h"

namespace talon::vault {
namespace {

using core::Result;

std::unexpected<core::Error> damaged() {
  return core::fail(core::Code::vault_corrupt, "a stored roll-up is damaged; run talon audit verify");
}

void add(CostCell& sum, core::NanoUsd cost, std::int64_t requests) {
  if (const auto total = sum.cost.checked_add(cost)) sum.cost = *total;
  sum.requests += requests;
}

void add_named(std::map<std::string, CostCell, std::less<>>& cells, std::string_view name, core::NanoUsd cost,
               std::int64_t requests) {
  auto found = cells.find(name);
  if (found == cells.end()) found = cells.emplace(name, CostCell{}).first;
  add(found->second, cost, requests);
}

void add(Costs& costs, Dimension dimension, core::Day day, std::string_view name, core::NanoUsd cost,
         std::int64_t requests) {
  switch (dimension) {
    case Dimension::all: {
      CostCell total{costs.total, costs.requests};
      add(total, cost, requests);
      costs.total = total.cost;
      costs.requests = total.requests;
      add(costs.by_day[day], cost, requests);
      break;
    }
    case Dimension::caller:
      add_named(costs.by_caller, name, cost, requests);
      break;
    case Dimension::provider:
      add_named(costs.by_provider, name, cost, requests);
      break;
    case Dimension::model:
      add_named(costs.by_model, name, cost, requests);
      break;
  }
}

/// Whole days first … last from the roll-ups.
Result<void> add_days(const Environment& environment, LogNumber log, core::Day first, core::Day last, Costs& costs) {
  if (last < first) return {};
  return walk_table(environment, Table::rollups, day_prefix(log, first, Dimension::all),
                    [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
                      const auto key = decode_rollup_key(entry.key);
                      if (!key) return damaged();
                      if (key->log != log || key->lifetime || key->day > last) return Walk::end;
                      const auto cell = DayCell::decode(entry.value);
                      if (!cell) return damaged();
                      add(costs, key->dimension, key->day, cell->name, cell->cost, cell->requests);
                      return Walk::on;
                    });
}

/// The records from ≤ time < to, one by one.
Result<void> add_records(const StoreLogSource& log, core::Instant from, core::Instant to, Costs& costs) {
  TALON_TRY(first, log.first_at_or_after(from));
  TALON_TRY(end, log.first_at_or_after(to));
  LineSlice slice;
  for (auto seq = first; seq < end; seq += slice.lines.size()) {
    TALON_TRY_VOID(log.slice(seq, end - 1, Direction::up, slice));
    for (std::size_t i = 0; i < slice.lines.size(); ++i) {
      const auto& header = slice.lines[i].header;
      TALON_TRY(summary, core::summarize(slice.line(i)));
      const auto change = change_of(summary, header.flags);
      if (!moves_rollups(change)) continue;
      const auto day = core::day_of(header.time);
      const std::int64_t requests = change.counts_as_request ? 1 : 0;
      add(costs, Dimension::all, day, {}, change.cost, requests);
      add(costs, Dimension::caller, day, change.caller, change.cost, requests);
      add(costs, Dimension::provider, day, change.provider, change.cost, requests);
      add(costs, Dimension::model, day, change.model, change.cost, requests);
    }
  }
  return {};
}

constexpr core::Instant k_end_of_time{core::k_micros_per_day * 36'500'000};

}  // namespace

Result<core::NanoUsd> read_spend(const ReadTxn& txn, LogNumber log, core::Day first, core::Day last) {
  core::NanoUsd sum;
  for (auto day = first; day <= last; ++day.number) {
    TALON_TRY(value, txn.get(Table::rollups, day_key(log, day, Dimension::all, {})));
    if (!value) continue;
    const auto cell = DayCell::decode(*value);
    if (!cell) return damaged();
    sum = sum.checked_add(cell->cost).value_or(sum);
  }
  return sum;
}

Result<Lifetime> read_lifetime(const ReadTxn& txn, LogNumber log) {
  TALON_TRY(value, txn.get(Table::rollups, lifetime_key(log)));
  if (!value) return Lifetime{};
  auto sums = Lifetime::decode(*value);
  if (!sums) return damaged();
  return *sums;
}

Result<Costs> read_costs(const Environment& environment, const StoreLogSource& log, const Period& period,
                         core::Instant now) {
  Costs costs;
  const auto today = core::day_of(now);
  {
    TALON_TRY(txn, environment.read());
    TALON_TRY(lifetime, read_lifetime(txn, log.number()));
    costs.from = period.from.value_or(lifetime.first.value_or(now));
    costs.to = period.to.value_or(now);
    TALON_TRY(spent_today, read_spend(txn, log.number(), today, today));
    TALON_TRY(spent_month, read_spend(txn, log.number(), core::month_start(today), today));
    costs.today = spent_today;
    costs.month = spent_month;
  }
  const auto from = period.from.value_or(core::Instant{0});
  const auto to = period.to.value_or(k_end_of_time);
  if (from >= to) return costs;
  const auto first_day = core::day_of(from);
  const auto last_day = core::day_of({to.micros - 1});
  const bool cuts_first = core::start_of(first_day) < from;
  const bool cuts_last = to < core::start_of({last_day.number + 1});
  if (cuts_first && cuts_last && first_day == last_day) {
    TALON_TRY_VOID(add_records(log, from, to, costs));
    return costs;
  }
  if (cuts_first) TALON_TRY_VOID(add_records(log, from, std::min(to, core::start_of({first_day.number + 1})), costs));
  if (cuts_last && !(cuts_first && first_day == last_day)) {
    TALON_TRY_VOID(add_records(log, core::start_of(last_day), to, costs));
  }
  TALON_TRY_VOID(add_days(environment, log.number(), {first_day.number + (cuts_first ? 1 : 0)},
                          {last_day.number - (cuts_last ? 1 : 0)}, costs));
  return costs;
}

}  // namespace talon::vault

#include "vault/ledger/costs.h"

#include <algorithm>

#include "vault/store/log_view.h"
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

using Cells = std::map<std::string, CostCell, std::less<>>;

void add_named(Cells& cells, std::string_view name, core::NanoUsd cost, std::int64_t requests) {
  auto found = cells.find(name);
  if (found == cells.end()) found = cells.emplace(name, CostCell{}).first;
  add(found->second, cost, requests);
}

CostCell difference(const CostCell& whole, const CostCell& part) {
  return {whole.cost.checked_sub(part.cost).value_or(core::NanoUsd()), whole.requests - part.requests};
}

/// What a breakdown is without a part of it; names of which nothing is left are left out.
Cells difference(Cells whole, const Cells& part) {
  for (const auto& [name, cell] : part) whole[name] = difference(whole[name], cell);
  std::erase_if(whole, [](const auto& entry) { return entry.second.requests == 0 && entry.second.cost.nano() == 0; });
  return whole;
}

/// Sums of the projects that have rows of their own, beside those of all.
struct Projects {
  struct Sums {
    CostCell all;
    Cells by_provider, by_model;
    std::map<core::Day, CostCell> by_day;
  };
  std::map<std::string, Sums, std::less<>> named;

  Sums& of(std::string_view name) {
    const auto found = named.find(name);
    return found != named.end() ? found->second : named.emplace(name, Sums{}).first->second;
  }
};

struct Adding {
  Costs& costs;
  Projects& projects;

  void add(Dimension dimension, core::Day day, std::string_view name, core::NanoUsd cost, std::int64_t requests) {
    const auto split = name.find('\0');
    switch (dimension) {
      case Dimension::all: {
        CostCell total{costs.total, costs.requests};
        vault::add(total, cost, requests);
        costs.total = total.cost;
        costs.requests = total.requests;
        vault::add(costs.by_day[day], cost, requests);
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
      case Dimension::project: {
        auto& sums = projects.of(name);
        vault::add(sums.all, cost, requests);
        vault::add(sums.by_day[day], cost, requests);
        break;
      }
      case Dimension::project_provider:
      case Dimension::project_model: {
        if (split == std::string_view::npos) break;
        auto& sums = projects.of(name.substr(0, split));
        add_named(dimension == Dimension::project_model ? sums.by_model : sums.by_provider, name.substr(split + 1),
                  cost, requests);
        break;
      }
    }
  }
};

/// Whole days first … last from the roll-ups.
Result<void> add_days(const Environment& environment, LogNumber log, core::Day first, core::Day last, Adding adding) {
  if (last < first) return {};
  return walk_table(environment, Table::rollups, day_prefix(log, first, Dimension::all),
                    [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
                      const auto key = decode_rollup_key(entry.key);
                      if (!key) return damaged();
                      if (key->log != log || key->lifetime || key->day > last) return Walk::end;
                      const auto cell = DayCell::decode(entry.value);
                      if (!cell) return damaged();
                      adding.add(key->dimension, key->day, cell->name, cell->cost, cell->requests);
                      return Walk::on;
                    });
}

/// What is asked for, with the numbers of its logs.
struct Scope {
  LogNumber log = k_whole_vault;
  std::optional<core::LogName> name;
  LogNumber unattributed{};
};

void add_record(std::string& scratch, const RowHeader& header, const RollupChange& change, Adding adding) {
  if (!change.counts_as_request && change.cost.nano() == 0) return;
  const auto day = core::day_of(header.time);
  const std::int64_t requests = change.counts_as_request ? 1 : 0;
  each_dimension(header.log, change, scratch, [&](Dimension dimension, std::string_view name) {
    adding.add(dimension, day, name, change.cost, requests);
  });
}

/// Whose the session of an unattributed call is; 0: nobody's.
Result<LogNumber> owner_of(const ReadTxn& txn, LogNumber unattributed, const RowHeader& header,
                           std::string_view session) {
  auto key = std::string(session_key(unattributed, session).view());
  if (session.empty()) {
    // A session of its own, unless one has taken it in.
    TALON_TRY(adopter, txn.get(Table::session_uids, view(header.id)));
    if (!adopter) return LogNumber{};
    key = *adopter;
  }
  TALON_TRY(value, txn.get(Table::sessions, key));
  if (!value) return LogNumber{};
  const auto row = SessionRow::decode(*value);
  if (!row) return damaged();
  return row->tenant;
}

/// The records of one log, from ≤ time < to, that count for `owner`: a tenant's own log all do; of the unattributed
/// log those whose session is the owner's, or nobody's.
Result<void> add_log_records(const Environment& environment, const Scope& scope, const core::LogName& log,
                             core::Instant from, core::Instant to, Adding adding) {
  TALON_TRY(source, StoreLogSource::open(environment, log));
  TALON_TRY(first, source.first_at_or_after(from));
  TALON_TRY(end, source.first_at_or_after(to));
  const auto wanted = scope.log == scope.unattributed ? LogNumber{} : scope.log;
  LineSlice slice;
  std::string scratch;
  for (auto seq = first; seq < end; seq += slice.lines.size()) {
    TALON_TRY_VOID(source.slice(seq, end - 1, Direction::up, slice));
    TALON_TRY(txn, environment.read());
    for (std::size_t i = 0; i < slice.lines.size(); ++i) {
      const auto& header = slice.lines[i].header;
      TALON_TRY(summary, core::summarize(slice.line(i)));
      const auto change = change_of(summary, header.flags);
      if (!moves_rollups(change)) continue;
      if (header.log == scope.unattributed) {
        TALON_TRY(owner, owner_of(txn, scope.unattributed, header, change.session));
        if (owner != wanted) continue;
      }
      add_record(scratch, header, change, adding);
    }
  }
  return {};
}

/// Row of the first position at or after `time`.
Result<Position> first_row_at(const ReadTxn& txn, std::uint64_t rows, core::Instant time) {
  Position low = 0, high = rows;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    TALON_TRY(value, txn.get(Table::rows, row_key(middle)));
    const auto row = value ? decode_row(*value) : std::nullopt;
    if (!row) return damaged();
    if (row->header.time < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// Every record of the vault, from ≤ time < to.
Result<void> add_all_records(const Environment& environment, core::Instant from, core::Instant to, Adding adding) {
  Position first = 0;
  {
    TALON_TRY(txn, environment.read());
    TALON_TRY(view, VaultView::of(txn));
    TALON_TRY(found, first_row_at(txn, view.state.rows, from));
    first = found;
  }
  std::string scratch;
  return walk_table(environment, Table::rows, row_key(first), [&](const ReadTxn&, const Entry& entry) -> Result<Walk> {
    const auto row = decode_row(entry.value);
    if (!row) return damaged();
    if (row->header.time >= to) return Walk::end;
    if (row->header.kind != RowKind::record) return Walk::on;
    if ((row->header.flags & k_flag_request) == 0) return Walk::on;
    TALON_TRY(summary, core::summarize(row->payload));
    auto header = row->header;
    header.log = k_whole_vault;
    add_record(scratch, header, change_of(summary, header.flags), adding);
    return Walk::on;
  });
}

Result<void> add_records(const Environment& environment, const Scope& scope, core::Instant from, core::Instant to,
                         Adding adding) {
  if (!scope.name) return add_all_records(environment, from, to, adding);
  if (scope.log == LogNumber{}) return {};
  TALON_TRY_VOID(add_log_records(environment, scope, *scope.name, from, to, adding));
  if (scope.log == scope.unattributed) return {};
  return add_log_records(environment, scope, core::LogName::unattributed(), from, to, adding);
}

/// What names no project is what the named ones leave.
void finish(Costs& costs, const Projects& projects, const std::optional<std::string>& wanted) {
  CostCell rest{costs.total, costs.requests};
  for (const auto& [name, sums] : projects.named) {
    costs.by_project.emplace(name, sums.all);
    rest = difference(rest, sums.all);
  }
  if (rest.requests != 0 || rest.cost.nano() != 0)
    add_named(costs.by_project, k_default_project, rest.cost, rest.requests);
  if (!wanted) return;
  Projects::Sums sums;
  if (*wanted == k_default_project) {
    sums = {.all = rest, .by_provider = costs.by_provider, .by_model = costs.by_model, .by_day = costs.by_day};
    for (const auto& [name, other] : projects.named) {
      sums.by_provider = difference(std::move(sums.by_provider), other.by_provider);
      sums.by_model = difference(std::move(sums.by_model), other.by_model);
      for (const auto& [day, cell] : other.by_day) sums.by_day[day] = difference(sums.by_day[day], cell);
    }
    std::erase_if(sums.by_day, [](const auto& day) { return day.second.requests == 0 && day.second.cost.nano() == 0; });
  } else if (const auto found = projects.named.find(*wanted); found != projects.named.end()) {
    sums = found->second;
  }
  costs.total = sums.all.cost;
  costs.requests = sums.all.requests;
  costs.by_provider = std::move(sums.by_provider);
  costs.by_model = std::move(sums.by_model);
  costs.by_day = std::move(sums.by_day);
  costs.by_caller.clear();
  std::erase_if(costs.by_project, [&](const auto& entry) { return entry.first != *wanted; });
}

/// Spend of whole days, of one project or of all.
Result<core::NanoUsd> project_spend(const Environment& environment, LogNumber log, core::Day first, core::Day last,
                                    const std::optional<std::string>& project) {
  Costs costs;
  Projects projects;
  TALON_TRY_VOID(add_days(environment, log, first, last, Adding{costs, projects}));
  finish(costs, projects, project);
  return costs.total;
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

Result<Costs> read_costs(const Environment& environment, const CostQuery& query, core::Instant now) {
  Costs costs;
  Projects projects;
  const Adding adding{costs, projects};
  const auto& period = query.period;
  const auto today = core::day_of(now);
  Scope scope;
  scope.name = query.log;
  {
    TALON_TRY(txn, environment.read());
    TALON_TRY(unattributed, find_log(txn, core::LogName::unattributed()));
    scope.unattributed = unattributed.value_or(LogNumber{});
    if (query.log) {
      TALON_TRY(number, find_log(txn, *query.log));
      scope.log = number.value_or(LogNumber{});
    }
    const bool known = !query.log || scope.log != LogNumber{};
    Lifetime lifetime;
    if (known) {
      TALON_TRY(stored, read_lifetime(txn, scope.log));
      lifetime = stored;
    }
    costs.from = period.from.value_or(lifetime.first.value_or(now));
    costs.to = period.to.value_or(now);
    if (!known) return costs;
    if (!query.project) {
      TALON_TRY(spent_today, read_spend(txn, scope.log, today, today));
      TALON_TRY(spent_month, read_spend(txn, scope.log, core::month_start(today), today));
      costs.today = spent_today;
      costs.month = spent_month;
    }
  }
  if (query.project) {
    TALON_TRY(spent_today, project_spend(environment, scope.log, today, today, query.project));
    TALON_TRY(spent_month, project_spend(environment, scope.log, core::month_start(today), today, query.project));
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
    TALON_TRY_VOID(add_records(environment, scope, from, to, adding));
    finish(costs, projects, query.project);
    return costs;
  }
  if (cuts_first) {
    const auto end = std::min(to, core::start_of({first_day.number + 1}));
    TALON_TRY_VOID(add_records(environment, scope, from, end, adding));
  }
  if (cuts_last && !(cuts_first && first_day == last_day)) {
    TALON_TRY_VOID(add_records(environment, scope, core::start_of(last_day), to, adding));
  }
  TALON_TRY_VOID(add_days(environment, scope.log, {first_day.number + (cuts_first ? 1 : 0)},
                          {last_day.number - (cuts_last ? 1 : 0)}, adding));
  finish(costs, projects, query.project);
  return costs;
}

}  // namespace talon::vault

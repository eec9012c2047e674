#include "vault/ledger/mirror.h"

namespace talon::vault {
namespace {

std::unexpected<core::Error> damaged(const char* what) {
  return core::fail(core::Code::vault_corrupt, std::string("a stored ") + what + " is damaged");
}

}  // namespace

core::Result<RollupMirror::LifetimeCell*> RollupMirror::lifetime(WriteTxn& txn, LogNumber log) {
  const auto [found, fresh] = lifetimes_.try_emplace(static_cast<std::uint32_t>(log));
  auto& cell = found->second;
  if (fresh) {
    cell.log = log;
    TALON_TRY(stored, txn.get(Table::rollups, lifetime_key(log)));
    if (stored) {
      const auto sums = Lifetime::decode(*stored);
      if (!sums) return damaged("roll-up");
      cell.sums = *sums;
    }
  }
  if (!cell.changed) {
    cell.changed = true;
    changed_lifetimes_.push_back(&cell);
  }
  return &cell;
}

core::Result<RollupMirror::Cell*> RollupMirror::cell(WriteTxn& txn, LogNumber log, core::Day day, Dimension dimension,
                                                     std::string_view name) {
  scratch_.assign(day_prefix(log, day, dimension).view());
  scratch_ += name;
  auto found = cells_.find(scratch_);
  if (found == cells_.end()) {
    Cell fresh;
    fresh.key = day_key(log, day, dimension, name);
    fresh.sums.name = name;
    TALON_TRY(stored, txn.get(Table::rollups, fresh.key));
    if (stored) {
      auto sums = DayCell::decode(*stored);
      if (!sums) return damaged("roll-up");
      fresh.sums = std::move(*sums);
    }
    found = cells_.emplace(scratch_, std::move(fresh)).first;
  }
  auto& cell = found->second;
  if (!cell.changed) {
    cell.changed = true;
    changed_cells_.push_back(&cell);
  }
  return &cell;
}

/// Whether this is the session's first call.
core::Result<bool> RollupMirror::add_session(WriteTxn& txn, LogNumber log, const RollupChange& change,
                                             core::Instant time) {
  scratch_.assign(key_of(log).view());
  scratch_ += change.session;
  auto found = sessions_.find(scratch_);
  if (found == sessions_.end()) {
    Session fresh;
    fresh.key = session_key(log, change.session);
    fresh.sums.id = change.session;
    TALON_TRY(stored, txn.get(Table::sessions, fresh.key));
    if (stored) {
      auto sums = SessionRow::decode(*stored);
      if (!sums) return damaged("session");
      fresh.sums = std::move(*sums);
    }
    found = sessions_.emplace(scratch_, std::move(fresh)).first;
  }
  const bool first = found->second.sums.requests == 0;
  add_to(found->second.sums, change, time);
  return first;
}

core::Result<void> RollupMirror::apply(WriteTxn& txn, LogNumber log, const RollupChange& change, core::Instant time) {
  if (!moves_rollups(change)) return {};
  bool opens_session = change.counts_as_request;
  if (change.counts_as_request && !change.session.empty()) {
    TALON_TRY(first, add_session(txn, log, change, time));
    opens_session = first;
  }
  TALON_TRY(total, lifetime(txn, log));
  add_to(total->sums, change, time, opens_session);
  const auto day = core::day_of(time);
  const std::pair<Dimension, std::string_view> names[] = {{Dimension::all, {}},
                                                          {Dimension::caller, change.caller},
                                                          {Dimension::provider, change.provider},
                                                          {Dimension::model, change.model}};
  for (const auto& [dimension, name] : names) {
    TALON_TRY(sum, cell(txn, log, day, dimension, name));
    add_to(sum->sums, change);
  }
  return {};
}

core::Result<void> RollupMirror::write(WriteTxn& txn) {
  for (auto* changed : changed_lifetimes_) {
    TALON_TRY_VOID(txn.put(Table::rollups, lifetime_key(changed->log), changed->sums.encode()));
    changed->changed = false;
  }
  for (auto* changed : changed_cells_) {
    TALON_TRY_VOID(txn.put(Table::rollups, changed->key, changed->sums.encode()));
    changed->changed = false;
  }
  for (const auto& [name, session] : sessions_) {
    TALON_TRY_VOID(txn.put(Table::sessions, session.key, session.sums.encode()));
  }
  changed_lifetimes_.clear();
  changed_cells_.clear();
  sessions_.clear();
  if (cells_.size() > k_max_cells) cells_.clear();
  if (lifetimes_.size() > k_max_cells) lifetimes_.clear();
  return {};
}

}  // namespace talon::vault

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

core::Result<Lifetime*> RollupMirror::lifetime_row(WriteTxn& txn, LogNumber log) {
  TALON_TRY(cell, lifetime(txn, log));
  return &cell->sums;
}

core::Result<RollupMirror::Session*> RollupMirror::session(WriteTxn& txn, LogNumber space, std::string_view id) {
  scratch_.assign(key_of(space).view());
  scratch_ += id;
  auto found = sessions_.find(scratch_);
  if (found == sessions_.end()) {
    Session fresh;
    fresh.key = session_key(space, id);
    fresh.sums.id = id;
    TALON_TRY(stored, txn.get(Table::sessions, fresh.key));
    if (stored) {
      auto sums = SessionRow::decode(*stored);
      if (!sums) return damaged("session");
      fresh.sums = std::move(*sums);
      fresh.exists = true;
    }
    found = sessions_.emplace(scratch_, std::move(fresh)).first;
  }
  return &found->second;
}

core::Result<void> RollupMirror::count(WriteTxn& txn, LogNumber log, const RollupChange& change, core::Instant time,
                                       int sessions) {
  TALON_TRY(total, lifetime(txn, log));
  add_to(total->sums, change, time, sessions);
  if (!change.counts_as_request && change.cost.nano() == 0) return {};
  core::Result<void> done;
  each_dimension(log, change, names_, [&](Dimension dimension, std::string_view name) {
    if (!done) return;
    const auto sum = cell(txn, log, core::day_of(time), dimension, name);
    if (sum) {
      add_to((*sum)->sums, change);
    } else {
      done = core::fail(sum.error());
    }
  });
  return done;
}

core::Result<void> RollupMirror::uncount(WriteTxn& txn, LogNumber log, const RollupChange& change, core::Instant time) {
  TALON_TRY(total, lifetime(txn, log));
  take_from(total->sums, change);
  if (!change.counts_as_request && change.cost.nano() == 0) return {};
  core::Result<void> done;
  each_dimension(log, change, names_, [&](Dimension dimension, std::string_view name) {
    if (!done) return;
    const auto sum = cell(txn, log, core::day_of(time), dimension, name);
    if (sum) {
      take_from((*sum)->sums, change);
    } else {
      done = core::fail(sum.error());
    }
  });
  return done;
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
    if (!session.exists) continue;  // only looked for
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

// The writer's first commits after a start (evidence.md §4): nothing else is written before they are.
#include <algorithm>

#include "vault/journal/stored_intent.h"
#include "vault/journal/writer.h"

namespace talon::vault {

using core::Result;

Result<void> Writer::start(std::span<const core::LogName> known) {
  TALON_TRY_VOID(upgrade_ledger());
  const bool clean = std::exchange(state_.sealed.clean, false);
  const bool first = state_.sealed.rows == 0;
  if (const auto stamp = stamper_.stamp(); core::day_of(stamp.time) > state_.sealed.marked) {
    TALON_TRY_VOID(mark_logs(stamp));
  }
  TALON_TRY(interrupted, close_open_intents());

  std::vector<core::LogName> names{core::LogName::operator_log(), core::LogName::unattributed()};
  names.insert(names.end(), known.begin(), known.end());
  for (std::size_t i = 0; i < names.size();) {
    const auto stamp = stamper_.stamp();
    TALON_TRY_VOID(begin());
    const auto until = state_.sealed.rows + k_max_batch_items;
    for (; i < names.size() && state_.sealed.rows < until; ++i) TALON_TRY_VOID(log_number(names[i], stamp));
    TALON_TRY_VOID(commit());
    if (unindexed() >= k_index_every) TALON_TRY_VOID(index());
  }

  TALON_TRY_VOID(begin());
  const auto stamp = stamper_.stamp();
  core::EvidenceRecord boot;
  boot.detail = core::BootDetail{.version = version_, .clean = clean || first, .interrupted = interrupted};
  TALON_TRY(log, log_number(core::LogName::operator_log(), stamp));
  TALON_TRY_VOID(append_own(log, stamp, std::move(boot)));
  TALON_TRY_VOID(commit());
  return index();
}

/// Each open intent becomes the record it carries; how many there were.
Result<std::int64_t> Writer::close_open_intents() {
  std::vector<std::pair<Position, IdBytes>> open;
  for (const auto& [id, position] : state_.open_intents) open.emplace_back(position, id);
  std::sort(open.begin(), open.end());
  for (std::size_t i = 0; i < open.size();) {
    const auto stamp = stamper_.stamp();
    TALON_TRY_VOID(begin());
    for (std::size_t n = 0; i < open.size() && n < k_max_batch_items; ++i, ++n) {
      const auto& [position, id] = open[i];
      TALON_TRY(value, txn_->get(Table::rows, row_key(position)));
      const auto row = value ? decode_row(*value) : std::nullopt;
      auto intent = row && row->header.kind == RowKind::intent && row->header.id == id ? decode_intent(row->payload)
                                                                                       : std::nullopt;
      const auto number = row ? static_cast<std::uint32_t>(row->header.log) : 0;
      if (!intent || number == 0 || number > state_.logs.size()) {
        return core::fail(core::Code::vault_corrupt, "the open intent at row " + std::to_string(position) +
                                                         " cannot be read; restore the vault from a backup");
      }
      const auto log = row->header.log;
      named_calls_.insert(id);  // it may have been, before
      TALON_TRY_VOID(join_own_session(log, stamp, id, intent->rollup));
      TALON_TRY_VOID(append_record(log, stamp, id, intent->line, row_flags(intent->rollup)));
      TALON_TRY_VOID(settle_rollups(log, stamp, id, intent->rollup, state_.sealed.rows - 1));
      state_.open_intents.erase(id);
    }
    TALON_TRY_VOID(commit());
    if (unindexed() >= k_index_every) TALON_TRY_VOID(index());
  }
  return static_cast<std::int64_t>(open.size());
}

}  // namespace talon::vault

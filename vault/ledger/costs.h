// Costs over a period: whole UTC days from the roll-ups, the days that a period cuts from their records.
#pragma once

#include "vault/ledger/rollup.h"
#include "vault/store/log_source.h"
#include "vault/vault.h"

namespace talon::vault {

/// `now`: what "today" and "this month" are. An open end of the period reaches as far as the records do. A log nobody
/// knows is one without calls. Of one project, `by_caller` is empty: it is not kept apart.
[[nodiscard]] core::Result<Costs> read_costs(const Environment& environment, const CostQuery& query, core::Instant now);

/// Sum of a log's days first … last.
[[nodiscard]] core::Result<core::NanoUsd> read_spend(const ReadTxn& txn, LogNumber log, core::Day first,
                                                     core::Day last);
/// Zeros when the log has no calls yet.
[[nodiscard]] core::Result<Lifetime> read_lifetime(const ReadTxn& txn, LogNumber log);

}  // namespace talon::vault

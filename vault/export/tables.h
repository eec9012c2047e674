// Table exports: calls and sessions as rows for spreadsheets and SQL. They are for analysis and prove nothing: a row
// stands for a record, with the tenant that the call counts for today, and whoever holds the file can change it.
//
//   requests   id, timestamp (s since 1970, UTC), project, modality, model_id ("provider/model"), provider,
//              input_units, output_units (tokens), cost_usd, pricing_source, ttfb_ms, total_latency_ms, status
//              (success|error|cancelled), fallback_from, error_message, metadata (JSON), session_id, tenant_id,
//              cost_nano_usd (exact); both costs are null, or empty, for a call whose price is not known
//   sessions   and the tables that later versions fill: see sqlite.cpp
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "vault/vault.h"

namespace talon::vault {

/// One row of `requests`; what its columns say that the call does not say itself.
struct RequestRow {
  const CallInfo& call;
  [[nodiscard]] double timestamp() const { return static_cast<double>(call.time.micros) / 1e6; }
  [[nodiscard]] std::string model_id() const;
  /// Where the price comes from: "price-row:" and its hash; empty: unpriced, or free.
  [[nodiscard]] std::string pricing_source() const;
  [[nodiscard]] std::string_view status() const;
  /// The provider that was asked first, where another one answered.
  [[nodiscard]] std::optional<std::string_view> fallback_from() const;
  [[nodiscard]] std::string metadata() const;
  /// No price was known: what it cost is not 0 but unknown. A refused call cost nothing.
  [[nodiscard]] bool unpriced() const { return !call.priced && call.outcome != "denied"; }
  [[nodiscard]] double cost_usd() const { return static_cast<double>(call.cost.nano()) / 1e9; }
};
[[nodiscard]] inline double milliseconds(core::Micros value) { return static_cast<double>(value.count) / 1e3; }

/// Every call of the filter and period, oldest first.
[[nodiscard]] core::Result<void> each_call(const Vault& vault, const LogFilter& log, const Period& period,
                                           const std::function<core::Result<void>(const RequestRow& row)>& visit);
/// Every session that lived in the period, oldest first.
[[nodiscard]] core::Result<void> each_session(
    const Vault& vault, const LogFilter& log, const Period& period,
    const std::function<core::Result<void>(const SessionInfo& session)>& visit);

}  // namespace talon::vault

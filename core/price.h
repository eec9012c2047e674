// Prices: what a model costs, and what a call cost.
//
// A price is nano-USD per million units, so that half-nano prices per token stay exact; a cost is
// Σ count × price, divided once and rounded up to the next nano-USD. The built-in table is
// core/prices.yaml (dated, with a source for each price); `pricing_file` overrides and adds rows in
// the same form. Immutable after load; any thread may read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "core/evidence_record.h"
#include "core/money.h"

namespace talon::core {

/// nano-USD per one million tokens.
struct PricePerMillion {
  std::int64_t nano = 0;
};

struct PriceRow {
  std::string provider;  ///< "openai", "anthropic", "google"
  std::string model;     ///< as the provider names it
  PricePerMillion input;
  PricePerMillion output;
  std::optional<PricePerMillion> cached_input;  ///< cached prompt tokens; absent: as input
  std::int64_t context_window = 0;              ///< tokens; 0 = not known
  std::int64_t max_output = 0;                  ///< tokens; 0 = not known
  std::string source;                           ///< where the price was read
  std::string effective;                        ///< YYYY-MM-DD
};

/// The row as a canonical line; its hash goes into each record (`decision.prices`).
[[nodiscard]] std::string canonical_line(const PriceRow& row);

/// Exact cost of a call. `usage.input` includes the cached tokens, as OpenAI reports them. Negative
/// counts count as 0. Error: Code::internal_error on overflow of the money range.
[[nodiscard]] Result<NanoUsd> cost_of(const PriceRow& row, const Usage& usage);

struct Problem;

class PriceTable {
 public:
  /// The table compiled into the binary.
  [[nodiscard]] static PriceTable built_in();
  /// Applies a pricing file's text over this table. All problems at once, each with its place.
  [[nodiscard]] std::vector<Problem> overlay(std::string_view yaml, std::string_view file_name);

  /// Exact name first, then the dated alias rule (`gpt-4o-2024-08-06` is `gpt-4o` when it has no
  /// row of its own). nullptr: unpriced.
  [[nodiscard]] const PriceRow* find(std::string_view model) const;
  [[nodiscard]] const PriceRow* find(std::string_view provider, std::string_view model) const;
  [[nodiscard]] const std::vector<PriceRow>& rows() const noexcept { return rows_; }
  [[nodiscard]] const std::string& date() const noexcept { return date_; }

 private:
  std::vector<PriceRow> rows_;
  std::unordered_map<std::string, std::size_t> by_model_;
  std::string date_;
};

}  // namespace talon::core

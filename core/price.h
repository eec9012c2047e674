// Prices: what a model costs, and what a call cost.
//
// A price is nano-USD per million units, so that half-nano prices per token stay exact; a cost is
// Σ count × price, divided once and rounded up to the next nano-USD. The built-in table is
// core/prices.yaml (dated, with a source for each price); `pricing_file` overrides and adds rows in
// the same form. Immutable after load; any thread may read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

/// Prices of the whole call once its prompt has more than `above` tokens.
struct LongContext {
  std::int64_t above = 0;
  PricePerMillion input;
  PricePerMillion output;
  std::optional<PricePerMillion> cached_input;  ///< absent: as input
};

struct PriceRow {
  std::string provider;  ///< "openai", "anthropic", "google"
  std::string model;     ///< as the provider names it
  PricePerMillion input;
  PricePerMillion output;
  std::optional<PricePerMillion> cached_input;  ///< cached prompt tokens; absent: as input
  std::optional<LongContext> long_context;
  std::int64_t context_window = 0;  ///< tokens; 0 = not known
  std::int64_t max_output = 0;      ///< tokens; 0 = not known
  std::string source;               ///< where the price was read
  std::string effective;            ///< YYYY-MM-DD
};

/// The row as a canonical line; its hash goes into each record (`decision.prices`).
[[nodiscard]] std::string canonical_line(const PriceRow& row);

/// Exact cost of a call, also of the one a hold assumes. `usage.input` includes the cached tokens, as
/// OpenAI reports them. Negative counts count as 0. Error: Code::internal_error when the cost does not
/// fit a canonical record (2^53 nano-USD).
[[nodiscard]] Result<NanoUsd> cost_of(const PriceRow& row, const Usage& usage);

struct Problem;

class PriceTable {
 public:
  /// The table compiled into the binary.
  [[nodiscard]] static PriceTable built_in();
  /// Applies a pricing file's text over this table: a row replaces the one of the same provider and
  /// model, or is added. All problems at once, each with its place; with an error the table stays as
  /// it was.
  [[nodiscard]] std::vector<Problem> overlay(std::string_view yaml, std::string_view file_name);

  /// Exact name first, then the alias rule: `gpt-4o-2024-08-06`, `claude-3-opus-20240229` and
  /// `claude-3-opus-latest` are the name before the suffix when they have no row of their own.
  /// Without a provider the first row of that name counts. nullptr: unpriced.
  [[nodiscard]] const PriceRow* find(std::string_view model) const;
  [[nodiscard]] const PriceRow* find(std::string_view provider, std::string_view model) const;
  [[nodiscard]] const std::vector<PriceRow>& rows() const noexcept { return rows_; }
  [[nodiscard]] const std::string& date() const noexcept { return date_; }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  [[nodiscard]] const PriceRow* find_exact(std::string_view provider, std::string_view model) const;
  void put(PriceRow row);

  std::vector<PriceRow> rows_;
  /// Model name → its rows, one for each provider that has it.
  std::unordered_map<std::string, std::vector<std::size_t>, TextHash, std::equal_to<>> by_model_;
  std::string date_;
};

}  // namespace talon::core

// What a call may cost at most, as far as its request says (interfaces.md §1, issue text of T4).
#include <algorithm>
#include <limits>

#include "core/canonical_json.h"
#include "gateway/provider/call.h"

namespace talon::gateway {
namespace {

constexpr std::size_t k_bytes_per_token = 3;  // no tokenizer in use makes more tokens of text than this

/// Of two that are not negative; too much is the most there is.
std::int64_t times(std::int64_t a, std::int64_t b) {
  constexpr auto k_most = std::numeric_limits<std::int64_t>::max();
  return b != 0 && a > k_most / b ? k_most : a * b;
}

std::int64_t output_tokens(const core::PriceRow& row, const CallView& view, Endpoint endpoint, std::int64_t assumed) {
  if (endpoint == Endpoint::embeddings) return 0;
  const auto known = row.max_output > 0 ? std::min(row.max_output, assumed) : assumed;
  const auto each = std::max<std::int64_t>(view.max_tokens.value_or(known), 0);
  const auto answers =
      times(std::max<std::int64_t>(view.prompts, 1), std::max({view.n, view.best_of, std::int64_t{1}}));
  return times(each, answers);
}

}  // namespace

core::NanoUsd hold_for(const core::PriceRow* row, const CallView& view, Endpoint endpoint, std::size_t body_bytes,
                       std::int64_t hold_max_output_tokens) {
  if (row == nullptr) return {};
  auto input = static_cast<std::int64_t>((body_bytes + k_bytes_per_token - 1) / k_bytes_per_token);
  if (row->context_window > 0)
    input = std::min(input, times(row->context_window, std::max<std::int64_t>(view.prompts, 1)));
  core::Usage most;
  most.basis = core::UsageBasis::estimated;
  most.input = input;
  most.output = output_tokens(*row, view, endpoint, hold_max_output_tokens);
  // Beyond what a record can hold, no cap admits it, and without one the record shows the bound.
  const auto cost = core::cost_of(*row, most);
  return cost ? *cost : core::NanoUsd(core::k_max_integer);
}

}  // namespace talon::gateway

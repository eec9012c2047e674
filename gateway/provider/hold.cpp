// What a call may cost at most, as far as its request says (interfaces.md §1, issue text of T4).
#include <algorithm>
#include <limits>

#include "core/canonical_json.h"
#include "gateway/provider/call.h"

namespace talon::gateway {
namespace {

constexpr std::size_t k_bytes_per_token = 3;  // no tokenizer in use makes more tokens of text than this

std::int64_t output_tokens(const core::PriceRow& row, const CallView& view, Endpoint endpoint, std::int64_t assumed) {
  if (endpoint == Endpoint::embeddings) return 0;
  const auto known = row.max_output > 0 ? std::min(row.max_output, assumed) : assumed;
  const auto each = std::max<std::int64_t>(view.max_tokens.value_or(known), 0);
  const auto n = std::max<std::int64_t>(view.n, 1);
  return each > std::numeric_limits<std::int64_t>::max() / n ? std::numeric_limits<std::int64_t>::max() : each * n;
}

}  // namespace

core::NanoUsd hold_for(const core::PriceRow* row, const CallView& view, Endpoint endpoint, std::size_t body_bytes,
                       std::int64_t hold_max_output_tokens) {
  if (row == nullptr) return {};
  auto input = static_cast<std::int64_t>((body_bytes + k_bytes_per_token - 1) / k_bytes_per_token);
  if (row->context_window > 0) input = std::min(input, row->context_window);
  core::Usage most;
  most.basis = core::UsageBasis::estimated;
  most.input = input;
  most.output = output_tokens(*row, view, endpoint, hold_max_output_tokens);
  // Beyond what a record can hold, no cap admits it, and without one the record shows the bound.
  const auto cost = core::cost_of(*row, most);
  return cost ? *cost : core::NanoUsd(core::k_max_integer);
}

}  // namespace talon::gateway

#include "vault/journal/stamper.h"

#include <algorithm>
#include <cstdlib>

namespace talon::vault {
namespace {
constexpr std::int64_t k_distrusted_lead = 60 * core::k_micros_per_second;
/// Less than this is the clocks' own drift and reading order, not a step.
constexpr std::int64_t k_step = core::k_micros_per_second;
}  // namespace

Stamper::Stamper(const core::Clock& clock, core::Instant last)
    : clock_(&clock), last_(last), anchor_(clock.now()), anchor_monotonic_(clock.monotonic()) {}

core::Instant Stamper::now() const noexcept {
  const auto read = clock_->now();
  const core::Instant expected{anchor_.micros + (clock_->monotonic().count - anchor_monotonic_.count)};
  return std::max(read.micros - expected.micros > k_distrusted_lead ? expected : read, last_);
}

Stamp Stamper::stamp() noexcept {
  const auto read = clock_->now();
  const auto monotonic = clock_->monotonic();
  const core::Instant expected{anchor_.micros + (monotonic.count - anchor_monotonic_.count)};
  const auto lead = read.micros - expected.micros;
  core::Instant now = read;
  if (lead > k_distrusted_lead) {
    now = expected;
  } else if (std::abs(lead) >= k_step) {
    anchor_ = read;
    anchor_monotonic_ = monotonic;
  }
  last_ = std::max(now, last_);
  if (last_ == read) return {last_, std::nullopt};
  return {last_, read};
}

}  // namespace talon::vault

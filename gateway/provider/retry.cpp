// See retry.h.
#include "gateway/provider/retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace talon::gateway {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds k_first_pause{500};
constexpr milliseconds k_longest_pause{8'000};

/// Any longer than a day is as good as never.
constexpr std::int64_t k_longest_asked_s = 86'400;

/// IMF-fixdate (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". The obsolete forms are not read.
std::optional<core::Instant> parse_fixdate(std::string_view text) {
  constexpr std::size_t k_length = 29;
  constexpr std::array<std::string_view, 12> k_months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != k_length || !text.ends_with(" GMT") || text.substr(3, 2) != ", ") return std::nullopt;
  const auto month = std::ranges::find(k_months, text.substr(8, 3));
  if (month == k_months.end()) return std::nullopt;
  const auto number = static_cast<int>(month - k_months.begin()) + 1;
  std::string rfc3339(text.substr(12, 4));
  rfc3339 += number < 10 ? "-0" : "-";
  rfc3339 += std::to_string(number) + "-";
  rfc3339 += text.substr(5, 2);
  rfc3339 += 'T';
  rfc3339 += text.substr(17, 8);
  rfc3339 += 'Z';
  const auto at = core::parse_period_edge(rfc3339, core::PeriodEdge::from);
  return at ? std::optional(*at) : std::nullopt;
}

}  // namespace

bool may_retry_status(int status) noexcept {
  return status == 408 || status == 409 || status == 429 || (status >= 500 && status <= 599);
}

bool may_retry_connect(core::Code error) noexcept {
  return error == core::Code::provider_error || error == core::Code::provider_timeout;
}

std::optional<milliseconds> retry_after(const Fields& fields, core::Instant now) {
  const auto text = fields.find("retry-after");
  if (!text) return std::nullopt;
  std::int64_t seconds = 0;
  const auto* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, seconds);
  if (parsed.ec == std::errc() && parsed.ptr == end && seconds >= 0)
    return milliseconds(std::min(seconds, k_longest_asked_s) * 1'000);
  const auto date = parse_fixdate(*text);
  if (!date) return std::nullopt;
  const std::int64_t micros = std::clamp<std::int64_t>(date->micros - now.micros, 0, k_longest_asked_s * 1'000'000);
  return milliseconds((micros + 999) / 1'000);
}

std::optional<milliseconds> retry_pause(const RetryState& state, std::optional<milliseconds> asked,
                                        core::Random& random) {
  if (state.retries_made >= std::min(state.max_retries, k_most_retries)) return std::nullopt;
  auto pause = k_first_pause;
  for (int i = 0; i < state.retries_made && pause < k_longest_pause; ++i) pause *= 2;
  if (asked) {
    pause = *asked;
  } else {
    std::array<std::byte, 2> bytes{};
    random.fill(bytes);
    const auto chance = std::to_integer<std::int64_t>(bytes[0]) << 8 | std::to_integer<std::int64_t>(bytes[1]);
    pause -= milliseconds(pause.count() * chance / (4 * 65'536));
  }
  if (pause >= state.time_left) return std::nullopt;
  return pause;
}

}  // namespace talon::gateway

// Instants, days and the injected clock.
//
// All instants are integer microseconds since 1970-01-01T00:00:00Z; all days are UTC days. The
// wall clock may step; the monotonic one may not. Nothing but SystemClock reads the machine's time.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace talon::core {

/// A length of time in microseconds.
struct Micros {
  std::int64_t count = 0;
  friend constexpr auto operator<=>(Micros, Micros) = default;
};

/// Days since 1970-01-01 (UTC).
struct Day {
  std::int32_t number = 0;
  friend constexpr auto operator<=>(Day, Day) = default;
};

/// A point in time: µs since the epoch, UTC.
struct Instant {
  std::int64_t micros = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
};

inline constexpr std::int64_t k_micros_per_second = 1'000'000;
inline constexpr std::int64_t k_micros_per_day = 86'400 * k_micros_per_second;

[[nodiscard]] Day day_of(Instant at) noexcept;
[[nodiscard]] Instant start_of(Day day) noexcept;
/// First day of the month that `day` lies in, and of the month after it.
[[nodiscard]] Day month_start(Day day) noexcept;
[[nodiscard]] Day next_month_start(Day day) noexcept;

/// "2026-05-01T12:00:00.123Z" (milliseconds, truncated).
[[nodiscard]] std::string to_rfc3339_millis(Instant at);
/// "2026-05-01T12:00:00Z".
[[nodiscard]] std::string to_rfc3339_seconds(Instant at);
/// "2026-05-01T12:00:00.123456Z".
[[nodiscard]] std::string to_rfc3339_micros(Instant at);
/// "2026-05-01".
[[nodiscard]] std::string to_date(Day day);

/// How the end of a period is written: a date there includes its whole day.
enum class PeriodEdge { from, to };
/// `YYYY-MM-DD` or RFC 3339 with at most 6 decimals and Z or an offset (evidence.md §5). For
/// PeriodEdge::to a date means the start of the next day (the edge is exclusive).
/// Error: Code::usage, with the accepted forms; also for instants outside 0 … 2^53 µs.
[[nodiscard]] Result<Instant> parse_period_edge(std::string_view text, PeriodEdge edge);

/// Injected everywhere. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const noexcept = 0;
  /// Monotonic, from an arbitrary start.
  [[nodiscard]] virtual Micros monotonic() const noexcept = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const noexcept override;
  [[nodiscard]] Micros monotonic() const noexcept override;
};

}  // namespace talon::core

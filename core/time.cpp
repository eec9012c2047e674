#include "core/time.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <optional>

namespace talon::core {
namespace {

namespace chrono = std::chrono;

/// Instants fit canonical integers: below 2^53 µs (the year 2255).
constexpr std::int64_t k_instant_end = std::int64_t{1} << 53;

chrono::year_month_day civil(Day day) noexcept {
  return chrono::year_month_day{chrono::sys_days{chrono::days{day.number}}};
}

Day from_civil(chrono::year_month_day date) noexcept {
  return Day{static_cast<std::int32_t>(chrono::sys_days{date}.time_since_epoch().count())};
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
  std::array<char, 20> digits{};
  std::size_t at = digits.size();
  for (std::size_t i = 0; i < width; ++i) {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(digits.data() + at, width);
}

void append_date(std::string& out, Day day) {
  const auto date = civil(day);
  append_padded(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
}

/// Up to the seconds, without the Z; answers the microseconds left over.
std::int64_t append_seconds(std::string& out, Instant at) {
  const Day day = day_of(at);
  const std::int64_t in_day = at.micros - start_of(day).micros;
  const std::int64_t seconds = in_day / k_micros_per_second;
  append_date(out, day);
  out += 'T';
  append_padded(out, seconds / 3600, 2);
  out += ':';
  append_padded(out, seconds / 60 % 60, 2);
  out += ':';
  append_padded(out, seconds % 60, 2);
  return in_day % k_micros_per_second;
}

/// Eats a text from the front; every member answers whether what it asked for was there.
struct Reader {
  std::string_view rest;

  bool digits(std::size_t count, std::int64_t& value) {
    if (rest.size() < count) return false;
    value = 0;
    for (const char c : rest.substr(0, count)) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(count);
    return true;
  }
  bool one_of(std::string_view accepted, char& found) {
    if (rest.empty() || accepted.find(rest.front()) == std::string_view::npos) return false;
    found = rest.front();
    rest.remove_prefix(1);
    return true;
  }
  bool literal(char c) {
    char found = 0;
    return one_of(std::string_view(&c, 1), found);
  }
};

std::optional<Day> read_date(Reader& reader) {
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  if (!reader.digits(4, year) || !reader.literal('-') || !reader.digits(2, month) || !reader.literal('-') ||
      !reader.digits(2, day)) {
    return std::nullopt;
  }
  const chrono::year_month_day date{chrono::year{static_cast<int>(year)}, chrono::month{static_cast<unsigned>(month)},
                                    chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  return from_civil(date);
}

/// `HH:MM:SS[.f…](Z|±HH:MM)` as µs to add to the start of the day.
std::optional<std::int64_t> read_time_of_day(Reader& reader) {
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  if (!reader.digits(2, hour) || !reader.literal(':') || !reader.digits(2, minute) || !reader.literal(':') ||
      !reader.digits(2, second) || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  std::int64_t micros = ((hour * 60 + minute) * 60 + second) * k_micros_per_second;
  if (reader.literal('.')) {
    std::int64_t unit = k_micros_per_second;
    for (std::int64_t digit = 0; reader.digits(1, digit);) {
      unit /= 10;
      if (unit == 0) return std::nullopt;
      micros += digit * unit;
    }
    if (unit == k_micros_per_second) return std::nullopt;
  }
  char zone = 0;
  if (!reader.one_of("Zz+-", zone)) return std::nullopt;
  if (zone == '+' || zone == '-') {
    if (!reader.digits(2, hour) || !reader.literal(':') || !reader.digits(2, minute) || hour > 23 || minute > 59)
      return std::nullopt;
    const std::int64_t offset = (hour * 60 + minute) * 60 * k_micros_per_second;
    micros += zone == '+' ? -offset : offset;
  }
  return micros;
}

Instant read_clock(clockid_t id) noexcept {
  timespec now{};
  ::clock_gettime(id, &now);
  return Instant{std::int64_t{now.tv_sec} * k_micros_per_second + now.tv_nsec / 1000};
}

}  // namespace

Day day_of(Instant at) noexcept {
  std::int64_t day = at.micros / k_micros_per_day;
  if (at.micros % k_micros_per_day < 0) --day;
  return Day{static_cast<std::int32_t>(day)};
}

Instant start_of(Day day) noexcept { return Instant{day.number * k_micros_per_day}; }

Day month_start(Day day) noexcept {
  const auto date = civil(day);
  return from_civil(date.year() / date.month() / chrono::day{1});
}

Day next_month_start(Day day) noexcept {
  const auto date = civil(day);
  return from_civil((date.year() / date.month() + chrono::months{1}) / chrono::day{1});
}

std::string to_rfc3339_millis(Instant at) {
  std::string out;
  const std::int64_t micros = append_seconds(out, at);
  out += '.';
  append_padded(out, micros / 1000, 3);
  out += 'Z';
  return out;
}

std::string to_rfc3339_seconds(Instant at) {
  std::string out;
  append_seconds(out, at);
  out += 'Z';
  return out;
}

std::string to_rfc3339_micros(Instant at) {
  std::string out;
  const std::int64_t micros = append_seconds(out, at);
  out += '.';
  append_padded(out, micros, 6);
  out += 'Z';
  return out;
}

std::string to_date(Day day) {
  std::string out;
  append_date(out, day);
  return out;
}

Result<Instant> parse_period_edge(std::string_view text, PeriodEdge edge) {
  const auto malformed = [] {
    return fail(
        Code::usage,
        "a date is YYYY-MM-DD (a UTC day) or an RFC 3339 time such as 2026-05-01T12:00:00Z, with at most 6 decimals");
  };
  Reader reader{text};
  const auto day = read_date(reader);
  if (!day) return malformed();
  Instant at = start_of(*day);
  char separator = 0;
  if (reader.rest.empty()) {
    if (edge == PeriodEdge::to) at.micros += k_micros_per_day;
  } else if (reader.one_of("Tt", separator)) {
    const auto in_day = read_time_of_day(reader);
    if (!in_day || !reader.rest.empty()) return malformed();
    at.micros += *in_day;
  } else {
    return malformed();
  }
  if (at.micros < 0 || at.micros >= k_instant_end)
    return fail(Code::usage, "a date lies between 1970-01-01 and 2255-06-05");
  return at;
}

Instant SystemClock::now() const noexcept { return read_clock(CLOCK_REALTIME); }

Micros SystemClock::monotonic() const noexcept { return Micros{read_clock(CLOCK_MONOTONIC).micros}; }

}  // namespace talon::core

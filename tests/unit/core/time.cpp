#include "core/time.h"

#include <doctest/doctest.h>

#include <string>

using namespace talon::core;  // NOLINT: a test of this namespace

namespace {
constexpr Instant k_noon{1'777'636'800'123'456};  // 2026-05-01T12:00:00.123456Z

Instant edge(std::string_view text, PeriodEdge side = PeriodEdge::from) {
  const auto at = parse_period_edge(text, side);
  REQUIRE_MESSAGE(at, std::string(text));
  return *at;
}
}  // namespace

TEST_CASE("instants are written in three precisions") {
  CHECK(to_rfc3339_millis(k_noon) == "2026-05-01T12:00:00.123Z");
  CHECK(to_rfc3339_seconds(k_noon) == "2026-05-01T12:00:00Z");
  CHECK(to_rfc3339_micros(k_noon) == "2026-05-01T12:00:00.123456Z");
  CHECK(to_rfc3339_micros(Instant{0}) == "1970-01-01T00:00:00.000000Z");
}

TEST_CASE("days and months are UTC and know leap years") {
  CHECK(to_date(day_of(k_noon)) == "2026-05-01");
  CHECK(day_of(start_of(Day{20'000})) == Day{20'000});
  CHECK(day_of(Instant{start_of(Day{20'000}).micros - 1}) == Day{19'999});
  CHECK(day_of(Instant{-1}) == Day{-1});
  const Day leap = day_of(edge("2028-02-29"));
  CHECK(to_date(month_start(leap)) == "2028-02-01");
  CHECK(to_date(next_month_start(leap)) == "2028-03-01");
  CHECK(to_date(next_month_start(day_of(edge("2026-12-31")))) == "2027-01-01");
}

TEST_CASE("a date at the end of a period includes its whole day") {
  CHECK(edge("2026-05-01").micros == start_of(day_of(k_noon)).micros);
  CHECK(edge("2026-05-01", PeriodEdge::to).micros == start_of(day_of(k_noon)).micros + k_micros_per_day);
  CHECK(edge("2026-05-01T12:00:00Z", PeriodEdge::to).micros == k_noon.micros - 123'456);
}

TEST_CASE("RFC 3339 times are read with fractions and offsets") {
  CHECK(edge("2026-05-01T12:00:00.123456Z") == k_noon);
  CHECK(edge("2026-05-01t12:00:00.5z").micros == k_noon.micros - 123'456 + 500'000);
  CHECK(edge("2026-05-01T14:00:00.123456+02:00") == k_noon);
  CHECK(edge("2026-05-01T06:30:00.123456-05:30") == k_noon);
  CHECK(to_rfc3339_micros(edge("2026-05-01T23:59:59.999999Z")) == "2026-05-01T23:59:59.999999Z");
}

TEST_CASE("what is no date is a usage error") {
  for (const std::string text : {"",
                                 "2026",
                                 "2026-5-1",
                                 "2026-02-30",
                                 "2026-13-01",
                                 "2026-00-10",
                                 "2026-05-01T",
                                 "2026-05-01T12:00:00",
                                 "2026-05-01 12:00:00Z",
                                 "2026-05-01T24:00:00Z",
                                 "2026-05-01T12:60:00Z",
                                 "2026-05-01T12:00:60Z",
                                 "2026-05-01T12:00:00.Z",
                                 "2026-05-01T12:00:00.1234567Z",
                                 "2026-05-01T12:00:00+24:00",
                                 "2026-05-01T12:00:00+0200",
                                 "2026-05-01x",
                                 "yesterday",
                                 "-2026-05-01",
                                 "2026-05-01T12:00:00ZZ"}) {
    CAPTURE(text);
    const auto at = parse_period_edge(text, PeriodEdge::from);
    REQUIRE_FALSE(at);
    CHECK(at.error().code == Code::usage);
  }
}

TEST_CASE("dates outside the range of canonical integers are refused") {
  CHECK(edge("1970-01-01").micros == 0);
  CHECK(edge("2255-06-05T23:47:34.740991Z").micros == (std::int64_t{1} << 53) - 1);
  for (const std::string text :
       {"1969-12-31", "1970-01-01T00:00:00+00:01", "2255-06-05T23:47:34.740992Z", "9999-12-31"}) {
    CHECK_FALSE(parse_period_edge(text, PeriodEdge::from));
  }
}

TEST_CASE("the system's clocks run") {
  const SystemClock clock;
  CHECK(clock.now() > k_noon);
  const Micros before = clock.monotonic();
  CHECK(clock.monotonic() >= before);
}

#include "tests/unit/vault/test_world.h"
#include "vault/journal/stamper.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {
std::string kinds(World& world, std::string_view tenant) {
  std::string out;
  for (const auto& line : world.lines(tenant)) {
    const auto kind = core::summarize(line)->kind;
    out += kind == "genesis" ? 'g' : kind == "mark" ? 'm' : kind == "request" ? 'r' : kind == "boot" ? 'b' : '?';
  }
  return out;
}
constexpr std::int64_t k_hour = 3600 * core::k_micros_per_second;
}  // namespace

TEST_CASE("at midnight a log gets a mark unless its newest record is one, before any record of the new day") {
  World world;
  world.start();
  world.record({.tenant = "acme"});
  world.record({.tenant = "globex"});
  world.clock.advance(12 * k_hour);  // midnight
  world.record({.tenant = "acme"});
  CHECK(kinds(world, "acme") == "grmr");
  CHECK(kinds(world, "globex") == "grm");
  world.clock.advance(24 * k_hour);
  world.settle();
  world.settle();
  CHECK(kinds(world, "acme") == "grmrm");
  CHECK(kinds(world, "globex") == "grm");
  CHECK(world.vault->verify()->ok());
}

TEST_CASE("at the first midnight of a month every log gets a mark") {
  World world;
  world.start();
  world.record({.tenant = "acme"});
  world.clock.advance(24 * k_hour);
  world.settle();
  world.settle();
  CHECK(kinds(world, "acme") == "grm");
  world.clock.advance_to({1'780'272'000'000'000});  // 2026-06-01T00:00:00Z
  world.settle();
  world.settle();
  CHECK(kinds(world, "acme") == "grmm");
  CHECK(kinds(world, "").ends_with("mm"));
}

TEST_CASE("marks that became due while nobody served are written at the next start") {
  World world;
  world.start();
  world.record({.tenant = "acme"});
  world.stop();
  world.clock.advance(72 * k_hour);
  world.start();
  CHECK(kinds(world, "acme") == "grm");
  world.stop();
  world.start();
  CHECK(kinds(world, "acme") == "grm");
}

TEST_CASE("time never runs backwards, and the clock is written where it is not the time") {
  World world;
  world.start();
  world.record({.tenant = "acme"});
  world.clock.step(-30 * core::k_micros_per_second);
  world.record({.tenant = "acme"});
  const auto lines = world.lines("acme");
  const auto first = core::summarize(lines[1]).value();
  const auto second = core::summarize(lines[2]).value();
  CHECK(second.time == first.time);
  CHECK(lines[1].find("\"clock\"") == std::string::npos);
  CHECK(lines[2].find("\"clock\":" + std::to_string(world.clock.now().micros)) != std::string::npos);
}

TEST_CASE("a clock that jumps more than a minute ahead does not take the log with it") {
  TestClock clock;
  const auto start = clock.now();
  Stamper stamper(clock, start);
  clock.advance(5'000'000);
  CHECK(stamper.stamp().time == clock.now());
  clock.step(24 * k_hour);
  clock.advance(2'000'000);
  auto stamp = stamper.stamp();
  CHECK(stamp.time.micros == start.micros + 7'000'000);
  CHECK(stamp.clock == clock.now());
  clock.step(-24 * k_hour);  // set right again
  stamp = stamper.stamp();
  CHECK(stamp.time.micros == start.micros + 7'000'000);
  CHECK(!stamp.clock);
}

TEST_CASE("a step of less than a minute is taken, and the next one is measured from there") {
  TestClock clock;
  Stamper stamper(clock, clock.now());
  clock.step(50'000'000);
  CHECK(stamper.stamp().time == clock.now());
  clock.step(50'000'000);
  CHECK(stamper.stamp().time == clock.now());
  clock.step(-3 * k_hour);  // time waits for the clock
  const auto stamp = stamper.stamp();
  CHECK(stamp.time > clock.now());
  CHECK(stamp.clock == clock.now());
}

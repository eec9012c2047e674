#include <random>

#include "tests/unit/vault/test_world.h"

using namespace talon;
using namespace talon::vault;
using namespace talon::vault::test;

namespace {

/// Verifies and says what is wrong.
void check_sound(World& world) {
  const auto report = world.vault->verify();
  REQUIRE_MESSAGE(report.has_value(), report.error().message);
  for (const auto& problem : report->problems) MESSAGE(problem);
  CHECK(report->ok());
  CHECK(report->rollups_ok);
}

/// What a test adds up by itself, beside the vault.
struct Sums {
  std::int64_t cost = 0, requests = 0, sessions = 0, unpriced = 0;
  std::map<std::string, std::int64_t> by_caller, by_model, by_provider;
  std::map<std::int32_t, std::int64_t> by_day;
  std::set<std::string> named_sessions;
  std::vector<std::pair<std::int64_t, std::int64_t>> costs;  ///< time, cost
};

}  // namespace

TEST_CASE("roll-ups equal a recount of the log, for random histories with restarts and midnights") {
  for (const unsigned seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    World world;
    world.start();
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    std::map<std::string, Sums> expected;
    for (int round = 0; round < 12; ++round) {
      for (int i = 0; i < 60; ++i) {
        Call call;
        call.tenant = std::vector<std::string>{"acme", "globex", "", "Zoë & Söhne"}[pick(4)];
        call.caller = "app" + std::to_string(pick(3));
        call.model = pick(10) == 0 ? "" : "model" + std::to_string(pick(3));
        call.provider = pick(10) == 0 ? "" : pick(2) == 0 ? "openai" : "local";
        call.session = pick(3) == 0 ? "call-" + std::to_string(pick(5)) : "";
        call.cost = pick(5'000'000);
        call.priced = pick(8) != 0;
        call.outcome = pick(6) == 0 ? core::Outcome::denied : core::Outcome::allowed;
        world.submit(item_of(call, next_id(world.clock), ItemKind::record, world.port));
        const auto now = world.clock.now();
        if (call.outcome == core::Outcome::denied) continue;
        auto& sums = expected[call.tenant];
        const auto cost = call.priced ? call.cost : 0;
        sums.cost += cost;
        ++sums.requests;
        sums.unpriced += call.priced ? 0 : 1;
        sums.sessions += call.session.empty() || sums.named_sessions.insert(call.session).second ? 1 : 0;
        sums.by_caller[call.caller] += cost;
        sums.by_model[call.model] += cost;
        sums.by_provider[call.provider] += cost;
        sums.by_day[core::day_of(now).number] += cost;
        sums.costs.emplace_back(now.micros, cost);
      }
      world.port.wait(world.submitted);
      world.clock.advance((1 + static_cast<std::int64_t>(pick(30))) * 3600 * core::k_micros_per_second);
      if (pick(4) == 0) {
        world.stop();
        world.start();
      }
    }
    check_sound(world);
    for (const auto& [tenant, sums] : expected) {
      CAPTURE(tenant);
      const auto detail =
          tenant.empty() ? world.vault->unattributed() : world.vault->tenant(core::TenantId::parse(tenant).value());
      REQUIRE(detail.has_value());
      CHECK(detail->row.total_cost.nano() == sums.cost);
      CHECK(detail->row.session_count == sums.sessions);
      CHECK(detail->request_count == sums.requests);
      CHECK(detail->unpriced_requests == sums.unpriced);
      const auto costs = world.vault->costs(log_of(tenant), {});
      REQUIRE(costs.has_value());
      CHECK(costs->total.nano() == sums.cost);
      CHECK(costs->requests == sums.requests);
      for (const auto& [name, cost] : sums.by_caller) CHECK(costs->by_caller.at(name).cost.nano() == cost);
      for (const auto& [name, cost] : sums.by_model) CHECK(costs->by_model.at(name).cost.nano() == cost);
      for (const auto& [name, cost] : sums.by_provider) CHECK(costs->by_provider.at(name).cost.nano() == cost);
      for (const auto& [day, cost] : sums.by_day) CHECK(costs->by_day.at(core::Day{day}).cost.nano() == cost);
      // Any period, on day borders or not, counts exactly the records in it.
      for (int i = 0; i < 20; ++i) {
        auto from = sums.costs.front().first + static_cast<std::int64_t>(pick(10 * 86'400)) * 1'000'000;
        auto to = from + static_cast<std::int64_t>(pick(5 * 86'400)) * 1'000'000 + 1;
        if (i % 4 == 0) from -= from % core::k_micros_per_day;
        if (i % 3 == 0) to += core::k_micros_per_day - to % core::k_micros_per_day;
        std::int64_t cost = 0, requests = 0;
        for (const auto& [time, amount] : sums.costs) {
          if (time < from || time >= to) continue;
          cost += amount;
          ++requests;
        }
        const auto part = world.vault->costs(log_of(tenant), {.from = core::Instant{from}, .to = core::Instant{to}});
        REQUIRE(part.has_value());
        CHECK(part->total.nano() == cost);
        CHECK(part->requests == requests);
        std::int64_t callers = 0, models = 0, providers = 0, days = 0;
        for (const auto& [name, cell] : part->by_caller) callers += cell.cost.nano();
        for (const auto& [name, cell] : part->by_model) models += cell.cost.nano();
        for (const auto& [name, cell] : part->by_provider) providers += cell.cost.nano();
        for (const auto& [day, cell] : part->by_day) days += cell.cost.nano();
        CHECK(callers == cost);
        CHECK(models == cost);
        CHECK(providers == cost);
        CHECK(days == cost);
      }
    }
  }
}

TEST_CASE("refused calls open no session and count no request") {
  World world;
  world.start();
  world.record({.tenant = "acme", .outcome = core::Outcome::denied});
  const auto detail = world.vault->tenant(core::TenantId::parse("acme").value());
  CHECK(detail.error().code == core::Code::tenant_no_sessions);
  CHECK(world.vault->tenant(core::TenantId::parse("nobody").value()).error().code == core::Code::tenant_unknown);
  CHECK(world.vault->unattributed().error().code == core::Code::tenant_no_sessions);
  const auto list = world.vault->tenants(std::nullopt, "");
  REQUIRE(list.has_value());
  CHECK(list->tenants.empty());
  CHECK(world.lines("acme").size() == 2);  // but it is evidence
}

TEST_CASE("tenants are listed by most recent activity, and filtered literally") {
  World world;
  world.start();
  for (const char* tenant : {"acme", "globex", "a.me"}) {
    world.record({.tenant = tenant, .cost = 5});
    world.clock.advance(1'000'000);
  }
  world.record({.tenant = "", .cost = 7});
  const auto list = world.vault->tenants(std::nullopt, "");
  REQUIRE(list.has_value());
  REQUIRE(list->tenants.size() == 3);
  CHECK(list->tenants[0].tenant->bytes() == "a.me");
  CHECK(list->tenants[2].tenant->bytes() == "acme");
  CHECK(list->unattributed.total_cost.nano() == 7);
  CHECK(world.vault->tenants(std::nullopt, "a.m")->tenants.size() == 1);
  CHECK(world.vault->tenants(1, "")->tenants.size() == 1);
}

TEST_CASE("what a caller spent today survives a restart and ends at midnight") {
  World world;
  world.start();
  world.record({.tenant = "acme", .caller = "a", .cost = 10});
  world.record({.tenant = "acme", .caller = "a", .cost = 5});
  world.record({.tenant = "acme", .caller = "b", .cost = 1});
  world.stop();
  world.start();
  auto spend = world.vault->caller_spend_today();
  REQUIRE(spend.has_value());
  CHECK(spend->at({log_of("acme"), "a"}).spent.nano() == 15);
  CHECK(spend->at({log_of("acme"), "b"}).spent.nano() == 1);
  world.clock.advance(core::k_micros_per_day);
  spend = world.vault->caller_spend_today();
  REQUIRE(spend.has_value());
  CHECK(spend->empty());
}

TEST_CASE("what callers spent today is found in each log, whatever lies between: days before, logs without calls") {
  World world;
  world.options.known_tenants = {core::TenantId::parse("quiet").value(), core::TenantId::parse("silent").value()};
  world.start();
  world.record({.tenant = "yesterday", .caller = "a", .cost = 3});
  world.record({.tenant = "both", .caller = "a", .cost = 4});
  world.clock.advance(core::k_micros_per_day);
  world.record({.tenant = "both", .caller = "a", .cost = 5});
  world.record({.tenant = "today", .caller = "b", .cost = 6});
  world.record({.tenant = "denied", .caller = "c", .outcome = core::Outcome::denied});
  world.record({.tenant = "", .caller = "a", .cost = 7});
  const auto spend = world.vault->caller_spend_today();
  REQUIRE(spend.has_value());
  CHECK(spend->size() == 3);
  CHECK(spend->at({log_of("both"), "a"}).spent.nano() == 5);
  CHECK(spend->at({log_of("today"), "b"}).spent.nano() == 6);
  CHECK(spend->at({log_of(""), "a"}).spent.nano() == 7);
}

TEST_CASE("one tenant's reads never show another's records, sums or ids") {
  World world;
  world.start();
  std::mt19937 random(7);
  std::vector<std::pair<std::string, core::EvidenceId>> calls;
  for (int i = 0; i < 300; ++i) {
    const auto tenant = "tenant-" + std::to_string(random() % 20);
    const auto id = next_id(world.clock);
    world.submit(item_of({.tenant = tenant, .caller = "caller of " + tenant}, id, ItemKind::record, world.port));
    calls.emplace_back(tenant, id);
  }
  world.port.wait(world.submitted);
  for (int t = 0; t < 20; ++t) {
    const auto tenant = "tenant-" + std::to_string(t);
    std::size_t own = 1;
    for (const auto& [name, id] : calls) {
      const auto found = world.vault->evidence_by_id(log_of(tenant), id);
      CHECK(found.has_value() == (name == tenant));
      if (name != tenant) CHECK(found.error().code == core::Code::evidence_unknown);
      own += name == tenant ? 1 : 0;
    }
    const auto lines = world.lines(tenant);
    CHECK(lines.size() == own);
    for (const auto& line : lines) CHECK(core::summarize(line)->tenant == tenant);
    const auto costs = world.vault->costs(log_of(tenant), {});
    REQUIRE(costs.has_value());
    for (const auto& [caller, cell] : costs->by_caller) CHECK(caller == "caller of " + tenant);
  }
}
